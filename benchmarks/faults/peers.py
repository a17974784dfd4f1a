"""Programs that go, come back, stop or get in each other's way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from avatar_bridge.fake import FakeFace
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import read_take
from avatar_bridge.subscriber import Subscriber
from benchmarks.faults.row import PATIENCE_S, Row, cli, clip, free_endpoint, heard, next_frame, rdr
from benchmarks.stream import resident_mb

_RATE_HZ: Final = 240.0
_RECEIVERS: Final = 4
_MADE_UP_S: Final = 10.0


def sender_killed() -> Row:
    """Kill a sender, start another at the same port; a program of ours and `rdr record` listen."""
    endpoint = free_endpoint()
    with tempfile.TemporaryDirectory() as name, Subscriber(endpoint) as stream:
        take = Path(name) / "take.mcap"
        with rdr("fake", "--endpoint", endpoint) as first, rdr("record", take, "--endpoint", endpoint) as recorder:
            session = next_frame(stream).session
            while not take.with_name("take.mcap.partial").exists():
                heard(stream, 0.05)
            heard(stream, 1.0)
            first.kill()
            first.wait()
            heard(stream, 0.2)
            silent = not heard(stream, 0.5)
            with rdr("fake", "--endpoint", endpoint):
                again = next_frame(stream)
                began_ns = again.capture_time_ns - round(again.seq * 1e9 / 30)
                milliseconds = (time.time_ns() - began_ns) / 1e6
                heard(stream, 1.0)
                recorder.send_signal(signal.SIGINT)
                ended = recorder.wait(PATIENCE_S)
        sessions = len({frame.session for frame in read_take(take).frames()})
        stats = stream.stats()
    new = again.session != session
    happened = (
        f"silence, then frames of a new session {milliseconds:.0f} ms after the new sender's first; {stats.missed} "
        f"missed; `rdr record` has both runs in one take, exit {ended}"
    )
    numbers = {"ms": milliseconds, "missed": stats.missed, "reconnects": stats.reconnects, "sessions": sessions}
    fine = silent and new and sessions == 2 and ended == 0 and milliseconds < 1000
    return Row("sender killed", "`kill -9` of `rdr fake`, started again", happened, fine, numbers)


def receiver_killed() -> Row:
    """Kill one of four receivers."""
    numbers = _with_receivers(signal.SIGKILL, seconds=5.0, idle_s=2.0)
    happened = (
        f"the others missed {numbers['others_missed']} of {numbers['sent']}; sending one took "
        f"{numbers['worst_ms']:.1f} ms at most"
    )
    fine = numbers["others_missed"] == 0
    return Row("receiver killed", "`kill -9` of one of four, 240 Hz", happened, fine, numbers)


def receiver_frozen() -> Row:
    """Stop one of four receivers for five seconds."""
    numbers = _with_receivers(signal.SIGSTOP, seconds=9.0, idle_s=7.0)
    happened = (
        f"the others missed {numbers['others_missed']} of {numbers['sent']}; it then reads what waited, the oldest "
        f"{numbers['own_oldest_s']:.1f} s old, {numbers['own_missed']} missed; the sender grew by "
        f"{numbers['grown_mb']:.1f} MB"
    )
    fine = numbers["others_missed"] == 0 and numbers["grown_mb"] < 20
    return Row("receiver frozen", "`SIGSTOP` of one of four for 5 s, 240 Hz", happened, fine, numbers)


def machine_asleep() -> Row:
    """Stop a tracker for ten seconds, as a laptop that is shut."""
    endpoint = free_endpoint()
    with rdr("track", clip(), "--endpoint", endpoint) as tracker, Subscriber(endpoint) as stream:
        before = next_frame(stream)
        heard(stream, 1.0)
        tracker.send_signal(signal.SIGSTOP)
        heard(stream, 10.0)
        started = time.monotonic()
        tracker.send_signal(signal.SIGCONT)
        after = next_frame(stream)
        milliseconds = 1e3 * (time.monotonic() - started)
        while (
            time.monotonic() - started < _MADE_UP_S
            and time.time_ns() - next_frame(stream).capture_time_ns > 200_000_000
        ):
            pass
        behind_s = time.monotonic() - started
        same = after.session == before.session and after.face_id == before.face_id
        missed = stream.stats().missed
        tracker.send_signal(signal.SIGINT)
        ended = tracker.wait(PATIENCE_S)
    late = f"in {behind_s:.1f} s" if behind_s < _MADE_UP_S else f"for over {_MADE_UP_S:.0f} s"
    happened = (
        f"receivers hear nothing, then frames {milliseconds:.0f} ms after it wakes: same session, same face, {missed} "
        f"missed; what a file had meanwhile is made up for, {late}; Ctrl-C ends it with exit {ended}"
    )
    numbers = {"ms": milliseconds, "behind_s": behind_s, "missed": missed, "exit": ended}
    fine = same and ended == 0 and missed == 0 and milliseconds < 1000
    return Row("machine asleep", "`SIGSTOP` of `rdr track` for 10 s", happened, fine, numbers)


def port_taken() -> Row:
    """Start a second tracker at the port of the first."""
    endpoint = free_endpoint()
    with rdr("track", clip(), "--endpoint", endpoint), Subscriber(endpoint) as stream:
        session = next_frame(stream).session
        second = subprocess.run(
            cli("track", clip(), "--endpoint", endpoint), capture_output=True, text=True, check=False
        )
        frames = heard(stream, 0.5)
        missed = stream.stats().missed
    said = second.stderr.strip().splitlines()
    happened = f"exit {second.returncode}: `{said[-1] if said else ''}`; the first one goes on, {missed} missed"
    fine = second.returncode == 1 and len(said) == 1 and missed == 0 and {f.session for f in frames} == {session}
    return Row("two trackers at one port", "`rdr track` twice", happened, fine, {"exit": second.returncode})


def _with_receivers(what: signal.Signals, seconds: float, idle_s: float) -> dict[str, Any]:
    """Send to four receivers and do something to the first after two seconds; five later it goes on if it can."""
    with Publisher("tcp://127.0.0.1:*") as publisher:
        command = [sys.executable, "-m", "benchmarks.stream", "--receive", publisher.endpoint, "--idle", str(idle_s)]
        readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(_RECEIVERS)]
        while publisher.subscribers < _RECEIVERS:
            time.sleep(0.05)
        time.sleep(1)
        frames = [FakeFace().frame(publisher.session, 0, 0, n / _RATE_HZ) for n in range(240)]
        before, worst_s = resident_mb(), 0.0
        sent, start = round(seconds * _RATE_HZ), time.monotonic()
        for n in range(sent):
            time.sleep(max(0.0, start + n / _RATE_HZ - time.monotonic()))
            if n == round(2 * _RATE_HZ):
                readers[0].send_signal(what)
            if n == round(7 * _RATE_HZ):
                readers[0].send_signal(signal.SIGCONT)
            began = time.perf_counter()
            publisher.publish(replace(frames[n % 240], seq=n, capture_time_ns=time.time_ns()))
            worst_s = max(worst_s, time.perf_counter() - began)
        grown_mb = resident_mb() - before
        results = [reader.communicate()[0].splitlines() for reader in readers]
    own, *others = [json.loads(lines[-1]) if lines else None for lines in results]
    return {
        "sent": sent,
        "worst_ms": 1e3 * worst_s,
        "grown_mb": grown_mb,
        "others_missed": sum(sent - other["frames"] for other in others),
        "own_missed": sent - own["frames"] if own else None,
        "own_oldest_s": own["in_hand_ms"]["p100"] / 1e3 if own else None,
    }
