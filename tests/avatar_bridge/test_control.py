"""The control socket over real sockets on free loopback ports."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar_bridge.codec import decode, decode_reply, decode_request, encode
from avatar_bridge.control_client import ControlClient
from avatar_bridge.control_messages import COMMANDS, Done, Picture, Pong, Refused, Reply, Request, Status, readable
from avatar_bridge.control_server import ControlServer
from avatar_bridge.curve import CurveClient, CurveServer, new_key_pair
from avatar_bridge.errors import BridgeError, ControlError, StreamError, WireError
from avatar_bridge.messages import Hello

GOLDEN: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "golden" / "control_v1.json").read_text(encoding="utf-8")
)["messages"]
ANY_PORT = "tcp://127.0.0.1:*"
STATUS = Status(
    state="tracking",
    session="test",
    source="camera 0",
    uptime_s=12.5,
    pictures=375,
    faces=1,
    fps=30.0,
    ms_per_picture_p50=4.5,
    ms_per_picture_p95=6.5,
    subscribers=2,
    take="take_1",
    take_messages=17,
    neutral=True,
    user="anna",
)


def answer(request: Request) -> Reply:
    """Stand for a tracker."""
    match request.command:
        case "status":
            return STATUS
        case "hello":
            return Hello(session="test")
        case "record":
            return Done(what=f"recording {request.take}")
        case "start":
            raise BridgeError("no camera\n0: plug one in")
        case "stop":
            raise ZeroDivisionError("an error of ours")
        case _:
            return Done(what=f"{request.command} {request.seconds}")


@pytest.fixture(scope="module")
def server() -> Iterator[ControlServer]:
    with ControlServer(answer, ANY_PORT) as server:
        yield server


@pytest.fixture
def client(server: ControlServer) -> Iterator[ControlClient]:
    with ControlClient(server.endpoint, timeout_s=20) as client:
        yield client


def test_it_answers(client: ControlClient) -> None:
    assert client.status() == STATUS
    assert client.hello() == Hello(session="test")
    assert client.do("record", take="take-2") == "recording take-2"
    assert client.do("neutral", seconds=2.5) == "neutral 2.5"


def test_what_it_refuses_is_said_in_one_line(client: ControlClient) -> None:
    with pytest.raises(ControlError, match="no camera 0: plug one in"):
        client.do("start")
    with pytest.raises(ControlError, match="an error of ours"):
        client.do("stop")
    assert client.status() == STATUS


def test_clocks_of_one_machine_agree(client: ControlClient) -> None:
    offset = client.clock_offset()
    assert abs(offset.offset_ns) <= offset.uncertainty_ns + 1_000_000
    assert 0 <= offset.uncertainty_ns < 1_000_000_000


def test_an_offset_is_found() -> None:
    """A tracker whose clock is an hour ahead, on a slow way back."""
    hour_ns = 3_600_000_000_000
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.REP)
    port = socket.bind_to_random_port("tcp://127.0.0.1")

    def serve() -> None:
        for turn in range(4):
            socket.recv()
            now = time.time_ns() + hour_ns
            reply = encode(Pong(received_time_ns=now, reply_time_ns=time.time_ns() + hour_ns))
            time.sleep(0 if turn == 2 else 0.03)
            socket.send(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    with ControlClient(f"tcp://127.0.0.1:{port}", timeout_s=20) as client:
        offset = client.clock_offset(4)
    thread.join()
    socket.close(linger=0)
    context.term()
    assert abs(offset.offset_ns - hour_ns) <= offset.uncertainty_ns + 1_000_000


def test_nobody_there() -> None:
    with ControlClient("tcp://127.0.0.1:1", timeout_s=0.1) as client:
        for _ in range(2):
            with pytest.raises(ControlError, match=r"no answer on tcp://127\.0\.0\.1:1 .* is rdr track running"):
                client.status()


def test_a_tracker_that_comes_later_is_found() -> None:
    with ControlServer(answer, ANY_PORT) as first:
        endpoint = first.endpoint
    with ControlClient(endpoint, timeout_s=0.1) as client:
        with pytest.raises(ControlError, match="no answer"):
            client.status()
        with ControlServer(answer, endpoint):
            deadline = time.monotonic() + 20
            while True:
                try:
                    assert client.status() == STATUS
                    break
                except ControlError:
                    assert time.monotonic() < deadline


def test_many_ask_at_once(server: ControlServer) -> None:
    answers: list[str] = []

    def ask(name: str) -> None:
        with ControlClient(server.endpoint, timeout_s=20) as client:
            answers.extend(client.do("record", take=f"{name}-{number}") for number in range(20))

    threads = [threading.Thread(target=ask, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == sorted(f"recording {name}-{number}" for name in "abcd" for number in range(20))


def test_someone_who_asks_and_leaves_blocks_nobody(server: ControlServer, client: ControlClient) -> None:
    context: zmq.Context[Any] = zmq.Context()
    for _ in range(20):
        socket = context.socket(zmq.REQ)
        socket.connect(server.endpoint)
        socket.send(encode(Request(command="status")))
        socket.close(linger=50)
    context.term()
    assert client.status() == STATUS


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    ).map(msgpack.packb)
    | st.fixed_dictionaries(
        {"v": st.sampled_from([1, 1, 1, 2, "1", None]), "kind": st.sampled_from(["request", "status", 3])},
        optional={
            "command": st.sampled_from([*COMMANDS, "delete", 7, None]),
            "take": st.none() | st.text(max_size=80) | st.sampled_from(["../x", "/etc/passwd", "a.mcap", "con"]),
            "seconds": st.floats() | st.text(max_size=3),
        },
    ).map(msgpack.packb)
)
def test_garbage_is_answered_and_does_no_harm(client: ControlClient, server: ControlServer, payload: bytes) -> None:
    context: zmq.Context[Any] = zmq.Context.instance()
    with context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(server.endpoint)
        socket.send(payload)
        assert socket.poll(20_000)
        reply = decode_reply(socket.recv())
    try:
        decode_request(payload)
    except WireError:
        assert isinstance(reply, Refused)
    assert client.status() == STATUS


SLOW_SERVER = """
import sys, time
from avatar_bridge.control_messages import Done
from avatar_bridge.control_server import ControlServer

