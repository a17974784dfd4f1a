"""Programs that send as fast as they can."""

from __future__ import annotations

import struct
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import numpy as np

from avatar_bridge.codec import encode
from avatar_bridge.control_client import ControlClient
from avatar_bridge.control_messages import Request
from avatar_bridge.endpoint import control_endpoint
from avatar_bridge.fake import FakeFace
from avatar_bridge.publisher import Publisher
from avatar_bridge.subscriber import Subscriber
from benchmarks.faults.rogues import process, published_during, raw_client, raw_sender
from benchmarks.faults.row import CLIP_RATE_HZ, Row, clip, free_endpoint, heard, next_frame, rdr, timed
from benchmarks.stream import resident_mb

_MARK: Final = 0x7FFF_1234_5678_0000


def flood_of_frames() -> Row:
    """Send as fast as one can for five seconds; the receiver looks 60 times a second for the newest."""
    endpoint = free_endpoint()
    with process(_send_frames, endpoint, 7.0), Subscriber(endpoint, latest_only=True) as stream:
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
    fine = len(ages_ms) > 10 and p100 < 2000 and grown_mb < 100
    return Row("flood of frames", "one sender as fast as it can, 5 s", happened, fine, numbers)


def flood_of_subscriptions() -> Row:
    """Send subscriptions to a sender as fast as one can for three seconds."""
    with Publisher("tcp://127.0.0.1:*") as publisher:

        def attack() -> None:
            with process(_subscribe_much, publisher.endpoint, 3.0) as rogue:
                rogue.join()

        numbers = published_during(publisher, attack, 5.0)
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
        heard(stream, 1.0)
        before = len(heard(stream, 2.5)) / 2.5
        with process(_spin, 3.5):
            heard(stream, 0.8)
            beside = len(heard(stream, 2.5)) / 2.5
        with process(_ask_much, control, "status", 5.0), ControlClient(control, timeout_s=10) as client:
            heard(stream, 0.8)
            during = len(heard(stream, 2.5)) / 2.5
            started = time.monotonic()
            client.status()
            status_ms = 1e3 * (time.monotonic() - started)
        for _ in range(3):
            with process(_ask_much, control, "neutral", 0.3) as rogue:
                rogue.join()
            heard(stream, 1.2)
        after = len(heard(stream, 2.0)) / 2
        alive = tracker.poll() is None
        missed = stream.stats().missed
    happened = (
        f"{before:.0f} pictures a second tracked before, {during:.0f} during ({beside:.0f} beside a program that only "
        f"takes a processor), {after:.0f} after; it lives; another program's `status` takes {status_ms:.0f} ms "
        f"meanwhile; {missed} frames missed"
    )
    numbers = {
        "before": before,
        "beside": beside,
        "during": during,
        "after": after,
        "status_ms": status_ms,
        "missed": missed,
    }
    fine = alive and during > 0.4 * min(before, beside, CLIP_RATE_HZ) and missed == 0
    return Row("flood of requests", "one client as fast as it can, 5 s; three more break off", happened, fine, numbers)


def _send_frames(endpoint: str, seconds: float) -> None:
    """Send frames, each with its number and the time."""
    frame = FakeFace().frame("s", _MARK, 1, 0.0)
    payload = bytearray(encode(replace(frame, publish_time_ns=_MARK + 1)))
    at_seq, at_time = (payload.index(struct.pack(">Q", mark)) for mark in (_MARK, _MARK + 1))
    with raw_sender(endpoint) as (sender, _):
        sender.recv()
        end, seq = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            struct.pack_into(">Q", payload, at_seq, seq)
            struct.pack_into(">Q", payload, at_time, time.time_ns())
            sender.send(bytes(payload))
            seq += 1


def _spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def _subscribe_much(endpoint: str, seconds: float) -> None:
    with raw_client("XSUB", endpoint) as rogue:
        end, n = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            rogue.send(b"\x01" + n.to_bytes(8, "big"))
            n += 1


def _ask_much(endpoint: str, command: Any, seconds: float) -> None:
    import zmq

    request = encode(Request(command=command))
    with raw_client("DEALER", endpoint) as rogue:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(zmq.Again):
                rogue.send_multipart([b"", request], zmq.NOBLOCK)
            with suppress(zmq.Again):
                rogue.recv_multipart(zmq.NOBLOCK)
