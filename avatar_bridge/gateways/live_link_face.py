"""Out to programs that listen to Epic's app Live Link Face: one UDP packet a frame.

Packet, big endian: version (u8, 6), length and text of the device's id (i32, 36 characters), length and text of the
subject's name, frame (i32), part of a frame (f32), rate as numerator and denominator (2 x i32), 61 (u8), 61 x f32: the
52 shapes of ARKit, head yaw, pitch, roll, left eye, right eye, radians.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from avatar_bridge.convert.livelink_csv import EYES, HEAD, app_angles, app_gaze
from avatar_bridge.errors import StreamError
from avatar_bridge.gateways.datagrams import DatagramSender
from avatar_bridge.mapping_file import load_preset
from avatar_bridge.messages import FaceFrame
from avatar_bridge.places import Places
from avatar_bridge.retarget import Retargeter, ShapeMapping
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

DEFAULT_PORT: Final = 11111
"""On which Unreal Engine listens."""
VERSION: Final = 6
SHAPES: Final = 52
VALUES: Final = SHAPES + len(HEAD) + len(EYES)
_TICKS_PER_S: Final = 60
"""The frame number counts these since midnight UTC, as the app's timecode does."""
_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is sending; receivers list it by its name."""

    name: str = "RDR Live"
    device_id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())

    def __post_init__(self) -> None:
        if not (1 <= len(self.name.encode()) <= 64 and self.name.isprintable()):
            raise StreamError(f"a subject's name must be 1 to 64 printable characters, got {self.name!r:.80}")


class LiveLinkFaceEncoder:
    """Face frames to packets."""

    def __init__(self, subject: Subject, mapping: ShapeMapping | None = None) -> None:
        """`mapping`: to the 52 shapes of ARKit; by default the preset."""
        self.subject = subject
        self._retarget = Retargeter(mapping or load_preset("arkit"), BLENDSHAPE_NAMES)
        if len(self._retarget.mapping.targets) != SHAPES:
            raise StreamError(f"Live Link Face has the {SHAPES} shapes of ARKit, the mapping has others")

    def encode(self, frame: FaceFrame) -> bytes:
        """Return the packet of a frame; a face that is lost has its last values."""
        values = np.concatenate(
            [self._retarget(frame.alpha_exp), app_angles(frame.euler_rad), app_gaze(frame.alpha_exp)]
        )
        ticks, part = divmod(frame.capture_time_ns % _DAY_NS * _TICKS_PER_S / 1e9, 1)
        device, name = self.subject.device_id.encode(), self.subject.name.encode()
        return b"".join(
            [
                struct.pack(">Bi", VERSION, len(device)),
                device,
                struct.pack(">i", len(name)),
                name,
                struct.pack(">ifiiB", int(ticks), part, _TICKS_PER_S, 1, VALUES),
                struct.pack(f">{VALUES}f", *values),
            ]
        )


class LiveLinkFaceSender:
    """Sends the packets of one face each to a host; several faces at a time are several subjects."""

    def __init__(
        self, host: str, port: int = DEFAULT_PORT, name: str = "RDR Live", mapping: ShapeMapping | None = None
    ) -> None:
        """Nobody needs to listen yet. StreamError where the host is not known."""
        self._out = DatagramSender(host, port)
        self._name, self._mapping = name, mapping
        self._places = Places()
        self._encoders: list[LiveLinkFaceEncoder] = []

    def send(self, frame: FaceFrame) -> None:
        """Send a frame."""
        place = self._places.of(frame) or 0
        if place == len(self._encoders):
            subject = Subject(f"{self._name} {place + 1}" if place else self._name)
            self._encoders.append(LiveLinkFaceEncoder(subject, self._mapping))
        self._out.send(self._encoders[place].encode(frame))

    def close(self) -> None:
        """Free the socket."""
        self._out.close()
