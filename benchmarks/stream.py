"""One sender, many receivers: `python -m benchmarks.stream`. Losses, latency, memory; one receiver may be frozen.

`received` is when the bytes are there, `in_hand` when the frame is read and checked. The floor is plain ZeroMQ, bytes
in the size of a frame and nothing done with them, right after: on a machine with few cores most of it is waking up.

Real processes and sockets on this machine. A receiver is frozen with SIGSTOP for a part of the time, to show that the
others do not notice.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import struct
import subprocess
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from avatar_bridge.clock import Timestamp
from avatar_bridge.fake import FakeFace
from avatar_bridge.messages import FaceFrame, Message
from avatar_bridge.publisher import Publisher
from avatar_bridge.subscriber import Subscriber
from benchmarks.machine import machine

_PREPARED = 240
"""Frames that are made before, so that the sender's time is that of sending."""
_SETTLE_S = 2.0
_WAIT_S = 0.2
_FRAME_BYTES = 1260
"""Of a frame with landmarks."""


def resident_mb(process: int | str = "self") -> float:
    """Return the resident memory of a process (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class TimedSubscriber(Subscriber):
    """Keeps when each frame came."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.latencies_ms = array("f")

    def _take(self, message: Message, received: Timestamp) -> None:
        super()._take(message, received)
        if isinstance(message, FaceFrame):
            self.latencies_ms.append((received.unix_ns - message.publish_time_ns) / 1e6)


