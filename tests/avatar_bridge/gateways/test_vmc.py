"""Over real sockets; what we send is read by python-osc's server, what we read is sent by its client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar_bridge.errors import StreamError
from avatar_bridge.gateways.datagrams import DatagramSender
from avatar_bridge.gateways.unity_axes import from_unity, to_unity
from avatar_bridge.gateways.vmc import VmcEncoder, VmcReceiver, VmcSender
from avatar_bridge.mapping_file import load_preset
from avatar_bridge.messages import FaceFrame
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import matrix_from_euler, quaternion_from_euler

pytest.importorskip("pythonosc")
MakeFrame = Callable[..., FaceFrame]


def post(port: int, *datagrams: bytes) -> None:
    sender = DatagramSender("127.0.0.1", port)
    for datagram in datagrams:
        sender.send(datagram)
    sender.close()


def say(port: int, *messages: tuple[str, list[Any]]) -> None:
    """Send as another program does: with python-osc's client."""
    from pythonosc.udp_client import SimpleUDPClient

    with SimpleUDPClient("127.0.0.1", port) as client:
        for address, values in messages:
            client.send_message(address, values)


def alpha(**values: float) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in BLENDSHAPE_NAMES], np.float32)


@pytest.fixture
def receiver() -> Iterator[VmcReceiver]:
    receiver = VmcReceiver(port=0)
    yield receiver
    receiver.close()


def heard(send: Callable[[int], None]) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the messages that python-osc's server hears."""
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer

    messages: list[tuple[str, tuple[Any, ...]]] = []
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, *values: messages.append((address, values)))
    with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        server.timeout = 20
        threading.Thread(target=send, args=[server.server_address[1]]).start()
        server.handle_request()
    return messages


def test_what_other_programs_hear(make_frame: MakeFrame) -> None:
    frame = make_frame(alpha_exp=alpha(JawOpen=0.5), quaternion=quaternion_from_euler(np.array([0.0, 0.4, 0.0])))

    def send(port: int) -> None:
        sender = VmcSender("127.0.0.1", port)
        sender.send(make_frame(alpha_exp=alpha(JawOpen=0.5), quaternion=frame.quaternion))
        sender.close()

    messages = heard(send)
    shapes = {values[0]: values[1] for address, values in messages if address == "/VMC/Ext/Blend/Val"}
    assert len(shapes) == 52
    assert shapes["JawOpen"] == pytest.approx(0.5, abs=0.05)
    addresses = [address for address, _ in messages]
    assert addresses[0] == "/VMC/Ext/Bone/Pos", "before the shapes, as Apply ends a frame"
    assert addresses[53:] == ["/VMC/Ext/Blend/Apply", "/VMC/Ext/OK", "/VMC/Ext/T"]
    bone = dict(messages)["/VMC/Ext/Bone/Pos"]
    assert bone[0] == "Head"
    assert bone[5] == pytest.approx(-np.sin(0.2), abs=1e-6), "left-handed: the same turn has the other sign about y"


def test_vrm_names(make_frame: MakeFrame) -> None:
    encoder = VmcEncoder(load_preset("vrm0"), pascal_case=False)
    messages = heard(lambda port: post(port, encoder.encode(make_frame())))
    assert {"A", "Blink_L", "Joy"} <= {values[0] for address, values in messages if address == "/VMC/Ext/Blend/Val"}


def test_one_avatar_one_face(make_frame: MakeFrame, receiver: VmcReceiver) -> None:
    sender = VmcSender("127.0.0.1", receiver.port)
    for face_id, jaw in ((4, 0.2), (5, 0.9), (4, 0.6)):
        sender.send(make_frame(face_id=face_id, alpha_exp=alpha(JawOpen=jaw)))
    sender.close()
    frames = receiver.frames("test", timeout_s=20)
    jaws = [next(frames).alpha_exp[BLENDSHAPE_NAMES.index("JawOpen")] for _ in range(2)]  # type: ignore[union-attr]
    assert jaws == pytest.approx([0.2, 0.6], abs=0.05)


def test_a_face_that_comes_back_is_gone_on_with(make_frame: MakeFrame, receiver: VmcReceiver) -> None:
    sender = VmcSender("127.0.0.1", receiver.port)
    for seq, face_id, jaw in ((0, 4, 0.2), (100, 5, 0.9)):
        sender.send(make_frame(seq, face_id=face_id, alpha_exp=alpha(JawOpen=jaw)))
    sender.close()
    frames = receiver.frames("test", timeout_s=20)
    jaws = [next(frames).alpha_exp[BLENDSHAPE_NAMES.index("JawOpen")] for _ in range(2)]  # type: ignore[union-attr]
    assert jaws == pytest.approx([0.2, 0.9], abs=0.05)


