"""Packets read by pylivelinkface, a parser that others wrote."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import numpy as np
import pytest

from avatar_bridge.errors import StreamError
from avatar_bridge.gateways.live_link_face import LiveLinkFaceEncoder, LiveLinkFaceSender, Subject
from avatar_bridge.messages import FaceFrame
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

MakeFrame = Callable[..., FaceFrame]
SUBJECT = Subject("Anna", "0" * 36)


def alpha(**values: float) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in BLENDSHAPE_NAMES], np.float32)


def test_another_parser_reads_it(make_frame: MakeFrame) -> None:
    parser = pytest.importorskip("pylivelinkface")
    shapes = parser.FaceBlendShape
    frame = make_frame(alpha_exp=alpha(JawOpen=0.5, EyeClose_L=0.8), euler_rad=[0.1, -0.2, 0.3])
    found, face = parser.PyLiveLinkFace.decode(LiveLinkFaceEncoder(SUBJECT).encode(frame))
    assert found
    assert face.name == "Anna"
    assert face.get_blendshape(shapes.JawOpen) == pytest.approx(0.5, abs=0.05)
    assert face.get_blendshape(shapes.EyeBlinkLeft) > 0.7
    assert face.get_blendshape(shapes.EyeBlinkRight) == pytest.approx(0, abs=0.05)
    head = [face.get_blendshape(angle) for angle in (shapes.HeadYaw, shapes.HeadPitch, shapes.HeadRoll)]
    assert np.abs(head) == pytest.approx([0.2, 0.1, 0.3], abs=1e-6)


def test_bytes(make_frame: MakeFrame) -> None:
    packet = LiveLinkFaceEncoder(SUBJECT).encode(make_frame(capture_time_ns=90_061_500_000_000))
    assert packet[:5] == b"\x06\x00\x00\x00\x24"
    assert len(packet) == 5 + 36 + 4 + 4 + 17 + 61 * 4
    frame, part, rate, per, count = struct.unpack(">ifiiB", packet[49:66])
    assert (frame, rate, per, count) == (3661 * 60 + 30, 60, 1, 61), "ticks since midnight"
    assert part == pytest.approx(0, abs=1e-3)


def test_each_face_is_a_subject(make_frame: MakeFrame) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(20)
        sender = LiveLinkFaceSender("127.0.0.1", receiver.getsockname()[1], "Stage")
        for seq, face_id in ((0, 3), (0, 9), (1, 3), (90, 11)):
            sender.send(make_frame(seq, face_id=face_id))
        packets = [receiver.recv(4096) for _ in range(4)]
        sender.close()
    names = [packet[45 : 45 + struct.unpack(">i", packet[41:45])[0]].decode() for packet in packets]
    assert names == ["Stage", "Stage 2", "Stage", "Stage"], "one who comes anew is the one who left"


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 11111), ("127.0.0.1", 0), ("127.0.0.1", 70000)])
def test_no_such_place(host: str, port: int) -> None:
    with pytest.raises(StreamError):
        LiveLinkFaceSender(host, port)


def test_a_name_is_short() -> None:
    with pytest.raises(StreamError, match="subject's name"):
        Subject("")
