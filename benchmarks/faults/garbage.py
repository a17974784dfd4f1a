"""What is no message, sent to each of our sockets."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import msgpack
import numpy as np

from avatar_bridge.codec import encode
from avatar_bridge.control_client import ControlClient
from avatar_bridge.control_messages import Done
from avatar_bridge.control_server import ControlServer
from avatar_bridge.fake import FakeFace
from avatar_bridge.publisher import Publisher
from avatar_bridge.subscriber import Subscriber
from benchmarks.faults.rogues import published_during, raw_client, raw_sender
from benchmarks.faults.row import Row, heard
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


def garbage_on_the_stream() -> Row:
    """Send a receiver what is no message, between frames that are; at last messages of 1 MB."""
    random = np.random.default_rng(0)
    bad = [random.bytes(int(n)) for n in random.integers(0, 3000, 5000)] + 10 * BOMBS
    good = encode(FakeFace().frame("s", 0, 1, 0.0))
    with raw_sender() as (sender, endpoint), Subscriber(endpoint) as stream:
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
            with raw_client("XSUB", publisher.endpoint) as rogue:
                for payload in [random.bytes(int(n)) for n in random.integers(0, 1000, 5000)] + BOMBS + [bytes(10**6)]:
                    rogue.send(payload)
                time.sleep(0.5)
            for _ in range(20):
                with socket.create_connection((address, port or 0)) as plain, suppress(OSError):
                    plain.sendall(random.bytes(5000))

        numbers = published_during(publisher, attack, 3.0)
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
            with raw_client("REQ", server.endpoint) as rogue:
                rogue.send(payload)
                answered += bool(rogue.poll(2000))
        with raw_client("DEALER", server.endpoint) as rogue:
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
