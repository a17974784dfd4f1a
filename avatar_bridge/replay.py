"""A take as a live source: its frames when they are due, with the times and the numbering of a performance of now."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Final

from avatar_bridge.clock import Timestamp
from avatar_bridge.errors import RecordingError, WireError
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.recording.outline import FramesOutline, outline
from avatar_bridge.recording.take import Frames, Take
from rdr_core import __version__

MAX_SPEED: Final = 100.0
MAX_RATE_HZ: Final = 1000.0
DEFAULT_RATE_HZ: Final = 25.0
"""Of a take with a single picture, which can be looped, too."""
_HELLO_WITHIN: Final = 500
"""A recorder hears Hello among its first messages, or never."""
_TICK_S: Final = 0.1
"""What is asked for meanwhile (pause, seek) is done within this."""
_TOO_LATE_S: Final = 0.5
"""After a longer delay (a machine that slept, a speed out of reach) it goes on from there: nothing is hurried after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayConfig:
    """What of a take is replayed, and how."""

    speed: float = 1.0
    """Times the pace at which it was captured, over 0 up to 100."""
    loop: bool = False
    """Begin again at `start_s` when `end_s` is over."""
    start_s: float = 0.0
    """Where to begin, s since the first frame."""
    end_s: float | None = None
    """Where to end; None: with the last frame."""
    frames: Frames = "filtered"
    """As they were published, or as the network gave them."""

    def __post_init__(self) -> None:
        if not 0 < self.speed <= MAX_SPEED:
            raise RecordingError(f"the speed must be over 0 and at most {MAX_SPEED:g}, got {self.speed:g}")
        end_s = math.inf if self.end_s is None else self.end_s
        if not 0 <= self.start_s < math.inf or not end_s > self.start_s:
            raise RecordingError(f"the start must be 0 or later and before the end, got {self.start_s:g} and {end_s:g}")


class Replay:
    """Plays a take; pause() and seek() may be called between frames and from within `wait`."""

    def __init__(self, take: Take, config: ReplayConfig) -> None:
        """Look through the take. Raises RecordingError where there is nothing of what is to be played."""
        self.take, self.config = take, config
        self.about = _outline_of(take, config)
        """The frames of the take that are played, all of them."""
        self.end_s = min(self.about.duration_s, math.inf if config.end_s is None else config.end_s)
        self.position_s = config.start_s
        """Of the last frame, s since the take's first."""
        self.paused = False
        self._sought_s: float | None = None
        self._shown = True
        """False: the frame that was sought is to be shown, paused or not."""

    def hello(self, session: str) -> Hello:
        """Return what to tell receivers: what the take's sender told, at the rate of the replay."""
        facts, first = self.take.facts, islice(self.take, _HELLO_WITHIN)
        told = next((message for message in first if isinstance(message, Hello)), None)
        rate_hz = (told.rate_hz if told else 0) or facts.source_rate_hz or self.about.rate_hz
        versions = {"rdr-live": __version__, "replay of rdr-live": self.take.metadata.get("rdr-live", "unknown")}
        hello = Hello(session=session, rate_hz=min(MAX_RATE_HZ, rate_hz * self.config.speed))
        try:
            hello = replace(hello, versions=versions)
            if told is not None:
                return replace(
                    hello, blendshape_names=told.blendshape_names, axes=told.axes, units=told.units,
                    faces=told.faces, user=told.user,
                )  # fmt: skip
            return replace(hello, blendshape_names=facts.blendshape_names or hello.blendshape_names, user=facts.user)
        except WireError:  # metadata that no recorder of ours wrote
            return hello

    def pause(self) -> None:
        """Hold, or go on."""
        self.paused = not self.paused

    def seek(self, step_s: float) -> None:
        """Go back or ahead by so many seconds of the take, within what is played."""
        aim_s = (self.position_s if self._sought_s is None else self._sought_s) + step_s
        self._sought_s = min(max(aim_s, self.config.start_s), self.end_s)

    def play(self, session: str, wait: Callable[[float], object] = time.sleep) -> Iterator[FaceFrame]:
        """Yield frames when they are due, to be published at once; `wait(seconds)` passes the time, at most so much.

        They are of `session`, numbered anew from 0. Their capture time is when they are due, so that a receiver sees
        the delay of this replay and its connection, not that of the performance.
        """
        seqs = count()
        clock = _Clock(self.config.speed)
        self._sought_s = self.config.start_s
        while self._sought_s is not None:
            from_s, self._sought_s = self._sought_s, None
            for frame in self._frames(from_s):
                due_ns = self._wait_for(frame, clock, wait)
                if due_ns is None:
                    clock, self._shown = _Clock(self.config.speed), False
                    break
                self._shown = True
                self.position_s = (frame.capture_time_ns - self.about.start_ns) / 1e9
                yield replace(frame, session=session, seq=next(seqs), capture_time_ns=due_ns, publish_time_ns=0)
            else:
                if self.config.loop:
                    self._sought_s = self.config.start_s
                    clock.rewind(round(1e9 / (self.about.rate_hz or DEFAULT_RATE_HZ)))

    def _frames(self, from_s: float) -> Iterator[FaceFrame]:
        """Yield the frames from a second on; raises RecordingError where nothing is to be played."""
        start_ns = self.about.start_ns + round(1e9 * from_s)
        end_ns = math.inf if self.config.end_s is None else self.about.start_ns + round(1e9 * self.config.end_s)
        played = 0
        for frame in self.take.frames(self.config.frames, start_ns):
            if frame.capture_time_ns > end_ns:
                break
            played += 1
            yield frame
        if not played and from_s == self.config.start_s:
            raise RecordingError(
                f"{self.take.path} has no frame from {from_s:g} to {self.end_s:g} s: choose another part of it"
            )

    def _wait_for(self, frame: FaceFrame, clock: _Clock, wait: Callable[[float], object]) -> int | None:
        """Pass the time until a frame is due; return when that is, ns since the epoch, or None where one must seek."""
        time_ns = frame.capture_time_ns
        while self._sought_s is None:
            left_s = clock.left_s(time_ns)
            if self.paused and self._shown:
                wait(_TICK_S)
                clock.start_at(time_ns)
            elif left_s < -_TOO_LATE_S:
                clock.start_at(time_ns)
            elif left_s > 0:
                wait(min(left_s, _TICK_S))
            else:
                return clock.due_ns(time_ns)
        return None


