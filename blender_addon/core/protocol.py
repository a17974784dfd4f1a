"""What comes over the wire: FaceFrame, one face of one captured frame, and Hello, who is sending; and their bytes.

One msgpack map per message, unknown keys ignored. `decode` checks every field, so a message that exists is a valid one.
Axes: right-handed, +x the subject's left, +y up, +z out of the face. Pixels: origin top left, x right, y down.
tests/golden/wire_v1.json keeps this and the sender's codec the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from .checks import (
    MAX_ANGLE_RAD,
    MAX_TIME_NS,
    MAX_UINT64,
    Float32,
    check_array,
    check_bool,
    check_integer,
    check_quaternion,
    check_real,
    check_text,
)
from .errors import WireError
from .shapes import N_SHAPES, SHAPE_NAMES

PROTOCOL_VERSION: Final = 1
MAX_MESSAGE_BYTES: Final = 64 * 1024
MAX_PIXELS: Final = 1e6
N_LANDMARKS: Final = 68
_MAX_FACES: Final = 64
_MAX_VERSIONS: Final = 32
_LIMITS: Final = {
    "max_str_len": 4096,
    "max_bin_len": 4096,
    "max_array_len": 1024,
    "max_map_len": 256,
    "max_ext_len": 64,
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FaceFrame:
    """One face of one captured frame."""

    session: str
    """Names one run of the sender."""
    seq: int
    """One up with each face frame of the session: a gap is a lost message."""
    face_id: int
    """Stays with a face as long as it is not lost."""
    capture_time_ns: int
    """When the picture was taken, ns since the epoch."""
    publish_time_ns: int
    """When the message was sent, ns since the epoch; 0: unknown."""
    source_size_px: tuple[int, int]
    """Width and height of the picture."""
    tracked: bool
    """False while the face is lost; the other values then are the last good ones."""
    confidence: float
    """0..1."""
    alpha_exp: Float32
    """(46,) expression coefficients in [0, 1], in the order of SHAPE_NAMES."""
    quaternion: Float32
    """(4,) w, x, y, z, unit length, either sign: the head's rotation in the model's axes."""
    euler_rad: Float32
    """(3,) pitch, yaw, roll within +-pi: the same rotation."""
    translation_px: Float32
    """(3,) image position of the head's origin; the third (depth) is unobservable and 0."""
    scale_px_per_cm: float
    """Over 0 while tracked."""
    landmarks_px: Float32 | None = None
    """(68, 2) image px; None: not sent."""
    user: str | None = None
    """Name of the user model in use; None: the default face."""
    source_time_ns: int | None = None
    """When the picture is shown in the file it comes from, ns since the file's start; None: it comes from a camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who is sending and how to read it; comes once a second."""

    session: str
    publish_time_ns: int
    versions: Mapping[str, str]
    """Program names and their versions."""
    blendshape_names: tuple[str, ...]
    """Names of the 46 values of alpha_exp, in order."""
    axes: str
    units: str
    rate_hz: float
    """Nominal frames a second; 0: unknown."""
    faces: int
    """How many faces are tracked at once, at most."""
    user: str | None


Message = FaceFrame | Hello


def decode(payload: bytes) -> Message:
    """Return the message in `payload`. Raises WireError, and nothing else, whatever the bytes are."""
    wire = unpack(payload)
    kind = wire.get("kind")
    if kind == "face_frame":
        return _face_frame(wire)
    if kind == "hello":
        return _hello(wire)
    raise WireError(f"kind must be one of face_frame, hello, got {kind!r:.40}")


def unpack(payload: bytes) -> dict[str, Any]:
    """Return the map in `payload`, its version checked."""
    if len(payload) > MAX_MESSAGE_BYTES:
        raise WireError(f"a message may have {MAX_MESSAGE_BYTES} bytes, got {len(payload)}")
    try:
        wire = msgpack.unpackb(payload, raw=False, strict_map_key=True, **_LIMITS)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        reason = str(error) or type(error).__name__
        raise WireError(
            f"a message must be one msgpack map, got {len(payload)} bytes that are none: {reason:.80}"
        ) from None
    if not isinstance(wire, dict):
        raise WireError(f"a message must be one msgpack map, got {type(wire).__name__}")
    version = wire.get("v")
    if type(version) is not int or version != PROTOCOL_VERSION:
        raise WireError(
            f"the sender speaks protocol version {version!r:.40}, this add-on {PROTOCOL_VERSION}: update the older one"
        )
    return wire


