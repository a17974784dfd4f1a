"""Face frames read in one pass, in C: a receiver of 240 frames a second is mostly asleep.

This takes what is right and nothing else. What it does not take `codec` reads again, value by value, and names the
fault; so every rule stands in `messages`, and the bounds here are the same ones.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from avatar_bridge.messages import MAX_PIXELS, PROTOCOL_VERSION, FaceFrame
from avatar_bridge.wire_checks import MAX_ANGLE_RAD, MAX_TIME_NS
from rdr_core.face_model.blendshape_names import N_EXPRESSIONS
from rdr_core.landmarks import N_LANDMARKS
from rdr_core.types import Float32

_UNIT: Final = 1e-6
"""A quaternion whose length is farther from 1 is put right, or refused, by the other way."""

_Text = Annotated[str, Meta(min_length=1, max_length=64)]
_User = Annotated[str, Meta(min_length=1, max_length=128)]
_Count = Annotated[int, Meta(ge=0)]
_Time = Annotated[int, Meta(ge=0, le=MAX_TIME_NS)]
_Side = Annotated[int, Meta(ge=1, le=65535)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Signed = Annotated[float, Meta(ge=-1.5, le=1.5)]
_Angle = Annotated[float, Meta(ge=-MAX_ANGLE_RAD, le=MAX_ANGLE_RAD)]
_Pixels = Annotated[float, Meta(ge=-MAX_PIXELS, le=MAX_PIXELS)]
_Scale = Annotated[float, Meta(ge=0, le=MAX_PIXELS)]


class _WireFrame(msgspec.Struct, gc=False):
    """A frame as it is on the wire; fields as in `FaceFrame`."""

    v: int
    kind: Literal["face_frame"]
    session: _Text
    seq: _Count
    face_id: _Time
    capture_time_ns: _Time
    publish_time_ns: _Time
    source_size_px: tuple[_Side, _Side]
    tracked: bool
    confidence: _Share
    alpha_exp: Annotated[list[_Share], Meta(min_length=N_EXPRESSIONS, max_length=N_EXPRESSIONS)]
    quaternion: tuple[_Signed, _Signed, _Signed, _Signed]
    euler_rad: tuple[_Angle, _Angle, _Angle]
    translation_px: tuple[_Pixels, _Pixels, _Pixels]
    scale_px_per_cm: _Scale
    landmarks_px: (
        Annotated[list[tuple[_Pixels, _Pixels]], Meta(min_length=N_LANDMARKS, max_length=N_LANDMARKS)] | None
    ) = None
    user: _User | None = None
    source_time_ns: _Time | None = None


_decode: Final = msgspec.msgpack.Decoder(_WireFrame).decode


def read_frame(payload: bytes) -> FaceFrame | None:
    """Return the frame in a message; None where it is something else, or wrong. Raises nothing."""
    try:
        wire = _decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    texts = wire.session.isprintable() and (wire.user is None or wire.user.isprintable())
    upright = abs(math.hypot(*wire.quaternion) - 1) < _UNIT
    if wire.v != PROTOCOL_VERSION or not texts or not upright or (wire.tracked and not wire.scale_px_per_cm):
        return None
    return FaceFrame.of_checked(_values(wire))


def _values(wire: _WireFrame) -> dict[str, Any]:
    points = wire.landmarks_px
    return {
        "session": wire.session,
        "seq": wire.seq,
        "face_id": wire.face_id,
        "capture_time_ns": wire.capture_time_ns,
        "publish_time_ns": wire.publish_time_ns,
        "source_size_px": wire.source_size_px,
        "tracked": wire.tracked,
        "confidence": float(np.float32(wire.confidence)),
        "alpha_exp": _array(wire.alpha_exp),
        "quaternion": _array(wire.quaternion),
        "euler_rad": _array(wire.euler_rad),
        "translation_px": _array(wire.translation_px),
        "scale_px_per_cm": float(np.float32(wire.scale_px_per_cm)),
        "landmarks_px": None if points is None else _array(list(chain.from_iterable(points))).reshape(-1, 2),
        "user": wire.user,
        "source_time_ns": wire.source_time_ns,
    }


def _array(numbers: list[float] | tuple[float, ...]) -> Float32:
    array = np.array(numbers, np.float32)
    array.setflags(write=False)
    return array