class _Clock:
    """When an instant of the take is due; the first that is asked for is due at once."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start_ns: int | None = None
        """The instant of the take that was due at `_started`."""
        self._started: Timestamp | None = None
        self._newest_ns = 0

    def start_at(self, time_ns: int) -> None:
        """Make an instant of the take due now."""
        self._start_ns, self._started, self._newest_ns = time_ns, Timestamp.now(), time_ns

    def rewind(self, interval_ns: int) -> None:
        """Make the next instant that is asked for due an interval of the take after the last one."""
        if self._start_ns is not None and self._started is not None:
            passed_ns = round((self._newest_ns + interval_ns - self._start_ns) / self._speed)
            self._started = Timestamp(self._started.unix_ns + passed_ns, self._started.monotonic_ns + passed_ns)
            self._start_ns = None

    def left_s(self, time_ns: int) -> float:
        """Return how long it is until an instant of the take is due; negative where it is late."""
        started = self._join(time_ns)
        self._newest_ns = time_ns
        return (started.monotonic_ns + self._after_ns(time_ns) - time.monotonic_ns()) / 1e9

    def due_ns(self, time_ns: int) -> int:
        """Return when an instant of the take is due, ns since the epoch."""
        return self._join(time_ns).unix_ns + self._after_ns(time_ns)

    def _join(self, time_ns: int) -> Timestamp:
        """Return when `_start_ns` is due, which is `time_ns` if it is the first."""
        if self._start_ns is None:
            self._start_ns = time_ns
        if self._started is None:
            self._started = Timestamp.now()
        return self._started

    def _after_ns(self, time_ns: int) -> int:
        return 0 if self._start_ns is None else round((time_ns - self._start_ns) / self._speed)


def _outline_of(take: Take, config: ReplayConfig) -> FramesOutline:
    about = outline(take).of(config.frames)
    if not about.frames and config.frames == "raw":
        raise RecordingError(
            f"{take.path} has no raw frames: takes of rdr track have them, those of rdr record have not; "
            "replay it with --topic filtered"
        )
    if not about.frames:
        raise RecordingError(f"{take.path} has no face in it: was one in the picture while it was recorded?")
    if config.start_s > about.duration_s:
        raise RecordingError(f"{take.path} ends after {about.duration_s:.2f} s: start earlier than {config.start_s:g}")
    return about
