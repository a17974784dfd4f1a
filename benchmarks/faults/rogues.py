"""Senders and clients that have no manners, and what a sender of ours does meanwhile."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from avatar_bridge.fake import FakeFace
from avatar_bridge.publisher import Publisher
from avatar_bridge.subscriber import Subscriber
from benchmarks.faults.row import heard, timed
from benchmarks.stream import resident_mb


def published_during(publisher: Publisher, attack: Callable[[], None], seconds: float) -> dict[str, Any]:
    """Publish at 240 Hz to one receiver for so long, while something is done in another thread."""
    frame = FakeFace().frame(publisher.session, 0, 1, 0.0)
    with Subscriber(publisher.endpoint) as stream:
        while not publisher.subscribers:
            time.sleep(0.02)
        before, worst_s, sent, received = resident_mb(), 0.0, 0, 0
        thread = threading.Thread(target=attack)
        thread.start()
        for _ in timed(seconds, 1 / 240):
            began = time.perf_counter()
            publisher.publish(replace(frame, seq=sent))
            worst_s, sent = max(worst_s, time.perf_counter() - began), sent + 1
            received += len([message for message in stream.poll(0) if message is not stream.hello])
        thread.join()
        heard(stream, 0.5)
        frames = stream.stats().frames
        grown_mb, subscribers = resident_mb() - before, publisher.subscribers
    return {
        "sent": sent,
        "missed": sent - frames,
        "worst_ms": 1e3 * worst_s,
        "grown_mb": grown_mb,
        "subscribers": subscribers,
    }


@contextmanager
def process(work: Callable[..., None], *arguments: object) -> Iterator[Any]:
    """Run a function in a process of its own; it is killed at the end."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


@contextmanager
def raw_sender(endpoint: str = "tcp://127.0.0.1:*") -> Iterator[tuple[Any, str]]:
    """A sender that has no manners, and its address."""
    import zmq

    context: zmq.Context[Any] = zmq.Context()
    sender = context.socket(zmq.XPUB)
    sender.bind(endpoint)
    try:
        yield sender, sender.getsockopt_string(zmq.LAST_ENDPOINT)
    finally:
        sender.close(linger=0)
        context.term()


@contextmanager
def raw_client(kind: str, endpoint: str) -> Iterator[Any]:
    """A client that has none."""
    import zmq

    context: zmq.Context[Any] = zmq.Context()
    client = context.socket(getattr(zmq, kind))
    client.setsockopt(zmq.SNDTIMEO, 2000)
    client.connect(endpoint)
    try:
        yield client
    finally:
        client.close(linger=0)
        context.term()
