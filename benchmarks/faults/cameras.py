"""A camera that is pulled out, and a clock that is set, under the tracker as a service.

The camera is made up, as the machines that this runs on have none: it gives a photograph that moves, 25 times a second,
and fails as a camera does. All behind it is what `rdr track` runs.
"""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from avatar_bridge.capture import CapturedFrame, FrameSource, VideoSource
from avatar_bridge.capture.lasting import LastingSource
from avatar_bridge.control_client import ControlClient
from avatar_bridge.control_server import ControlServer
from avatar_bridge.errors import CameraError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.pipeline import Pipeline
from avatar_bridge.places import Places
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import read_take
from avatar_bridge.recording.facts import TakeFacts
from avatar_bridge.recording.run_takes import RunTakes
from avatar_bridge.service import TrackService
from avatar_bridge.smoothing import FaceSmoother
from avatar_bridge.subscriber import Subscriber
from benchmarks.faults.row import CLIP_RATE_HZ, PATIENCE_S, Row, heard, moving_face, rdr, timed
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.tracker import FaceTracker
from rdr_core.inference.weights import load_predictor

_HOUR_NS: Final = 3_600_000_000_000


class Camera(FrameSource):
    """A face for as long as it is plugged in."""

    name, size_px, rate_hz, frame_count, is_live = "camera 7", (320, 288), CLIP_RATE_HZ, None, True

    def __init__(self, plug: threading.Event, pictures: list[np.ndarray]) -> None:
        if not plug.is_set():
            raise CameraError("no camera 7")
        self._plug, self._pictures, self._open = plug, pictures, True

    def __iter__(self) -> Iterator[CapturedFrame]:
        for n in timed(1e6, 1 / self.rate_hz):
            if not self._open:
                return
            if not self._plug.is_set():
                raise CameraError("camera 7 stopped giving pictures: was it unplugged?")
            yield CapturedFrame(self._pictures[n % len(self._pictures)], time.time_ns(), n, self.name)

    def close(self) -> None:
        self._open = False


def camera_unplugged() -> Row:
    """Pull a camera out for three seconds while `rdr preview` shows the face."""
    plug = threading.Event()
    plug.set()
    with tempfile.TemporaryDirectory() as name, _service(plug, Path(name)) as (stream, client, _):
        video = Path(name) / "avatar.mp4"
        endpoint = stream.endpoint
        with rdr("preview", "--out", video, "--size", "64", "--endpoint", endpoint) as preview:
            while client.status().subscribers < 2:
                heard(stream, 0.1)
            heard(stream, 1.0)
            plug.clear()
            lost_ms = _until(stream, tracked=False)
            heard(stream, 3.0)
            status = client.status()
            plug.set()
            again_ms = _until(stream, tracked=True)
            seen_again_s = 2.0
            heard(stream, seen_again_s)
            missed = stream.stats().missed
            preview.send_signal(signal.SIGINT)
            ended = preview.wait(PATIENCE_S)
        times_s = [frame.capture_time_ns / 1e9 for frame in VideoSource(video, base_time_ns=0)]
    gap_at = int(np.argmax(np.diff(times_s)))
    shown_s = times_s[-1] - times_s[gap_at + 1]
    happened = (
        f"the face is said to be lost after {lost_ms:.0f} ms, `rdr control` says {status.state}: {status.trouble}; "
        f"tracked again {again_ms / 1e3:.1f} s after it is back (tried again after 0.5, 1, 2 up to 10 s), in the same "
        f"session, {missed} missed; `rdr preview` goes on, exit {ended}"
    )
    numbers = {"lost_ms": lost_ms, "again_ms": again_ms, "missed": missed, "shown_again_s": shown_s, "exit": ended}
    fine = status.state == "waiting" and missed == 0 and ended == 0 and shown_s > seen_again_s - 1 and lost_ms < 1000
    return Row("camera unplugged", "pulled out for 3 s (a made-up camera: there is none)", happened, fine, numbers)


