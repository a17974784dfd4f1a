"""Publisher and subscriber over real sockets on free loopback ports."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import msgpack
import pytest
import zmq

from avatar_bridge.codec import encode
from avatar_bridge.curve import CurveClient, CurveServer, new_key_pair
from avatar_bridge.endpoint import check_endpoint, control_endpoint, is_local
from avatar_bridge.errors import StreamError
from avatar_bridge.messages import FaceFrame, Hello, Message
from avatar_bridge.publisher import Publisher
from avatar_bridge.subscriber import Subscriber

MakeFrame = Callable[..., FaceFrame]
ANY_PORT = "tcp://127.0.0.1:*"
PATIENCE_S = 20.0


def collect(subscriber: Subscriber, enough: Callable[[list[Message]], bool]) -> list[Message]:
    """Poll until there is enough; a slow machine gets all the time it needs."""
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE_S
    while not enough(messages):
        assert time.monotonic() < deadline, f"got only {len(messages)} messages"
        messages += subscriber.poll(100)
    return messages


def greet(subscriber: Subscriber) -> Hello:
    """Wait for Hello: from then on every frame arrives."""
    collect(subscriber, lambda _: subscriber.hello is not None)
    assert subscriber.hello is not None
    return subscriber.hello


def frames_in(messages: list[Message]) -> list[FaceFrame]:
    return [message for message in messages if isinstance(message, FaceFrame)]


@pytest.fixture
def raw_publisher() -> Iterator[tuple[zmq.Socket[bytes], str]]:
    """Return a bare PUB socket that may send anything, and where it is."""
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.XPUB)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    yield socket, f"tcp://127.0.0.1:{port}"
    socket.close(linger=0)
    context.term()


def wait_for_subscription(socket: zmq.Socket[bytes]) -> None:
    assert socket.poll(int(PATIENCE_S * 1000))
    assert socket.recv() == b"\x01"


def test_everything_arrives_in_order(make_frame: MakeFrame) -> None:
    with Publisher(ANY_PORT, session="test") as publisher, Subscriber(publisher.endpoint) as subscriber:
        hello = greet(subscriber)
        assert hello.session == "test"
        assert hello.publish_time_ns > 0
        assert publisher.subscribers == 1
        sent = [publisher.publish(make_frame(seq, face_id=seq % 2)) for seq in range(50)]
        received = frames_in(collect(subscriber, lambda messages: len(frames_in(messages)) >= 50))
        assert received == sent
        assert all(frame.publish_time_ns > 1_700_000_100_000_000_000 for frame in received)
        stats = subscriber.stats()
        assert (stats.frames, stats.invalid, stats.missed, stats.superseded, stats.reconnects) == (50, 0, 0, 0, 0)
        assert stats.connected


def test_a_live_view_gets_the_newest_of_each_face(make_frame: MakeFrame) -> None:
    with Publisher(ANY_PORT) as publisher, Subscriber(publisher.endpoint, latest_only=True) as subscriber:
        greet(subscriber)
        for seq in range(40):
            publisher.publish(make_frame(seq, face_id=seq % 2))
        newest: dict[int, FaceFrame] = {}
        deadline = time.monotonic() + PATIENCE_S
        while {frame.seq for frame in newest.values()} != {38, 39}:
            assert time.monotonic() < deadline
            batch = frames_in(subscriber.poll(100))
            assert len({frame.face_id for frame in batch}) == len(batch)
            newest |= {frame.face_id: frame for frame in batch}
        assert subscriber.stats().frames == 40
        assert {face: frame.seq for face, frame in subscriber.latest(60_000).items()} == {0: 38, 1: 39}
        time.sleep(0.03)
        assert subscriber.latest(max_age_ms=20) == {}


def test_garbage_from_a_client_is_no_receiver(make_frame: MakeFrame) -> None:
    context: zmq.Context[Any] = zmq.Context()
    with (
        Publisher(ANY_PORT) as publisher,
        Subscriber(publisher.endpoint) as subscriber,
        context.socket(zmq.XSUB) as rogue,
    ):
        greet(subscriber)
        rogue.linger = 0
        rogue.connect(publisher.endpoint)
        for n in range(500):
            rogue.send(b"\x07" + n.to_bytes(8, "big"))
            rogue.send(b"\x01" + n.to_bytes(8, "big"))
            rogue.send(b"\x00" + n.to_bytes(8, "big"))
            rogue.send_multipart([b"\x01", b"\x00"])
        rogue.send(bytes(1_000_000))  # ends its connection
        sent = [publisher.publish(make_frame(seq)) for seq in range(500)]
        received = frames_in(collect(subscriber, lambda messages: len(frames_in(messages)) >= 500))
        assert received == sent
        assert publisher.subscribers == 1
    context.term()


def test_a_sender_is_heard_again_after_what_is_too_long(
    make_frame: MakeFrame, raw_publisher: tuple[zmq.Socket[bytes], str]
) -> None:
    socket, endpoint = raw_publisher
    with Subscriber(endpoint) as subscriber:
        wait_for_subscription(socket)
        socket.send(bytes(1_000_000))
        received: list[FaceFrame] = []
        deadline = time.monotonic() + PATIENCE_S
        while not received:
            assert time.monotonic() < deadline
            socket.send(encode(make_frame()))
            received = frames_in(subscriber.poll(20))
        assert subscriber.stats().reconnects == 1


def test_superseded_frames_are_counted(make_frame: MakeFrame, raw_publisher: tuple[zmq.Socket[bytes], str]) -> None:
    socket, endpoint = raw_publisher
    with Subscriber(endpoint, latest_only=True) as subscriber:
        wait_for_subscription(socket)
        for seq in range(10):
            socket.send(encode(make_frame(seq)))
        delivered: list[Message] = []
        while subscriber.stats().frames < 10:
            delivered += subscriber.poll(100)
        assert len(delivered) + subscriber.stats().superseded == 10
        assert frames_in(delivered)[-1].seq == 9


def test_a_live_view_that_was_blocked_has_the_newest_at_once(
    make_frame: MakeFrame, raw_publisher: tuple[zmq.Socket[bytes], str]
) -> None:
    socket, endpoint = raw_publisher
    with Subscriber(endpoint, latest_only=True) as subscriber:
        wait_for_subscription(socket)
        for seq in range(900):
            socket.send(encode(make_frame(seq, face_id=seq % 3)))
        time.sleep(1.0)
        frames_in(subscriber.poll(100))
        while subscriber.stats().frames < 900:
            subscriber.poll(100)
        stats = subscriber.stats()
        assert (stats.missed, stats.invalid) == (0, 0)
        assert stats.superseded >= 890
        assert {face: frame.seq for face, frame in subscriber.latest(60_000).items()} == {0: 897, 1: 898, 2: 899}


def test_hello_comes_by_itself_and_to_every_new_receiver() -> None:
    with Publisher(ANY_PORT, hello_interval_s=0.1) as publisher, Subscriber(publisher.endpoint) as subscriber:
        collect(subscriber, lambda messages: len(messages) >= 3)
    with Publisher(ANY_PORT, hello_interval_s=3600) as publisher:
        for _ in range(3):
            with Subscriber(publisher.endpoint) as subscriber:
                assert greet(subscriber) == replace(publisher.hello, publish_time_ns=greet(subscriber).publish_time_ns)
        with Subscriber(publisher.endpoint) as subscriber:
            greet(subscriber)
            publisher.describe(replace(publisher.hello, rate_hz=30.0, faces=2, user="anna"))
            collect(subscriber, lambda messages: subscriber.hello is not None and subscriber.hello.user == "anna")
        with pytest.raises(StreamError, match="session"):
            publisher.describe(Hello(session="other"))


def test_receiver_may_come_first_and_survives_a_restart(make_frame: MakeFrame) -> None:
    with Publisher(ANY_PORT) as publisher:
        endpoint = publisher.endpoint
    with Subscriber(endpoint) as subscriber:
        assert subscriber.poll(20) == []
        assert not subscriber.stats().connected
        with Publisher(endpoint, session="first") as publisher:
            assert greet(subscriber).session == "first"
            publisher.publish(make_frame(7, session="first", face_id=5))
            collect(subscriber, lambda messages: bool(frames_in(messages)))
        collect(subscriber, lambda _: not subscriber.stats().connected)
        with Publisher(endpoint, session="second") as publisher:
            collect(subscriber, lambda _: subscriber.hello is not None and subscriber.hello.session == "second")
            publisher.publish(make_frame(0, session="second", face_id=6))
            collect(subscriber, lambda messages: bool(frames_in(messages)))
        stats = subscriber.stats()
        assert (stats.frames, stats.reconnects, stats.missed) == (2, 1, 0)
        assert set(subscriber.latest(60_000)) == {6}  # faces of another run are forgotten


def test_garbage_is_counted_and_never_raised(
    make_frame: MakeFrame, raw_publisher: tuple[zmq.Socket[bytes], str], caplog: pytest.LogCaptureFixture
) -> None:
    socket, endpoint = raw_publisher
    good = encode(make_frame(3))
    with caplog.at_level(logging.WARNING), Subscriber(endpoint) as subscriber:
        wait_for_subscription(socket)
        socket.send(b"")
        socket.send(b"\xff" * 100)
        socket.send(b"\0" * 100_000)
        socket.send(good[:-10])
        socket.send_multipart([good, good])
        socket.send(msgpack.packb({**msgpack.unpackb(good), "v": 2}))
        socket.send(good)
        messages = collect(subscriber, lambda messages: bool(messages))
        assert messages == [make_frame(3)]
        stats = subscriber.stats()
        assert (stats.frames, stats.invalid) == (1, 6)
        assert stats.last_error is not None
        assert "version 2, this program 1" in stats.last_error
    assert len(caplog.records) == 1


def test_lost_frames_are_counted(make_frame: MakeFrame, raw_publisher: tuple[zmq.Socket[bytes], str]) -> None:
    socket, endpoint = raw_publisher
    with Subscriber(endpoint) as subscriber:
        wait_for_subscription(socket)
        for seq in (5, 6, 10, 11, 0, 1):  # 7, 8, 9 are lost; going back is a new count, no loss
            socket.send(encode(make_frame(seq)))
        collect(subscriber, lambda _: subscriber.stats().frames == 6)
        assert subscriber.stats().missed == 3


def test_a_stuck_receiver_that_vanishes_hangs_neither_publishing_nor_closing(make_frame: MakeFrame) -> None:
    frame = make_frame()
    for _ in range(3):  # libzmq hangs one time in ten here if it is let
        publisher = Publisher(ANY_PORT)
        context: zmq.Context[Any] = zmq.Context()
        stuck = context.socket(zmq.SUB)
        stuck.setsockopt(zmq.RCVHWM, 1)
        stuck.setsockopt(zmq.RCVBUF, 4096)
        stuck.setsockopt(zmq.SUBSCRIBE, b"")
        stuck.connect(publisher.endpoint)
        assert stuck.poll(int(PATIENCE_S * 1000))
        finished_within(60, partial(publish_often, publisher, frame, 3000))
        stuck.close(linger=0)
        context.term()
        finished_within(60, publisher.close)
        with Publisher(publisher.endpoint):  # the port is free again
            pass


def publish_often(publisher: Publisher, frame: FaceFrame, count: int) -> None:
    for _ in range(count):
        publisher.publish(frame)


def finished_within(seconds: float, work: Callable[[], object]) -> None:
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(timeout=seconds)
    assert not worker.is_alive()


def test_port_in_use_is_one_line(make_frame: MakeFrame) -> None:
    with Publisher(ANY_PORT) as publisher:
        port = publisher.endpoint.rsplit(":", 1)[1]
        with pytest.raises(StreamError, match=f"port {port} is in use") as caught:
            Publisher(publisher.endpoint)
        assert "\n" not in str(caught.value)
    with Publisher(publisher.endpoint) as again:  # and is free at once after close
        assert again.endpoint == publisher.endpoint
    again.close()
    with pytest.raises(StreamError, match="closed"):
        again.publish(make_frame())


@pytest.mark.parametrize(
    "endpoint", ["tcp://0.0.0.0:5570", "tcp://*:5570", "tcp://192.168.1.5:5570", "tcp://[::]:5570", "tcp://eth0:5570"]
)
def test_other_machines_are_shut_out_without_keys(endpoint: str) -> None:
    with pytest.raises(StreamError, match="open to other machines"):
        Publisher(endpoint)


@pytest.mark.parametrize("endpoint", ["", "5570", "http://127.0.0.1:1", "tcp://127.0.0.1", "tcp://127.0.0.1:70000"])
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(StreamError, match=r"endpoint|port"):
        Publisher(endpoint)
    with pytest.raises(StreamError, match=r"endpoint|port"):
        Subscriber(endpoint)


def test_local_endpoints() -> None:
    assert all(is_local(e) for e in ("tcp://127.0.0.1:1", "tcp://127.9.9.9:1", "tcp://[::1]:1", "tcp://localhost:1"))
    assert is_local(check_endpoint("ipc:///tmp/rdr.sock"))
    assert not is_local("tcp://example.org:1")


def test_keys_let_in_those_on_the_list_only(make_frame: MakeFrame) -> None:
    server, friend, stranger = new_key_pair(), new_key_pair(), new_key_pair()
    keys = CurveServer(*server, allowed_clients=frozenset({friend[0]}))
    assert server[1] not in repr(keys)
    with Publisher("tcp://0.0.0.0:*", curve=keys) as publisher:
        endpoint = publisher.endpoint.replace("0.0.0.0", "127.0.0.1")
        with (
            Subscriber(endpoint, curve=CurveClient(*friend, server_key=server[0])) as listed,
            Subscriber(endpoint, curve=CurveClient(*stranger, server_key=server[0])) as unlisted,
            Subscriber(endpoint) as plain,
        ):
            greet(listed)
            publisher.publish(make_frame())
            collect(listed, lambda messages: bool(frames_in(messages)))
            assert unlisted.poll(200) == []
            assert plain.poll(200) == []
            assert (unlisted.stats().connected, plain.stats().connected) == (False, False)
            assert publisher.subscribers == 1


@pytest.mark.parametrize("key", ["short", "x" * 41, "ü" * 40])
def test_wrong_keys_are_refused(key: str) -> None:
    public, secret = new_key_pair()
    with pytest.raises(StreamError, match="40 characters"):
        CurveClient(public, secret, server_key=key)
    with pytest.raises(StreamError, match="nobody"):
        CurveServer(public, secret, allowed_clients=frozenset())


@pytest.mark.parametrize(
    ("stream", "control"),
    [
        ("tcp://127.0.0.1:5570", "tcp://127.0.0.1:5571"),
        ("tcp://[::1]:5570", "tcp://[::1]:5571"),
        ("tcp://10.0.0.70:70", "tcp://10.0.0.70:71"),
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
        ("ipc:///tmp/faces", "ipc:///tmp/faces.control"),
    ],
)
def test_the_control_socket_is_next_door(stream: str, control: str) -> None:
    assert control_endpoint(stream) == control


def test_no_door_after_the_last() -> None:
    with pytest.raises(StreamError, match="give it one with --control"):
        control_endpoint("tcp://127.0.0.1:65535")