def receive(endpoint: str, idle_s: float) -> dict[str, Any]:
    """Receive until nothing comes any more; return what came."""
    in_hand_ms = array("f")
    memory: list[float] = []
    with TimedSubscriber(endpoint) as stream:
        empty = 0
        while empty < idle_s / _WAIT_S:  # not by the clock: it goes on while a receiver is frozen
            frames = [message for message in stream.poll(1e3 * _WAIT_S) if isinstance(message, FaceFrame)]
            empty = 0 if frames else empty + 1
            for frame in frames:
                in_hand_ms.append((time.time_ns() - frame.publish_time_ns) / 1e6)
                if frame.seq % 240 == 0:
                    memory.append(resident_mb())
        stats = stream.stats()
    return {
        "frames": stats.frames,
        "missed": stats.missed,
        "received_ms": percentiles(stream.latencies_ms),
        "in_hand_ms": percentiles(in_hand_ms),
        "every_percent_ms": every_percent(stream.latencies_ms),
        "memory_mb": [memory[len(memory) // 5], memory[-1]],
    }


def receive_raw(endpoint: str, idle_s: float) -> dict[str, Any]:
    """The floor: receive bytes with nothing of ours, the first eight of which say when they were sent."""
    import zmq

    received_ms = array("f")
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.connect(endpoint)
    while socket.poll(1000 * idle_s):
        payload = socket.recv()
        received_ms.append((time.time_ns() - struct.unpack("<q", payload[:8])[0]) / 1e6)
    return {"received_ms": percentiles(received_ms), "every_percent_ms": every_percent(received_ms)}


def percentiles(values: array[float]) -> dict[str, float]:
    """Return what is read of latencies."""
    return {f"p{p}": round(float(np.percentile(values, p)), 3) for p in (50, 95, 99, 100)}


def every_percent(values: array[float]) -> list[float]:
    """Return the 0.5th, 1.5th to 99.5th percentile: what many receivers have together is made of these."""
    return [round(float(value), 4) for value in np.percentile(values, np.arange(0.5, 100))]


def together(receivers: list[dict[str, Any]]) -> dict[str, float]:
    """Take `every_percent_ms` out of the receivers' results; return the percentiles of all their frames."""
    return percentiles(array("f", [ms for one in receivers for ms in one.pop("every_percent_ms")]))


def run_raw(seconds: float, rate_hz: float, receivers: int) -> dict[str, Any]:
    """Send bytes in the size of a frame with plain ZeroMQ: what this machine can do at best."""
    import zmq

    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # each of them is heard
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    readers = _start(receivers, "--receive-raw", f"tcp://127.0.0.1:{port}")
    for _ in readers:
        socket.recv()
    time.sleep(_SETTLE_S)
    start = time.monotonic()
    for n in range(round(seconds * rate_hz)):
        time.sleep(max(0.0, start + n / rate_hz - time.monotonic()))
        socket.send(struct.pack("<q", time.time_ns()) + bytes(_FRAME_BYTES - 8))
    results = _results(readers)
    socket.close(linger=0)
    context.term()
    return {"received_ms": together(results), "receivers": results}


def _start(count: int, *arguments: str) -> list[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.stream", *arguments]
    return [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]


def _results(readers: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    return [json.loads(reader.communicate()[0].splitlines()[-1]) for reader in readers]


def run(seconds: float, rate_hz: float, receivers: int, freeze: bool) -> dict[str, Any]:
    """Send for so long; return counts of both ends."""
    with Publisher("tcp://127.0.0.1:*") as publisher:
        readers = _start(receivers, "--receive", publisher.endpoint)
        while publisher.subscribers < receivers:
            time.sleep(0.05)
        time.sleep(_SETTLE_S)
        frames = [FakeFace().frame(publisher.session, 0, 0, n / rate_hz) for n in range(_PREPARED)]
        frozen = readers[0] if freeze else None
        sending_ms, memory = _send(publisher, frames, seconds, rate_hz, frozen)
        results = _results(readers)
    return {
        "sent": len(sending_ms),
        "send_p50_ms": float(np.percentile(sending_ms, 50)),
        "send_p99_ms": float(np.percentile(sending_ms, 99)),
        "sender_memory_mb": [memory[len(memory) // 5], memory[-1]],
        "frozen": "receiver 0, from 30 to 60 % of the time" if freeze else "none",
        "received_ms": together(results[freeze:]),
        "receivers": [{name: value for name, value in one.items() if name != "every_percent_ms"} for one in results],
    }


def _send(
    publisher: Publisher, frames: list[FaceFrame], seconds: float, rate_hz: float, frozen: subprocess.Popen[str] | None
) -> tuple[list[float], list[float]]:
    """Send at an even pace, freezing a receiver from 30 to 60 %; return ms of each send and memory once a second."""
    from dataclasses import replace

    total = round(seconds * rate_hz)
    sending_ms: list[float] = []
    memory: list[float] = []
    start = time.monotonic()
    for n in range(total):
        time.sleep(max(0.0, start + n / rate_hz - time.monotonic()))
        if frozen is not None and n in (int(0.3 * total), int(0.6 * total)):
            frozen.send_signal(signal.SIGSTOP if n == int(0.3 * total) else signal.SIGCONT)
        frame = replace(frames[n % _PREPARED], seq=n, capture_time_ns=time.time_ns())
        before = time.perf_counter()
        publisher.publish(frame)
        sending_ms.append(1e3 * (time.perf_counter() - before))
        if n % round(rate_hz) == 0:
            memory.append(resident_mb())
    return sending_ms, memory


def main() -> None:
    """Parse the command line and print, or write, what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=240)
    parser.add_argument("--receivers", type=int, default=8)
    parser.add_argument("--freeze", action="store_true", help="stop receiver 0 (SIGSTOP) for a third of the time")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    parser.add_argument("--idle", type=float, default=5, help="a receiver ends when nothing comes for so many seconds")
    parser.add_argument("--receive", help=argparse.SUPPRESS)
    parser.add_argument("--receive-raw", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive or options.receive_raw:
        come = receive if options.receive else receive_raw
        print(json.dumps(come(options.receive or options.receive_raw, options.idle)))
        return
    result = run(options.seconds, options.rate, options.receivers, options.freeze)
    floor = run_raw(min(options.seconds, 30), options.rate, options.receivers)
    result = {"machine": machine(), "seconds": options.seconds, "rate_hz": options.rate} | result | {"floor": floor}
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
