"""Messages, and examples of them, for the tests of the bridge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from avatar_bridge.messages import FaceFrame

FRAME_NS = 40_000_000


@pytest.fixture
def make_frame() -> Callable[..., FaceFrame]:
    """Return a maker of valid frames at 25 a second, whose `seq` sets time and values; any field may be overridden."""

    def make(seq: int = 0, **changes: Any) -> FaceFrame:
        values: dict[str, Any] = {
            "session": "test",
            "seq": seq,
            "face_id": 0,
            "capture_time_ns": 1_700_000_000_000_000_000 + seq * FRAME_NS,
            "publish_time_ns": 1_700_000_000_005_000_000 + seq * FRAME_NS,
            "source_size_px": (640, 480),
            "tracked": True,
            "confidence": 0.75,
            "alpha_exp": np.roll(np.linspace(0, 1, 46), seq),
            "quaternion": [0.5, 0.5, 0.5, 0.5],
            "euler_rad": [0.1, -0.2, 0.3],
            "translation_px": [320.5, 240.25 + seq % 64, 0],
            "scale_px_per_cm": 12.5,
            "landmarks_px": np.arange(136).reshape(68, 2) * 2.5,
        }
        return FaceFrame(**(values | changes))

    return make
