"""Real sockets on loopback; the sender is pyzmq's own, so that these tests run beside any Blender."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from zmq.utils import z85

from blender_addon.core.address import CurveKeys, check_address, parse_public_key, read_own_keys
from blender_addon.core.errors import StreamError
from blender_addon.core.health import health_of
from blender_addon.core.protocol import FaceFrame, Hello
from blender_addon.core.receiver import Received, Receiver

from .conftest import wire_of

HELLO = {"v": 1, "kind": "hello", "session": "test"}


class Sender:
    """A PUB socket on a free port."""

    def __init__(self, keys: tuple[bytes, bytes] | None = None) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        if keys:
            self._socket.curve_server = True
            self._socket.curve_publickey, self._socket.curve_secretkey = keys
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"

    def wait_for_a_receiver(self) -> None:
        assert self._socket.poll(10_000), "no receiver came"
        self._socket.recv()

    def send(self, *payloads: bytes) -> None:
        for payload in payloads:
            self._socket.send(payload)

    def send_parts(self, *parts: bytes) -> None:
        self._socket.send_multipart(parts)

    def close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


def poll_until(receiver: Receiver, enough: Callable[[list[Received]], bool], seconds: float = 10.0) -> list[Received]:
    """Poll as a timer does."""
    received: list[Received] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and not enough(received):
        received += receiver.poll()
        time.sleep(0.005)
    return received


def count(number: int) -> Callable[[list[Received]], bool]:
    return lambda received: len(received) >= number


def test_everything_comes_in_order_and_the_newest_of_each_face_is_kept(sender: Sender) -> None:
    receiver = Receiver(sender.address)
    sender.wait_for_a_receiver()
    sent = [wire_of(seq, face_id=seq % 2) for seq in range(40)]
    sender.send(*sent)
    received = poll_until(receiver, count(40))
    assert [item.payload for item in received] == sent
    assert {face: frame.seq for face, frame in receiver.newest.items()} == {0: 38, 1: 39}
    stats = receiver.stats()
    assert (stats.frames, stats.missed, stats.invalid, stats.session) == (40, 0, 0, "test")
    assert receiver.poll() == []
    receiver.close()
    receiver.close()


def test_garbage_is_counted_and_does_not_stop_the_stream(sender: Sender) -> None:
    receiver = Receiver(sender.address)
    sender.wait_for_a_receiver()
    sender.send(b"garbage", wire_of(0, v=2), b"\0" * 70_000, wire_of(1))
    sender.send_parts(wire_of(2), wire_of(3))
    sender.send(wire_of(7))
    received = poll_until(receiver, count(2))
    assert [item.message.seq for item in received if isinstance(item.message, FaceFrame)] == [1, 7]
    stats = receiver.stats()
    assert (stats.invalid, stats.missed) == (4, 5)
    assert stats.last_error == "a message must be one ZeroMQ frame, got 2"
    receiver.close()


def test_another_session_has_other_faces(sender: Sender) -> None:
    receiver = Receiver(sender.address)
    sender.wait_for_a_receiver()
    sender.send(wire_of(5, face_id=1), wire_of(0, face_id=0, session="next"))
    poll_until(receiver, count(2))
    assert set(receiver.newest) == {0}
    assert receiver.stats().missed == 0
    assert receiver.stats().session == "next"
    receiver.close()


def test_hello_is_kept_and_no_frame(sender: Sender) -> None:
    import msgpack

    receiver = Receiver(sender.address)
    sender.wait_for_a_receiver()
    sender.send(msgpack.packb(HELLO))
    poll_until(receiver, count(1))
    assert isinstance(receiver.hello, Hello)
    assert receiver.newest == {}
    assert "no face has been seen" in health_of(receiver.stats(), sender.address).text
    sender.send(wire_of(300), wire_of(302))  # what was sent before we came is not lost
    poll_until(receiver, count(2))
    assert receiver.stats().missed == 1
    receiver.close()


def test_a_sender_that_comes_later_and_comes_back() -> None:
    first = Sender()
    address = first.address
    first.close()
    receiver = Receiver(address)
    assert receiver.poll() == []
    context: zmq.Context[Any] = zmq.Context()
    for round_number in range(2):
        socket = context.socket(zmq.XPUB)
        socket.bind(address)
        assert socket.poll(10_000)
        socket.recv()
        socket.send(wire_of(0, session=f"run {round_number}"))
        assert len(poll_until(receiver, count(1))) == 1
        socket.close(linger=0)
        poll_until(receiver, lambda received: not receiver.stats().connected)
    context.term()
    assert receiver.stats().session == "run 1"
    assert receiver.stats().reconnects == 1
    receiver.close()


def curve_keys(server: bytes) -> CurveKeys:
    public, secret = (key.decode() for key in zmq.curve_keypair())
    return CurveKeys(public, secret, server.decode())


def test_an_encrypted_stream() -> None:
    pair = zmq.curve_keypair()
    sender = Sender(pair)
    receiver = Receiver(sender.address, curve_keys(pair[0]))
    sender.wait_for_a_receiver()
    sender.send(wire_of(1))
    assert len(poll_until(receiver, count(1))) == 1
    receiver.close()
    sender.close()


@pytest.mark.parametrize("encrypted", [False, True])
def test_wrong_or_missing_keys_are_told_apart_from_silence(encrypted: bool) -> None:
    sender = Sender(zmq.curve_keypair())
    keys = curve_keys(zmq.curve_keypair()[0]) if encrypted else None
    receiver = Receiver(sender.address, keys)
    poll_until(receiver, lambda received: receiver.stats().refused)
    health = health_of(receiver.stats(), sender.address, encrypted)
    assert health.level == "bad"
    assert "keys" in health.text + health.advice
    receiver.close()
    sender.close()


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", "http://a:1", "tcp://a:0", "tcp://a:99999", "tcp://:5570", "tcp://*:5"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(StreamError):
        Receiver(text)


def test_addresses_as_people_write_them() -> None:
    assert check_address(" tcp://127.0.0.1:5570 ") == "tcp://127.0.0.1:5570"
    assert check_address("studio.local:5570") == "tcp://studio.local:5570"
    assert check_address("ipc:///tmp/face") == "ipc:///tmp/face"


def test_keys_as_people_write_them(tmp_path: Any) -> None:
    public, secret = (key.decode() for key in zmq.curve_keypair())
    assert parse_public_key(z85.decode(public.encode()).hex()) == parse_public_key(public) == public
    for wrong in ("", "a" * 39, "é" * 40, "0" * 63):
        with pytest.raises(StreamError, match="64 hexadecimal digits"):
            parse_public_key(wrong)
    path = tmp_path / "own.key_secret"
    path.write_text(f'# Key\ncurve\n    public-key = "{public}"\n    secret-key = "{secret}"\n', encoding="ascii")
    assert read_own_keys(path) == (public, secret)
    path.write_text(f'curve\n    public-key = "{public}"\n', encoding="ascii")
    with pytest.raises(StreamError, match="no secret key"):
        read_own_keys(path)
    with pytest.raises(StreamError, match="rdr keys new"):
        read_own_keys(tmp_path / "none")
