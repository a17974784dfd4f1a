"""VMC (Virtual Motion Capture protocol, OSC over UDP): out to programs that show VRM avatars, and in from others.

Out: a bundle a frame with the blendshapes, `Blend/Apply`, the head's rotation, `OK` and the time. In: blendshapes by
the names of ARKit (as "perfect sync" avatars have them, whatever the case) or of VRM 0, and the head's rotation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from avatar_bridge.gateways.datagrams import DatagramReceiver, DatagramSender
from avatar_bridge.gateways.unity_axes import from_unity, to_unity
from avatar_bridge.mapping_file import load_preset
from avatar_bridge.messages import FaceFrame
from avatar_bridge.places import Places
from avatar_bridge.quaternions import matrix_from_quaternion
from avatar_bridge.retarget import Retargeter, ShapeMapping
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import euler_from_matrix
from rdr_core.types import Float32

DEFAULT_PORT: Final = 39539
"""On which programs that show avatars listen."""
_SIZE_PX: Final = (640, 480)
_SCALE_PX_PER_CM: Final = 12.0


class VmcEncoder:
    """Face frames to OSC bundles."""

    def __init__(self, mapping: ShapeMapping | None = None, pascal_case: bool = True) -> None:
        """`mapping`: to the avatar's shapes, by default ARKit's. `pascal_case`: send eyeBlinkLeft as EyeBlinkLeft, as
        "perfect sync" avatars name it."""
        self._retarget = Retargeter(mapping or load_preset("arkit"), BLENDSHAPE_NAMES)
        targets = self._retarget.mapping.targets
        self._names = [name[:1].upper() + name[1:] if pascal_case else name for name in targets]
        self._start_ns: int | None = None

    def encode(self, frame: FaceFrame) -> bytes:
        """Return the datagram of a frame; a face that is lost has its last values."""
        from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder

        self._start_ns = frame.capture_time_ns if self._start_ns is None else self._start_ns
        bundle = OscBundleBuilder(IMMEDIATELY)
        bundle.add_content(_message("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0, 0.0, *to_unity(frame.quaternion.tolist())))
        for name, value in zip(self._names, self._retarget(frame.alpha_exp).tolist(), strict=True):
            bundle.add_content(_message("/VMC/Ext/Blend/Val", name, value))
        bundle.add_content(_message("/VMC/Ext/Blend/Apply"))
        bundle.add_content(_message("/VMC/Ext/OK", 1))
        bundle.add_content(_message("/VMC/Ext/T", (frame.capture_time_ns - self._start_ns) / 1e9))
        datagram: bytes = bundle.build().dgram
        return datagram


class VmcSender:
    """Sends the face that was seen first, once that is gone another; a VMC receiver shows one avatar."""

    def __init__(self, host: str, port: int = DEFAULT_PORT, encoder: VmcEncoder | None = None) -> None:
        """Nobody needs to listen yet. StreamError where the host is not known."""
        self._out = DatagramSender(host, port)
        self._encoder, self._places = encoder or VmcEncoder(), Places(1)

    def send(self, frame: FaceFrame) -> None:
        """Send a frame."""
        if self._places.of(frame) is not None:
            self._out.send(self._encoder.encode(frame))

    def close(self) -> None:
        """Free the socket."""
        self._out.close()


class VmcReceiver:
    """Makes face frames of what another program sends."""

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
        """Listen. StreamError where the port is taken."""
        self._in = DatagramReceiver(host, port)
        self.port = self._in.port
        self.invalid = 0
        """Datagrams that were no OSC, or values of no use."""
        self._sets = [_Shapes("arkit"), _Shapes("vrm0")]
        self._quaternion = (1.0, 0.0, 0.0, 0.0)

    def frames(self, session: str, timeout_s: float = 0.5) -> Iterator[FaceFrame | None]:
        """Yield a frame for each `Blend/Apply`, and None where nothing came for a while."""
        seq = 0
        while True:
            datagram = self._in.receive(timeout_s)
            if datagram is None:
                yield None
                continue
            for address, values in self._messages(datagram):
                if self._take(address, values):
                    yield self._frame(session, seq)
                    seq += 1

    def close(self) -> None:
        """Free the port."""
        self._in.close()

    def _messages(self, datagram: bytes) -> Iterable[tuple[str, list[Any]]]:
        from pythonosc.osc_packet import OscPacket, ParseError

        try:
            return [(timed.message.address, timed.message.params) for timed in OscPacket(datagram).messages]
        except (ParseError, ValueError, RecursionError):
            self.invalid += 1
            return []

    def _take(self, address: str, values: list[Any]) -> bool:
        """Take in a message; return True where it ends a frame."""
        if address == "/VMC/Ext/Blend/Apply":
            return True
        if address == "/VMC/Ext/Blend/Val" and len(values) >= 2:
            value = _finite(values[1:2])
            if value:
                for shapes in self._sets:
                    shapes.set(str(values[0]), value[0])
            self.invalid += not value
        elif address == "/VMC/Ext/Bone/Pos" and len(values) == 8 and values[0] == "Head":
            turn = _finite(values[4:])
            length = math.hypot(*turn) if turn else 0.0
            if length > 1e-3:
                self._quaternion = from_unity([value / length for value in turn])
            self.invalid += length <= 1e-3
        return False

    def _frame(self, session: str, seq: int) -> FaceFrame:
        return FaceFrame(
            session=session,
            seq=seq,
            face_id=0,
            capture_time_ns=time.time_ns(),
            publish_time_ns=0,
            source_size_px=_SIZE_PX,
            tracked=True,
            confidence=1.0,
            alpha_exp=self._alpha_exp(),
            quaternion=np.array(self._quaternion, np.float32),
            euler_rad=euler_from_matrix(np.array(matrix_from_quaternion(self._quaternion))).astype(np.float32),
            translation_px=np.array([_SIZE_PX[0] / 2, _SIZE_PX[1] / 2, 0.0], np.float32),
            scale_px_per_cm=_SCALE_PX_PER_CM,
        )

    def _alpha_exp(self) -> Float32:
        return np.max([shapes.alpha_exp() for shapes in self._sets], axis=0).astype(np.float32)


class _Shapes:
    """The shapes of one naming as they were sent last."""

    def __init__(self, preset: str) -> None:
        names = load_preset(preset).targets
        self._retarget = Retargeter(load_preset(f"{preset}_to_facewarehouse"), names)
        self._places = {name.lower(): place for place, name in enumerate(names)}
        self._weights = np.zeros(len(names))

    def set(self, name: str, value: float) -> None:
        place = self._places.get(name.lower())
        if place is not None:
            self._weights[place] = min(max(value, 0.0), 1.0)

    def alpha_exp(self) -> Float32:
        return np.clip(self._retarget(self._weights), 0, 1)


def _message(address: str, *values: str | int | float) -> Any:
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value, {str: "s", int: "i", float: "f"}[type(value)])
    return builder.build()


def _finite(values: Iterable[Any]) -> list[float]:
    """Return the values as numbers, none if one of them is not a finite number."""
    numbers = [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]
    return numbers if len(numbers) == len(list(values)) else []
