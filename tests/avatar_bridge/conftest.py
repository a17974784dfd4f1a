"""Messages, and examples of them, for the tests of the bridge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from avatar_bridge.messages import FaceFrame
from avatar_bridge.tracks import FaceTrack
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import quaternion_from_euler

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


@pytest.fixture(scope="session")
def make_track() -> Callable[..., FaceTrack]:
    """Return a maker of valid tracks of random, smooth motion at uneven intervals; any field may be overridden."""

    def make(count: int = 60, seed: int = 0, **changes: Any) -> FaceTrack:
        random = np.random.default_rng(seed)
        time_ns = 1_700_000_000_123_456_789 + np.cumsum(random.integers(20_000_000, 50_000_000, count))
        euler_rad = 0.5 * np.sin(np.linspace(0, 6, count)[:, None] + random.uniform(0, 6, 3)).astype(np.float32)
        values: dict[str, Any] = {
            "time_ns": time_ns,
            "names": BLENDSHAPE_NAMES,
            "weights": random.random((count, 46), np.float32),
            "euler_rad": euler_rad,
            "quaternion": quaternion_from_euler(euler_rad).astype(np.float32),
            "translation_px": np.column_stack([random.random((count, 2)) * 640, np.zeros(count)]).astype(np.float32),
            "scale_px_per_cm": (10 + random.random(count)).astype(np.float32),
            "source_size_px": np.tile(np.array([640, 480], np.int32), (count, 1)),
            "tracked": np.ones(count, bool),
            "confidence": random.random(count, np.float32),
            "landmarks_px": (random.random((count, 68, 2)) * 480).astype(np.float32),
            "origin_ns": int(time_ns[0]),
            "face_id": 3,
            "session": "test",
        }
        return FaceTrack(**(values | changes))

    return make