_FRAME_KEYS: Final = (
    ("session", "seq", "face_id", "capture_time_ns", "publish_time_ns", "source_size_px", "tracked", "confidence")
    + ("alpha_exp", "quaternion", "euler_rad", "translation_px", "scale_px_per_cm")
)  # fmt: skip


def _face_frame(wire: Mapping[str, Any]) -> FaceFrame:
    missing = [name for name in _FRAME_KEYS if name not in wire]
    if missing:
        raise WireError(f"face_frame lacks {', '.join(missing)}")
    landmarks = wire.get("landmarks_px")
    frame = FaceFrame(
        session=check_text("session", wire["session"], 64),
        seq=check_integer("seq", wire["seq"], 0, MAX_UINT64),
        face_id=check_integer("face_id", wire["face_id"], 0, MAX_TIME_NS),
        capture_time_ns=check_integer("capture_time_ns", wire["capture_time_ns"], 0, MAX_TIME_NS),
        publish_time_ns=check_integer("publish_time_ns", wire["publish_time_ns"], 0, MAX_TIME_NS),
        source_size_px=_size_px(wire["source_size_px"]),
        tracked=check_bool("tracked", wire["tracked"]),
        confidence=check_real("confidence", wire["confidence"], 0, 1),
        alpha_exp=check_array("alpha_exp", wire["alpha_exp"], (N_SHAPES,), 0, 1),
        quaternion=check_quaternion("quaternion", wire["quaternion"]),
        euler_rad=check_array("euler_rad", wire["euler_rad"], (3,), -MAX_ANGLE_RAD, MAX_ANGLE_RAD),
        translation_px=check_array("translation_px", wire["translation_px"], (3,), -MAX_PIXELS, MAX_PIXELS),
        scale_px_per_cm=check_real("scale_px_per_cm", wire["scale_px_per_cm"], 0, MAX_PIXELS),
        landmarks_px=None
        if landmarks is None
        else check_array("landmarks_px", landmarks, (N_LANDMARKS, 2), -MAX_PIXELS, MAX_PIXELS),
        user=_user(wire.get("user")),
        source_time_ns=None
        if (source_time_ns := wire.get("source_time_ns")) is None
        else check_integer("source_time_ns", source_time_ns, 0, MAX_TIME_NS),
    )
    if frame.tracked and not frame.scale_px_per_cm:
        raise WireError(f"scale_px_per_cm of a tracked face must be over 0, got {wire['scale_px_per_cm']!r:.40}")
    return frame


def _hello(wire: Mapping[str, Any]) -> Hello:
    if "session" not in wire:
        raise WireError("hello lacks session")
    versions = wire.get("versions", {})
    if not isinstance(versions, dict) or len(versions) > _MAX_VERSIONS:
        raise WireError(f"versions must map at most {_MAX_VERSIONS} names to versions, got {versions!r:.60}")
    return Hello(
        session=check_text("session", wire["session"], 64),
        publish_time_ns=check_integer("publish_time_ns", wire.get("publish_time_ns", 0), 0, MAX_TIME_NS),
        versions={check_text("versions", k, 64): check_text("versions", v, 64) for k, v in versions.items()},
        blendshape_names=_shape_names(wire.get("blendshape_names", SHAPE_NAMES)),
        axes=check_text("axes", wire.get("axes", ""), 512, min_length=0),
        units=check_text("units", wire.get("units", ""), 512, min_length=0),
        rate_hz=check_real("rate_hz", wire.get("rate_hz", 0.0), 0, 1000),
        faces=check_integer("faces", wire.get("faces", 1), 0, _MAX_FACES),
        user=_user(wire.get("user")),
    )


def _size_px(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise WireError(f"source_size_px must be width and height, got {value!r:.60}")
    width, height = (check_integer("source_size_px", side, 1, 65535) for side in value)
    return width, height


def _shape_names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) != N_SHAPES:
        raise WireError(f"blendshape_names must be {N_SHAPES} names, got {value!r:.60}")
    names = tuple(check_text("blendshape_names", name, 64) for name in value)
    if len(set(names)) != N_SHAPES:
        raise WireError("blendshape_names must differ from each other, got one twice")
    return names


def _user(value: Any) -> str | None:
    return None if value is None else check_text("user", value, 128)
