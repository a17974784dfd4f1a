"""Programs that send what they should not, or as fast as they can."""

from __future__ import annotations

import multiprocessing
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import msgpack
import numpy as np

from avatar_bridge.codec import encode
from avatar_bridge.control_client import ControlClient
from avatar_bridge.control_messages import Done, Request
from avatar_bridge.control_server import ControlServer
from avatar_bridge.endpoint import control_endpoint
from avatar_bridge.fake import FakeFace
from avatar_bridge.publisher import Publisher
from avatar_bridge.subscriber import Subscriber
from benchmarks.faults.row import CLIP_RATE_HZ, Row, clip, free_endpoint, heard, next_frame, rdr, timed
from benchmarks.stream import resident_mb

BOMBS: Final = [
    b"\xdf\xff\xff\xff\xff",  # a map of four billion
    b"\xdd\xff\xff\xff\xff",  # a list of as many
    b"\xc6\xff\xff\xff\xff",  # four gigabytes
    b"\x91" * 60_000,  # lists in lists
    msgpack.packb({"v": 1, "kind": "face_frame"}),
    msgpack.packb({"v": 1, "kind": "face_frame", "alpha_exp": [float("nan")] * 1000}),
    bytes(100_000),
]
_MARK: Final = 0x7FFF_1234_5678_0000


def garbage_on_the_stream() -> Row:
    """Send a receiver what is no message, between frames that are; at last messages of 1 MB."""
    random = np.random.default_rng(0)
    bad = [random.bytes(int(n)) for n in random.integers(0, 3000, 5000)] + 10 * BOMBS
    good = encode(FakeFace().frame("s", 0, 1, 0.0))
    with _raw_sender() as (sender, endpoint), Subscriber(endpoint) as stream:
        sender.recv()
        frames = goods = 0
        before = resident_mb()
        for n, payload in enumerate(bad):
            sender.send(payload)
            if n % 100 == 0:
                sender.send(good)
                goods += 1
                frames += len(heard(stream, 0.005))
        frames += len(heard(stream, 0.5))
        invalid = stream.stats().invalid
        for _ in range(10):
            sender.send(bytes(1_000_000))
        started = time.monotonic()
        while time.monotonic() - started < 10 and not heard(stream, 0.01):
            sender.send(good)
        again_ms = 1e3 * (time.monotonic() - started)
        grown_mb = resident_mb() - before
    happened = (
        f"{invalid} of {len(bad)} dropped and counted, {frames} of {goods} frames between them read; 1 MB ends the "
        f"connection, which is there again after {again_ms / 1e3:.1f} s; memory grew by {grown_mb:.1f} MB"
    )
    fine = invalid == len(bad) and frames == goods and again_ms < 6000 and grown_mb < 100
    numbers = {"bad": len(bad), "invalid": invalid, "frames": frames, "again_ms": again_ms, "grown_mb": grown_mb}
    return Row("garbage on the stream", "random bytes, msgpack bombs, messages of 1 MB", happened, fine, numbers)


def garbage_to_the_sender() -> Row:
    """Send a sender what is no subscription: random messages, 1 MB, plain bytes at its port."""
    random = np.random.default_rng(1)
    address = "127.0.0.1"
    with Publisher("tcp://127.0.0.1:*") as publisher:
        port = urlsplit(publisher.endpoint).port

        def attack() -> None:
            with _raw_client("XSUB", publisher.endpoint) as rogue:
                for payload in [random.bytes(int(n)) for n in random.integers(0, 1000, 5000)] + BOMBS + [bytes(10**6)]:
                    rogue.send(payload)
                time.sleep(0.5)
            for _ in range(20):
                with socket.create_connection((address, port or 0)) as plain, suppress(OSError):
                    plain.sendall(random.bytes(5000))

        numbers = _published_during(publisher, attack)
    happened = (
        f"{numbers['missed']} of {numbers['sent']} frames to another receiver missed; sending one took "
        f"{numbers['worst_ms']:.1f} ms at most; receivers counted: {numbers['subscribers']}"
    )
    fine = numbers["missed"] == 0 and numbers["subscribers"] == 1 and numbers["worst_ms"] < 500
    return Row("garbage to the sender", "random messages, 1 MB, plain bytes at its port", happened, fine, numbers)


def garbage_at_control() -> Row:
    """Ask the control socket what is no question."""
    import zmq

    random = np.random.default_rng(2)
    payloads = [random.bytes(int(n)) for n in random.integers(0, 3000, 2000)]
    payloads += [bomb[:4000] for bomb in BOMBS]
    answered = 0
    with ControlServer(lambda request: Done(what=request.command), "tcp://127.0.0.1:*") as server:
        for payload in payloads:
            with _raw_client("REQ", server.endpoint) as rogue:
                rogue.send(payload)
                answered += bool(rogue.poll(2000))
        with _raw_client("DEALER", server.endpoint) as rogue:
            for payload in (bytes(10**6), b"no empty part before it"):
                rogue.send(payload, zmq.NOBLOCK)
        with ControlClient(server.endpoint) as client:
            works = client.do("neutral") == "neutral"
    happened = f"{answered} of {len(payloads)} refused in one line, 1 MB is not read; it works on"
    numbers = {"answered": answered, "of": len(payloads)}
    return Row(
        "garbage at the control socket",
        "random requests, msgpack bombs, 1 MB",
        happened,
        works and answered == len(payloads),
        numbers,
    )