def clock_set() -> Row:
    """Set the clock of the whole process an hour ahead, and back, while it tracks and records."""
    plug = threading.Event()
    plug.set()
    frames: list[FaceFrame] = []
    with tempfile.TemporaryDirectory() as name, _service(plug, Path(name)) as (stream, client, service):
        client.do("record", "clock")
        for ahead_ns in (0, _HOUR_NS, 0):
            with _clock_ahead(ahead_ns):
                frames += heard(stream, 3.0)
                latency_ms = stream.stats().capture_latency_p50_ms or 0
        missed = stream.stats().missed
        client.do("stop_recording")
        kept = [frame.seq for frame in read_take(Path(name) / "clock.mcap").frames()]
    places = Places(1)
    shown = sum(places.of(frame) == 0 for frame in frames)
    gone = sum(not frame.tracked for frame in frames)
    steps = [float(np.abs(b.alpha_exp - a.alpha_exp).max()) for a, b in pairwise(frames)]
    jumps = [n for n, (a, b) in enumerate(pairwise(frames)) if abs(b.capture_time_ns - a.capture_time_ns) > 10**10]
    at_jumps, usual = max(steps[n] for n in jumps), max(s for n, s in enumerate(steps) if n not in jumps)
    ids = len({frame.face_id for frame in frames})
    happened = (
        f"{gone} of {len(frames)} frames without the face, {ids} ids, receivers that show one face show all; filters "
        f"begin anew: the largest step of a coefficient is {at_jumps:.2f} there, {usual:.2f} elsewhere; latency "
        f"{latency_ms:.0f} ms (p50) after it, {missed} missed, the take has them all"
    )
    numbers = {
        "frames": len(frames), "gone": gone, "ids": ids, "jumps": len(jumps), "step_at_jumps": at_jumps,
        "step_elsewhere": usual, "latency_p50_ms": latency_ms, "missed": missed, "kept": len(kept),
    }  # fmt: skip
    whole = kept == list(range(kept[0], kept[0] + len(kept))) and len(kept) > 0.9 * len(frames)
    fine = len(jumps) == 2 and gone <= 4 and shown == len(frames) and missed == 0 and whole and at_jumps < 0.3
    return Row("clock set an hour ahead, then back", "while it tracks and records", happened, fine, numbers)


@contextmanager
def _service(plug: threading.Event, folder: Path) -> Iterator[tuple[Subscriber, ControlClient, TrackService]]:
    """Track the camera in a thread, as `rdr track` does; yield who listens, who asks, and the service."""
    pictures = moving_face(100)
    with ExitStack() as stack:
        source = stack.enter_context(LastingSource(lambda: Camera(plug, pictures)))
        publisher = stack.enter_context(Publisher("tcp://127.0.0.1:*"))
        tracker = FaceTracker(load_predictor("live"), FaceDetector())
        takes = stack.enter_context(RunTakes(folder, publisher.session, source.name, TakeFacts(), print))
        service = TrackService(
            source, Pipeline(tracker, FaceSmoother(), publisher.session), takes, publisher.hello, publisher
        )
        server = stack.enter_context(ControlServer(service.answer, "tcp://127.0.0.1:*"))
        client = stack.enter_context(ControlClient(server.endpoint, timeout_s=10))
        stream = stack.enter_context(Subscriber(publisher.endpoint))
        thread = threading.Thread(target=lambda: [None for _ in service.run(source.frames())])
        thread.start()
        stack.callback(thread.join)
        stack.callback(service.quit)
        _until(stream, tracked=True)
        yield stream, client, service


@contextmanager
def _clock_ahead(ahead_ns: int) -> Iterator[None]:
    """Set the clock that this process reads: that of the machine belongs to others, too."""
    real = time.time_ns
    time.time_ns = lambda: real() + ahead_ns
    try:
        yield
    finally:
        time.time_ns = real


def _until(stream: Subscriber, tracked: bool) -> float:
    """Wait for a frame of a face that is tracked, or that is not; return after how many ms it came."""
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE_S:
        if any(frame.tracked == tracked for frame in heard(stream, 0.02)):
            return 1e3 * (time.monotonic() - started)
    raise TimeoutError("no such frame came")
