"""Face frames read in one pass, in C: a receiver of 240 frames a second is mostly asleep.

This takes what is right and nothing else. What it does not take `codec` reads again, value by value, and names the
fault; so every rule stands in `messages`, and the bounds here are the same ones.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from avatar_bridge.messages import MAX_PIXELS, PROTOCOL_VERSION, FaceFrame
from avatar_bridge.wire_checks import MAX_ANGLE_RAD, MAX_TIME_NS
from rdr_core.face_model.blendshape_names import N_EXPRESSIONS
from rdr_core.landmarks import N_LANDMARKS

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
    return _frame(wire)


def _frame(wire: _WireFrame) -> FaceFrame:
    points = () if wire.landmarks_px is None else chain.from_iterable(wire.landmarks_px)
    head = (*wire.quaternion, *wire.euler_rad, *wire.translation_px, wire.confidence, wire.scale_px_per_cm)
    numbers = np.array([*head, *wire.alpha_exp, *points], np.float32)  # one array costs less than five
    numbers.setflags(write=False)
    return FaceFrame.of_checked(
        wire.session,
        wire.seq,
        wire.face_id,
        wire.capture_time_ns,
        wire.publish_time_ns,
        wire.source_size_px,
        wire.tracked,
        float(numbers[10]),
        numbers[12 : 12 + N_EXPRESSIONS],
        numbers[:4],
        numbers[4:7],
        numbers[7:10],
        float(numbers[11]),
        None if wire.landmarks_px is None else numbers[12 + N_EXPRESSIONS :].reshape(N_LANDMARKS, 2),
        wire.user,
        wire.source_time_ns,
    )