def test_there_and_back(make_frame: MakeFrame, receiver: VmcReceiver) -> None:
    values = {"JawOpen": 0.5, "MouthSmile_L": 0.7, "EyeClose_R": 0.9, "BrowInnerUp": 0.4}
    sent = make_frame(alpha_exp=alpha(**values), quaternion=quaternion_from_euler(np.array([0.2, -0.5, 0.1])))
    post(receiver.port, VmcEncoder().encode(sent))
    frame = next(receiver.frames("test", timeout_s=20))
    assert frame is not None
    assert frame.alpha_exp == pytest.approx(sent.alpha_exp, abs=0.12)
    assert frame.euler_rad == pytest.approx([0.2, -0.5, 0.1], abs=1e-5)


def test_moods_of_vrm_avatars(receiver: VmcReceiver) -> None:
    shapes = (("/VMC/Ext/Blend/Val", [name, 1.0]) for name in ("Joy", "blink_l", "Nonsense"))
    say(receiver.port, *shapes, ("/VMC/Ext/Blend/Apply", []))
    frame = next(receiver.frames("test", timeout_s=20))
    assert frame is not None
    shown = dict(zip(BLENDSHAPE_NAMES, frame.alpha_exp.tolist(), strict=True))
    assert shown["MouthSmile_L"] == pytest.approx(0.9)
    assert shown["EyeClose_L"] == 1.0
    assert shown["EyeClose_R"] == 0.0


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=st.binary(max_size=200)
    | st.tuples(
        st.sampled_from([b"/VMC/Ext/Blend/Val\0\0", b"/VMC/Ext/Bone/Pos\0\0\0", b"#bundle\0"]), st.binary(max_size=90)
    ).map(b"".join)
)
def test_garbage_does_no_harm(receiver: VmcReceiver, payload: bytes) -> None:
    post(receiver.port, payload, VmcEncoder().encode(_FRAME))
    assert isinstance(next(receiver.frames("test", timeout_s=20)), FaceFrame)


_FRAME = FaceFrame(
    session="s",
    seq=0,
    face_id=0,
    capture_time_ns=0,
    publish_time_ns=0,
    source_size_px=(640, 480),
    tracked=True,
    confidence=1.0,
    alpha_exp=np.zeros(46),
    quaternion=np.array([1.0, 0, 0, 0]),
    euler_rad=np.zeros(3),
    translation_px=np.zeros(3),
    scale_px_per_cm=10.0,
)


@pytest.mark.parametrize(
    "values", [["Head", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], ["Head", *[float("nan")] * 7], ["Head", "x"] + [0.0] * 6]
)
def test_rotations_that_are_none(receiver: VmcReceiver, values: list[Any]) -> None:
    jaw = ("/VMC/Ext/Blend/Val", ["JawOpen", float("inf")])
    say(receiver.port, ("/VMC/Ext/Bone/Pos", values), jaw, ("/VMC/Ext/Blend/Apply", []))
    frame = next(receiver.frames("test", timeout_s=20))
    assert frame is not None
    assert frame.quaternion.tolist() == [1, 0, 0, 0]
    assert receiver.invalid == 2


def test_silence(receiver: VmcReceiver) -> None:
    assert next(receiver.frames("test", timeout_s=0.05)) is None


def test_a_port_that_is_taken(receiver: VmcReceiver) -> None:
    with pytest.raises(StreamError, match="choose another --port"):
        VmcReceiver(port=receiver.port)


@given(st.tuples(*[st.floats(-1.5, 1.5)] * 3))
def test_axes(euler: tuple[float, float, float]) -> None:
    """Mirroring x, turning in Unity's way and mirroring back is our turn."""
    quaternion = quaternion_from_euler(np.array(euler))
    assert from_unity(to_unity(quaternion)) == pytest.approx(quaternion)
    x, y, z, w = to_unity(quaternion)
    there = np.array(  # the formula of the matrix is the same in left-handed axes
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    mirror = np.diag([-1.0, 1.0, 1.0])
    assert mirror @ there @ mirror == pytest.approx(matrix_from_euler(np.array(euler)), abs=1e-5)