def flood_of_frames() -> Row:
    """Send as fast as one can for five seconds; the receiver looks 60 times a second for the newest."""
    endpoint = free_endpoint()
    with _process(_send_frames, endpoint, 7.0), Subscriber(endpoint, latest_only=True) as stream:
        next_frame(stream)
        heard(stream, 1.0)
        before, ages_ms = resident_mb(), []
        for _ in timed(5.0, 1 / 60):
            for frame in stream.latest().values():
                ages_ms.append((time.time_ns() - frame.publish_time_ns) / 1e6)
        grown_mb = resident_mb() - before
        stats = stream.stats()
    p50, p100 = np.percentile(ages_ms, [50, 100])
    happened = (
        f"{(stats.frames + stats.missed) / 6:,.0f} frames a second sent; `latest()` is {p50 / 1e3:.1f} s old, at most "
        f"{p100 / 1e3:.1f}, as the queue is full of older ones; memory grew by {grown_mb:.1f} MB"
    )
    numbers = {
        "received": stats.frames,
        "missed": stats.missed,
        "age_p50_ms": p50,
        "age_max_ms": p100,
        "grown_mb": grown_mb,
    }
    fine = len(ages_ms) > 50 and p100 < 5000 and grown_mb < 100
    return Row("flood of frames", "one sender as fast as it can, 5 s", happened, fine, numbers)


def flood_of_subscriptions() -> Row:
    """Send subscriptions to a sender as fast as one can for three seconds."""
    with Publisher("tcp://127.0.0.1:*") as publisher:

        def attack() -> None:
            with _process(_subscribe_much, publisher.endpoint, 3.0) as rogue:
                rogue.join()

        numbers = _published_during(publisher, attack)
    happened = (
        f"sending a frame takes {numbers['worst_ms']:.0f} ms at most; another receiver missed {numbers['missed']} of "
        f"{numbers['sent']}; memory grew by {numbers['grown_mb']:.0f} MB"
    )
    fine = numbers["missed"] == 0 and numbers["worst_ms"] < 1000 and numbers["subscribers"] == 1
    return Row("flood of subscriptions", "one receiver as fast as it can, 3 s", happened, fine, numbers)


def flood_of_requests() -> Row:
    """Ask a tracker for its status as fast as one can, and break off in the middle of it."""
    endpoint = free_endpoint()
    control = control_endpoint(endpoint)
    with rdr("track", clip(), "--endpoint", endpoint) as tracker, Subscriber(endpoint) as stream:
        next_frame(stream)
        heard(stream, 2.0)
        before = len(heard(stream, 4.0)) / 4
        with _process(_ask_much, control, "status", 5.0), ControlClient(control, timeout_s=10) as client:
            heard(stream, 0.8)
            during = len(heard(stream, 4.0)) / 4
            started = time.monotonic()
            client.status()
            status_ms = 1e3 * (time.monotonic() - started)
        for _ in range(3):
            with _process(_ask_much, control, "neutral", 0.3) as rogue:
                rogue.join()
            heard(stream, 1.2)
        after = len(heard(stream, 2.0)) / 2
        alive = tracker.poll() is None
        missed = stream.stats().missed
    happened = (
        f"{before:.0f} pictures a second tracked before, {during:.0f} during, {after:.0f} after (the clip has "
        f"{CLIP_RATE_HZ:.0f}); another program's `status` takes {status_ms:.0f} ms meanwhile; {missed} frames missed"
    )
    numbers = {"before": before, "during": during, "after": after, "status_ms": status_ms, "missed": missed}
    fine = alive and during > 0.7 * min(before, CLIP_RATE_HZ) and missed == 0
    return Row("flood of requests", "one client as fast as it can, 5 s; three that break off", happened, fine, numbers)


def _published_during(publisher: Publisher, attack: Callable[[], None]) -> dict[str, Any]:
    """Publish at 240 Hz to one receiver for 6 s, while something is done in another thread."""
    import threading

    frame = FakeFace().frame(publisher.session, 0, 1, 0.0)
    with Subscriber(publisher.endpoint) as stream:
        while not publisher.subscribers:
            time.sleep(0.02)
        before, worst_s, sent, received = resident_mb(), 0.0, 0, 0
        thread = threading.Thread(target=attack)
        thread.start()
        for _ in timed(6.0, 1 / 240):
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
def _process(work: Callable[..., None], *arguments: object) -> Iterator[Any]:
    """Run a function in a process of its own; it is killed at the end."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _send_frames(endpoint: str, seconds: float) -> None:
    """Send frames, each with its number and the time."""
    frame = FakeFace().frame("s", _MARK, 1, 0.0)
    payload = bytearray(encode(replace(frame, publish_time_ns=_MARK + 1)))
    at_seq, at_time = (payload.index(struct.pack(">Q", mark)) for mark in (_MARK, _MARK + 1))
    with _raw_sender(endpoint) as (sender, _):
        sender.recv()
        end, seq = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            struct.pack_into(">Q", payload, at_seq, seq)
            struct.pack_into(">Q", payload, at_time, time.time_ns())
            sender.send(bytes(payload))
            seq += 1


def _subscribe_much(endpoint: str, seconds: float) -> None:
    with _raw_client("XSUB", endpoint) as rogue:
        end, n = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            rogue.send(b"\x01" + n.to_bytes(8, "big"))
            n += 1


def _ask_much(endpoint: str, command: Any, seconds: float) -> None:
    import zmq

    request = encode(Request(command=command))
    with _raw_client("DEALER", endpoint) as rogue:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(zmq.Again):
                rogue.send_multipart([b"", request], zmq.NOBLOCK)
            with suppress(zmq.Again):
                rogue.recv_multipart(zmq.NOBLOCK)


@contextmanager
def _raw_sender(endpoint: str = "tcp://127.0.0.1:*") -> Iterator[tuple[Any, str]]:
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
def _raw_client(kind: str, endpoint: str) -> Iterator[Any]:
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
