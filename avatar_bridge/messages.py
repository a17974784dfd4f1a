"""What goes over the wire: FaceFrame, one face of one captured frame, and Hello, who is sending.

Constructors check every field (WireError), so a message that exists is a valid one. Arrays are read-only and hold
single precision, so a message is the same before and after the wire.
Axes: right-handed, +x the subject's left, +y up, +z out of the face. Pixels: origin top left, x right, y down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np

from avatar_bridge.errors import WireError
from avatar_bridge.wire_checks import (
    MAX_ANGLE_RAD,
    MAX_TIME_NS,
    MAX_UINT64,
    check_array,
    check_bool,
    check_integer,
    check_quaternion,
    check_real,
    check_text,
)
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, N_EXPRESSIONS
from rdr_core.geometry.rotation import quaternion_from_euler
from rdr_core.landmarks import N_LANDMARKS
from rdr_core.types import Float32, TrackedFace

PROTOCOL_VERSION: Final = 1
"""Counts changes that an older receiver cannot read; new keys are none."""
AXES: Final = "right-handed, +x subject's left, +y up, +z out of the face; image x right, y down, origin top left"
UNITS: Final = "alpha_exp 0..1; euler_rad rad; translation_px, landmarks_px px; scale_px_per_cm px/cm; *_time_ns ns"

MAX_PIXELS: Final = 1e6
"""Far outside of any picture: a face may be half out of the frame, but not here."""
MAX_FACES: Final = 64


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FaceFrame:
    """One face of one captured frame."""

    session: str
    """Names one run of the sender, 1 to 64 characters."""
    seq: int
    """uint64, one up with each face frame of the session: a gap is a lost message."""
    face_id: int
    """Stays with a face as long as it is not lost; never reused within a session."""
    capture_time_ns: int
    """When the camera delivered the picture, ns since the epoch; for files base + the file's own timestamp."""
    publish_time_ns: int
    """When the message was sent, ns since the epoch; 0: not sent yet."""
    source_size_px: tuple[int, int]
    """Width and height of the picture, 1..65535."""
    tracked: bool
    """False while the face is lost; the other values then are the last good ones."""
    confidence: float
    """0..1."""
    alpha_exp: Float32
    """(46,) expression coefficients in [0, 1], in the order of BLENDSHAPE_NAMES."""
    quaternion: Float32
    """(4,) w, x, y, z, unit length, either sign: head rotation R = Ry(yaw) Rx(-pitch) Rz(-roll)."""
    euler_rad: Float32
    """(3,) pitch, yaw, roll within +-pi: the same rotation for people and simple receivers."""
    translation_px: Float32
    """(3,) image position of the model's origin; the third (depth) is unobservable and 0."""
    scale_px_per_cm: float
    """Over 0 while tracked."""
    landmarks_px: Float32 | None = None
    """(68, 2) image px, jaw on the visible contour; None: not sent."""
    user: str | None = None
    """Name of the user model in use; None: the default face."""
    source_time_ns: int | None = None
    """When the picture is shown in the file it comes from, ns since the file's start; None: it comes from a camera."""

    def __post_init__(self) -> None:
        size = self.source_size_px
        if not isinstance(size, tuple | list) or len(size) != 2:
            raise WireError(f"source_size_px must be width and height, got {size!r:.60}")
        checked: dict[str, Any] = {
            "session": check_text("session", self.session, 64),
            "seq": check_integer("seq", self.seq, 0, MAX_UINT64),
            "face_id": check_integer("face_id", self.face_id, 0, MAX_TIME_NS),
            "capture_time_ns": check_integer("capture_time_ns", self.capture_time_ns, 0, MAX_TIME_NS),
            "publish_time_ns": check_integer("publish_time_ns", self.publish_time_ns, 0, MAX_TIME_NS),
            "source_size_px": tuple(check_integer("source_size_px", side, 1, 65535) for side in size),
            "tracked": check_bool("tracked", self.tracked),
            "confidence": check_real("confidence", self.confidence, 0, 1),
            "alpha_exp": check_array("alpha_exp", self.alpha_exp, (N_EXPRESSIONS,), 0, 1),
            "quaternion": check_quaternion("quaternion", self.quaternion),
            "euler_rad": check_array("euler_rad", self.euler_rad, (3,), -MAX_ANGLE_RAD, MAX_ANGLE_RAD),
            "translation_px": check_array("translation_px", self.translation_px, (3,), -MAX_PIXELS, MAX_PIXELS),
            "scale_px_per_cm": check_real("scale_px_per_cm", self.scale_px_per_cm, 0, MAX_PIXELS),
            "landmarks_px": _optional_landmarks(self.landmarks_px),
            "user": _optional_user(self.user),
            "source_time_ns": _optional_time(self.source_time_ns),
        }
        if checked["tracked"] and not checked["scale_px_per_cm"]:
            raise WireError(f"scale_px_per_cm of a tracked face must be over 0, got {self.scale_px_per_cm!r}")
        _set_all(self, checked)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FaceFrame):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def sent_at(self, time_ns: int) -> FaceFrame:
        """Return the frame as sent at a time; its other values were checked and are not again."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return FaceFrame.of_checked(*(values | {"publish_time_ns": time_ns}).values())

    @classmethod
    def of_checked(cls, *values: Any) -> FaceFrame:
        """Return the frame of all its values, in order, that were checked and are in canonical form already."""
        frame = object.__new__(cls)
        for write, value in zip(_WRITERS, values, strict=True):
            write(frame, value)
        return frame

    @classmethod
    def from_tracked_face(
        cls,
        face: TrackedFace,
        *,
        session: str,
        seq: int,
        capture_time_ns: int,
        source_size_px: tuple[int, int],
        with_landmarks: bool = True,
        user: str | None = None,
        source_time_ns: int | None = None,
    ) -> FaceFrame:
        """Return the message for a tracked face; publish_time_ns is left to the publisher."""
        prediction, pose = face.prediction, face.prediction.pose
        euler_rad = np.asarray(pose.euler_rad, np.float64)
        euler_rad = euler_rad - 2 * np.pi * np.round(euler_rad / (2 * np.pi))
        return cls(
            session=session,
            seq=seq,
            face_id=face.face_id,
            capture_time_ns=capture_time_ns,
            publish_time_ns=0,
            source_size_px=source_size_px,
            tracked=face.tracked,
            confidence=float(np.clip(prediction.confidence, 0, 1)),
            alpha_exp=np.clip(prediction.alpha_exp, 0, 1),
            quaternion=quaternion_from_euler(euler_rad),
            euler_rad=euler_rad.astype(np.float32),
            translation_px=pose.translation_px,
            scale_px_per_cm=pose.scale_px_per_cm,
            landmarks_px=prediction.shape if with_landmarks else None,
            user=user,
            source_time_ns=source_time_ns,
        )


_WRITERS: Final = tuple(getattr(FaceFrame, each.name).__set__ for each in fields(FaceFrame))
"""Write a field of a frozen frame; a third of the time of object.__setattr__."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who is sending and how to read it; sent once a second and to every new subscriber."""

    session: str
    """As in FaceFrame."""
    publish_time_ns: int = 0
    """When the message was sent, ns since the epoch; 0: not sent yet."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Program names and their versions, at most 32."""
    blendshape_names: tuple[str, ...] = BLENDSHAPE_NAMES
    """Names of the 46 values of alpha_exp, in order."""
    axes: str = AXES
    """For people who write a receiver."""
    units: str = UNITS
    """For people who write a receiver."""
    rate_hz: float = 0.0
    """Nominal frames a second, 0..1000; 0: unknown."""
    faces: int = 1
    """How many faces are tracked at once, at most."""
    user: str | None = None
    """Name of the user model in use; None: the default face."""
    source: str | None = None
    """Which of the sender's cameras this is, by name; None: it was given none."""

    def __post_init__(self) -> None:
        names = self.blendshape_names
        if not isinstance(names, tuple | list) or len(names) != N_EXPRESSIONS:
            raise WireError(f"blendshape_names must be {N_EXPRESSIONS} names, got {names!r:.60}")
        if not isinstance(self.versions, Mapping) or len(self.versions) > 32:
            raise WireError(f"versions must map at most 32 names to versions, got {self.versions!r:.60}")
        checked: dict[str, Any] = {
            "session": check_text("session", self.session, 64),
            "publish_time_ns": check_integer("publish_time_ns", self.publish_time_ns, 0, MAX_TIME_NS),
            "versions": {
                check_text("versions", k, 64): check_text("versions", v, 64) for k, v in self.versions.items()
            },
            "blendshape_names": tuple(check_text("blendshape_names", name, 64) for name in names),
            "axes": check_text("axes", self.axes, 512, min_length=0),
            "units": check_text("units", self.units, 512, min_length=0),
            "rate_hz": check_real("rate_hz", self.rate_hz, 0, 1000),
            "faces": check_integer("faces", self.faces, 0, MAX_FACES),
            "user": _optional_user(self.user),
            "source": None if self.source is None else check_text("source", self.source, 64),
        }
        if len(set(checked["blendshape_names"])) != N_EXPRESSIONS:
            raise WireError("blendshape_names must differ from each other, got one twice")
        _set_all(self, checked)


Message = FaceFrame | Hello


def _set_all(message: Message, checked: Mapping[str, Any]) -> None:
    for name, value in checked.items():
        object.__setattr__(message, name, value)


def _optional_landmarks(value: Any) -> Float32 | None:
    return None if value is None else check_array("landmarks_px", value, (N_LANDMARKS, 2), -MAX_PIXELS, MAX_PIXELS)


def _optional_user(value: Any) -> str | None:
    return None if value is None else check_text("user", value, 128)


def _optional_time(value: Any) -> int | None:
    return None if value is None else check_integer("source_time_ns", value, 0, MAX_TIME_NS)
