"""Frames and messages for the tests of the add-on's core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import pytest

from blender_addon.core.protocol import FaceFrame, decode
from blender_addon.core.receiver import Received

START_NS = 1_700_000_000_000_000_000
FRAME_NS = 40_000_000


def wire_of(seq: int = 0, /, **changes: Any) -> bytes:
    """Return the bytes of a valid frame at 25 a second, whose `seq` sets time and values."""
    values: dict[str, Any] = {
        "v": 1,
        "kind": "face_frame",
        "session": "test",
        "seq": seq,
        "face_id": 0,
        "capture_time_ns": START_NS + seq * FRAME_NS,
        "publish_time_ns": START_NS + seq * FRAME_NS + 5_000_000,
        "source_size_px": [640, 480],
        "tracked": True,
        "confidence": 0.75,
        "alpha_exp": np.roll(np.linspace(0, 1, 46), seq).tolist(),
        "quaternion": [1.0, 0.0, 0.0, 0.0],
        "euler_rad": [0.0, 0.0, 0.0],
        "translation_px": [320.0, 240.0, 0.0],
        "scale_px_per_cm": 12.5,
    }
    payload: bytes = msgpack.packb(values | changes, use_single_float=True)
    return payload


def frame_of(seq: int = 0, /, **changes: Any) -> FaceFrame:
    """Return the message of `wire_of`."""
    message = decode(wire_of(seq, **changes))
    assert isinstance(message, FaceFrame)
    return message


@pytest.fixture
def make_frame() -> Callable[..., FaceFrame]:
    """Return `frame_of`."""
    return frame_of


@pytest.fixture
def make_received() -> Callable[..., Received]:
    """Return a maker of messages with their bytes."""

    def make(seq: int = 0, /, **changes: Any) -> Received:
        payload = wire_of(seq, **changes)
        return Received(decode(payload), payload)

    return make
