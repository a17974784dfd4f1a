"""What the doctor says of streams that really run, or do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import zmq

from avatar_bridge.control_messages import Refused
from avatar_bridge.control_server import ControlServer
from avatar_bridge.doctor import stream
from avatar_bridge.doctor.finding import Finding
from avatar_bridge.fake import FakeFace
from avatar_bridge.publisher import Publisher
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

ANY_PORT = "tcp://127.0.0.1:*"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LISTEN_S", 1.0)


def found(endpoint: str) -> dict[str, Finding]:
    return {finding.what: finding for finding in stream.stream(endpoint)}


@contextmanager
def sending(publisher: Publisher, step: int = 1) -> Iterator[None]:
    """Send frames at 100 a second, losing all but each `step`-th on the way."""
    stop = threading.Event()

    def send() -> None:
        seq = 0
        while not stop.wait(0.01):
            publisher.publish(FakeFace().frame(publisher.session, seq, time.time_ns(), seq / 100))
            seq += step

    thread = threading.Thread(target=send)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_nobody_sends() -> None:
    with Publisher(ANY_PORT) as publisher:
        endpoint = publisher.endpoint
    assert found(endpoint)["stream"].state == "note"
    assert "the port is free" in found(endpoint)["stream"].says
    assert found("tcp://192.0.2.1:5570")["stream"].advice is not None


def test_a_stream_that_runs() -> None:
    with Publisher(ANY_PORT) as publisher, sending(publisher):
        findings = found(publisher.endpoint)
    assert findings["stream"].state == findings["names"].state == "good"
    assert "0 lost, 0 invalid" in findings["rate"].says


def test_losses_are_bad() -> None:
    with Publisher(ANY_PORT) as publisher, sending(publisher, step=2):
        assert found(publisher.endpoint)["rate"].state == "bad"


def test_nobody_in_the_picture() -> None:
    with Publisher(ANY_PORT) as publisher:
        assert "no face" in found(publisher.endpoint)["rate"].says


def test_other_names() -> None:
    names = ("Snout", *BLENDSHAPE_NAMES[1:])
    with Publisher(ANY_PORT) as publisher:
        publisher.describe(replace(publisher.hello, blendshape_names=names))
        assert "Snout" in found(publisher.endpoint)["names"].says
        publisher.describe(replace(publisher.hello, blendshape_names=BLENDSHAPE_NAMES[::-1]))
        assert found(publisher.endpoint)["names"].state == "note"


@pytest.mark.parametrize(("payload", "says"), [(b"garbage", "no stream of ours"), (None, "sends nothing")])
def test_another_program_on_the_port(payload: bytes | None, says: str) -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.XPUB)
    endpoint = f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"

    def send() -> None:
        socket.recv()
        if payload is not None:
            socket.send(payload)

    thread = threading.Thread(target=send)
    thread.start()
    finding = found(endpoint)["stream"]
    thread.join()
    socket.close(linger=0)
    context.term()
    assert finding.state == "bad"
    assert says in finding.says


def test_control() -> None:
    with ControlServer(lambda _: Refused(why="not now"), ANY_PORT) as server:
        (finding,) = stream.control(server.endpoint)
    assert finding.state == "note"
