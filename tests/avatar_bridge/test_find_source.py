"""Sources found by name over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from avatar_bridge.errors import BridgeError, StreamError
from avatar_bridge.find_source import find_source
from avatar_bridge.publisher import Publisher
from avatar_bridge.source_names import endpoint_of

PATIENCE_S = 20.0


def said(publisher: Publisher, name: str | None) -> Publisher:
    publisher.describe(replace(publisher.hello, source=name))
    return publisher


@pytest.fixture
def first() -> str:
    """Return an endpoint whose port, and the second and fourth after it, are free."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            for other in (port + 2, port + 4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", other))
        except (OSError, OverflowError):
            continue
        return f"tcp://127.0.0.1:{port}"


@pytest.fixture
def three(first: str) -> Iterator[str]:
    with ExitStack() as stack:
        for number, name in enumerate(("front", "left", None)):
            said(stack.enter_context(Publisher(endpoint_of(first, number))), name)
        yield first


@pytest.mark.parametrize(("name", "number"), [("front", 0), ("left", 1)])
def test_a_source_is_found(three: str, name: str, number: int) -> None:
    started = time.monotonic()
    assert find_source(name, three, PATIENCE_S) == endpoint_of(three, number)
    assert time.monotonic() - started < PATIENCE_S / 2


def test_one_that_is_not_there_is_said(three: str) -> None:
    with pytest.raises(StreamError, match=r"no source right .* there is: .*front on .*left on .*rdr track right=0"):
        find_source("right", three, 1.0)
    with pytest.raises(BridgeError, match="name"):
        find_source("a b", three, 1.0)


def test_nobody_is_there(first: str) -> None:
    with pytest.raises(StreamError, match="there is: none"):
        find_source("front", first, 0.3)
    with pytest.raises(StreamError, match=r"no source front on tcp://127\.0\.0\.1:65533"):
        find_source("front", "tcp://127.0.0.1:65533", 0.3)


def test_one_that_comes_later_is_waited_for(first: str) -> None:
    with ExitStack() as stack:

        def begin() -> None:
            time.sleep(0.5)
            said(stack.enter_context(Publisher(first)), "front")

        thread = threading.Thread(target=begin)
        thread.start()
        try:
            assert find_source("front", first, PATIENCE_S) == first
        finally:
            thread.join()