def slow(request):
    time.sleep(0.05)
    return Done(what="slowly")

with ControlServer(slow, "tcp://127.0.0.1:*") as server:
    print(server.endpoint, flush=True)
    sys.stdin.read()
"""


def test_a_flood_that_breaks_off_ends_no_process() -> None:
    """With ZeroMQ's heartbeats libzmq 4.3.5 aborts a process whose queue was full when its peer went."""
    context: zmq.Context[Any] = zmq.Context()
    command = [sys.executable, "-c", SLOW_SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        endpoint = process.stdout.readline().strip()
        with context.socket(zmq.DEALER) as flood:
            flood.linger = 0
            flood.connect(endpoint)
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                with suppress(zmq.Again):
                    flood.send_multipart([b"", encode(Request(command="neutral"))], zmq.NOBLOCK)
        time.sleep(1.5)
        assert process.poll() is None
        with ControlClient(endpoint, timeout_s=20) as client:
            assert client.do("neutral") == "slowly"
        process.kill()
    context.term()


def test_floods_and_long_messages_do_no_harm(server: ControlServer, client: ControlClient) -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(server.endpoint)
    for _ in range(2000):
        socket.send_multipart([b"", encode(Request(command="status"))])
        socket.send(b"no empty part before it")
        socket.send_multipart([b"", b"two", b"parts"])
    socket.send_multipart([b"", bytes(10_000_000)])
    assert client.status() == STATUS
    socket.close(linger=0)
    context.term()


@pytest.mark.parametrize("reply", [Pong(received_time_ns=1, reply_time_ns=2), STATUS, Done(what="x"), Refused(why="y")])
def test_replies_survive_the_wire(reply: Reply) -> None:
    assert decode_reply(encode(reply)) == reply


@pytest.mark.parametrize("name", ["../take", "a/b", "a\\b", "", "x" * 65, ".hidden", "a b", "take.mcap", 7])
def test_a_take_is_no_path(name: Any) -> None:
    with pytest.raises(WireError, match="take's name"):
        Request(command="record", take=name)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"state": "asleep"}, "state must be"),
        ({"fps": float("nan")}, "fps must be"),
        ({"pictures": -1}, "pictures must be"),
        ({"take": "two\nlines"}, "take must be"),
        ({"neutral": 1}, "neutral must be"),
    ],
)
def test_a_status_is_checked(change: dict[str, Any], error: str) -> None:
    wire = msgpack.unpackb(encode(STATUS)) | change
    with pytest.raises(WireError, match=error):
        decode_reply(msgpack.packb(wire))


def test_streams_carry_no_requests() -> None:
    with pytest.raises(WireError, match="kind must be one of face_frame, hello"):
        decode(encode(Request(command="quit")))
    with pytest.raises(WireError, match="kind must be one of request"):
        decode_request(encode(Hello(session="s")))


def test_keys_are_asked_for() -> None:
    with pytest.raises(StreamError, match="open to other machines"):
        ControlServer(answer, "tcp://0.0.0.0:*")
    ours, theirs, strangers = new_key_pair(), new_key_pair(), new_key_pair()
    keys = CurveServer(*ours, allowed_clients=frozenset([theirs[0]]))
    with ControlServer(answer, ANY_PORT, curve=keys) as server:
        with ControlClient(server.endpoint, 20, CurveClient(*theirs, server_key=ours[0])) as client:
            assert client.status() == STATUS
        for stranger in (CurveClient(*strangers, server_key=ours[0]), None):
            with (
                ControlClient(server.endpoint, 0.3, stranger) as client,
                pytest.raises(ControlError, match="no answer"),
            ):
                client.status()
    with ControlServer(answer, "tcp://0.0.0.0:*", insecure=True) as server:
        port = server.endpoint.rpartition(":")[2]
        with ControlClient(f"tcp://127.0.0.1:{port}", timeout_s=20) as client:
            assert client.status() == STATUS


def test_any_error_can_be_said() -> None:
    assert readable("a\nb\tc") == "a b c"
    assert readable("") == "no reason was given"
    assert len(readable("x" * 5000)) == 1024


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_golden_bytes(case: dict[str, Any]) -> None:
    payload = bytes.fromhex(case["hex"])
    read = decode_request if msgpack.unpackb(payload)["kind"] == "request" else decode_reply
    message = read(payload)
    assert {name: value for name, value in asdict(message).items() if value is not None} == case["values"]
    assert encode(message) == payload


def test_golden_bytes_of_a_picture() -> None:
    """JSON holds no bytes, so this one is not among the others."""
    payload = bytes.fromhex(
        "84a17601a46b696e64a770696374757265a46a706567c404ffd8ffd9af636170747572655f74696d655f6e73cf17979cfe362a0000"
    )
    picture = Picture(jpeg=b"\xff\xd8\xff\xd9", capture_time_ns=1_700_000_000_000_000_000)
    assert decode_reply(payload) == picture
    assert encode(picture) == payload
