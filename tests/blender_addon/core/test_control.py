"""The tracker's own control socket answers; what is strange is answered by pyzmq's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest
import zmq

from blender_addon.core.control import TrackerControl
from blender_addon.core.errors import StreamError


def wait(control: TrackerControl, seconds: float = 10.0) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        said = control.poll(time.monotonic())
        if said is not None:
            return said
        time.sleep(0.002)
    raise AssertionError("nothing was said")


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """Return a function that makes the next answer of a REP socket, and says where that is."""
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.REP)
    port = socket.bind_to_random_port("tcp://127.0.0.1")

    def answer(control: TrackerControl, *parts: bytes) -> str:
        control.ask("status", time.monotonic())
        assert socket.poll(10_000)
        socket.recv()
        socket.send_multipart(parts)
        return wait(control)

    answer.address = f"tcp://127.0.0.1:{port}"  # type: ignore[attr-defined]
    yield answer
    socket.close(linger=0)
    context.term()


def test_the_program_does_what_it_is_asked() -> None:
    server = pytest.importorskip("avatar_bridge.control_server", reason="the tracker's program is not installed here")
    messages = pytest.importorskip("avatar_bridge.control_messages")
    errors = pytest.importorskip("avatar_bridge.errors")
    asked = []

    def answer(request: Any) -> Any:
        asked.append((request.command, request.seconds))
        if request.command == "stop":
            raise errors.ControlError("it is stopped already")
        return messages.Done(what="looking for 2 s")

    with server.ControlServer(answer, "tcp://127.0.0.1:*") as served:
        control = TrackerControl(served.endpoint)
        control.ask("neutral", time.monotonic(), seconds=2.0)
        assert control.waiting
        assert wait(control) == "looking for 2 s"
        assert not control.waiting
        control.ask("stop", time.monotonic())
        assert wait(control) == "The tracker did not: it is stopped already"
        assert control.said == "The tracker did not: it is stopped already"
        control.close()
        control.close()
    assert asked == [("neutral", 2.0), ("stop", 1.0)]


def test_silence_is_said_and_does_not_block() -> None:
    control = TrackerControl("tcp://127.0.0.1:9")
    started = time.monotonic()
    control.ask("neutral", started)
    assert control.poll(started + 1) is None
    assert time.monotonic() - started < 1
    said = control.poll(started + 3.1)
    assert said is not None
    assert said.startswith("No answer on tcp://127.0.0.1:9")
    assert control.poll(started + 4) is None
    control.close()


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([b"\xc1"], "must be one msgpack map"),
        ([b"", b""], "must be one ZeroMQ frame, got 2"),
        ([msgpack.packb({"v": 1, "kind": "pong"})], "must be done, refused or status, got 'pong'"),
        ([msgpack.packb({"v": 1, "kind": "done", "what": 3})], "what must be a text"),
        ([msgpack.packb({"v": 9, "kind": "done", "what": "x"})], "speaks protocol version 9"),
    ],
)
def test_a_strange_answer_is_said(answering: Callable[..., str], parts: list[bytes], said: str) -> None:
    control = TrackerControl(answering.address)  # type: ignore[attr-defined]
    words = answering(control, *parts)
    assert words.startswith("The tracker answered something strange: ")
    assert said in words
    control.close()


def test_a_status_in_words(answering: Callable[..., str]) -> None:
    control = TrackerControl(answering.address)  # type: ignore[attr-defined]
    status = {"v": 1, "kind": "status", "state": "waiting", "source": "camera 0", "trouble": "it is unplugged"}
    assert answering(control, msgpack.packb(status)) == "The tracker is waiting: camera 0; it is unplugged"
    control.close()


def test_unknown_commands_are_not_sent() -> None:
    control = TrackerControl("tcp://127.0.0.1:9")
    with pytest.raises(StreamError, match="a command must be one of neutral"):
        control.ask("quit", 0.0)
    control.close()
