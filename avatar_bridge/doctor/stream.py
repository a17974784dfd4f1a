"""The stream and the control socket: is anybody there, and how well does it run?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from avatar_bridge.control_client import ControlClient
from avatar_bridge.curve import CurveClient
from avatar_bridge.doctor.finding import Finding
from avatar_bridge.endpoint import is_local
from avatar_bridge.errors import BridgeError, StreamError
from avatar_bridge.publisher import Publisher
from avatar_bridge.stream_stats import StreamStats
from avatar_bridge.subscriber import Subscriber
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

LISTEN_S: Final = 3.0
_LATE_MS: Final = 20.0


def stream(endpoint: str, keys: CurveClient | None = None) -> Iterator[Finding]:
    """Listen to the stream for a few seconds."""
    with Subscriber(endpoint, curve=keys) as subscriber:
        end = time.monotonic() + LISTEN_S
        while time.monotonic() < end:
            subscriber.poll(100)
        stats, hello = subscriber.stats(), subscriber.hello
    if hello is None:
        yield _nobody(endpoint, stats)
        return
    sender = f"{endpoint}, session {hello.session}, {', '.join(f'{k} {v}' for k, v in hello.versions.items())}"
    yield Finding("stream", "good", sender)
    yield _rate(stats, hello.rate_hz)
    unmatched = [name for name in hello.blendshape_names if name not in BLENDSHAPE_NAMES]
    if unmatched:
        advice = "update the older of the two programs"
        yield Finding(
            "names", "bad", f"the sender names shapes that this program does not know: {', '.join(unmatched)}", advice
        )
    elif hello.blendshape_names != BLENDSHAPE_NAMES:
        yield Finding("names", "note", "the sender has the 46 shapes in another order", "receivers must go by name")
    else:
        yield Finding("names", "good", "46 shapes, all known")


def _nobody(endpoint: str, stats: StreamStats) -> Finding:
    if stats.invalid:
        return Finding(
            "stream", "bad", f"{endpoint} sends what is no stream of ours: {stats.last_error}", "choose another port"
        )
    if stats.connected:
        return Finding(
            "stream", "bad", f"something answers on {endpoint} but sends nothing", "end it, or choose another port"
        )
    if not is_local(endpoint):
        advice = "start rdr track there with this --endpoint; look at firewall and keys (rdr keys)"
        return Finding("stream", "note", f"nobody sends on {endpoint}", advice)
    try:
        Publisher(endpoint).close()
    except StreamError as error:
        return Finding("stream", "bad", str(error))
    return Finding("stream", "note", f"nobody sends on {endpoint}; the port is free", "start rdr track, or rdr fake")


def _rate(stats: StreamStats, nominal_hz: float) -> Finding:
    if not stats.frames or stats.publish_latency_p95_ms is None or stats.capture_latency_p95_ms is None:
        return Finding(
            "rate", "note", "no face is in the picture", "look at the camera, nearer and with light from the front"
        )
    says = (
        f"{stats.fps:.0f} fps of {nominal_hz:.0f}, {stats.missed} lost, {stats.invalid} invalid, to here "
        f"{stats.publish_latency_p50_ms:.1f} ms (p95 {stats.publish_latency_p95_ms:.1f}), since the picture was taken "
        f"{stats.capture_latency_p50_ms:.0f} ms (p95 {stats.capture_latency_p95_ms:.0f})"
    )
    if stats.missed or stats.invalid:
        return Finding(
            "rate", "bad", says, "this machine is too busy, or the network loses messages: close other programs"
        )
    if stats.publish_latency_p95_ms < -1:
        return Finding("rate", "note", says, "the two machines' clocks differ: rdr control clock says by how much")
    if stats.publish_latency_p95_ms > _LATE_MS or (nominal_hz and stats.fps < 0.8 * nominal_hz):
        return Finding("rate", "note", says, "the tracker's machine is too busy: close other programs")
    return Finding("rate", "good", says)


def control(endpoint: str, keys: CurveClient | None = None) -> Iterator[Finding]:
    """Ask the tracker how it is."""
    try:
        with ControlClient(endpoint, timeout_s=1, curve=keys) as client:
            status, offset = client.status(), client.clock_offset()
    except BridgeError:
        yield Finding("control", "note", f"nobody answers on {endpoint}", "rdr track answers there while it runs")
        return
    says = f"{status.state}, {status.source}, {status.fps:.0f} fps, {status.ms_per_picture_p50:.1f} ms a picture"
    if status.trouble:
        yield Finding("control", "bad", f"{says}: {status.trouble}")
    else:
        yield Finding("control", "good", f"{says}; its clock is ahead by {offset}")
