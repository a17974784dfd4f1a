"""When a recording begins and ends: countdown, pre-roll, punch-in; what comes goes to a take as it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from .errors import AddonError
from .protocol import FaceFrame
from .receiver import Received
from .take_file import TakeWriter


@dataclass(frozen=True, slots=True)
class Recorded:
    """A take that was just finished."""

    path: Path
    frames: int
    """Face frames in it."""
    faces: int
    duration_s: float
    start_time_ns: int
    """Capture time at which the recording proper began, after the pre-roll."""
    start_frame: int
    """Of the scene, at that moment."""


State = Literal["idle", "countdown", "armed", "recording"]
START_TIME: Final = "start_time_ns"
START_FRAME: Final = "start_frame"
"""Notes in a take: the capture time at which the recording proper began, and the frame of the scene at that moment."""
_MAX_PRE_ROLL: Final = 100_000


@dataclass(frozen=True, slots=True)
class RecordingConfig:
    """How to begin and to end."""

    countdown_s: float = 3.0
    pre_roll_s: float = 1.0
    """How much of before the beginning is kept, too."""
    punch_in: int | None = None
    """Frame of the scene at which playback begins the recording; None: at once."""
    punch_out: int | None = None
    """Frame at which playback ends it; None: by hand."""

    def __post_init__(self) -> None:
        for name, most in (("countdown_s", 60), ("pre_roll_s", 60)):
            if not 0 <= getattr(self, name) <= most:
                raise AddonError(f"{name} must be 0 to {most} s, got {getattr(self, name)}")


class Recording:
    """One performance after another. All clocks are given: monotonic seconds and the scene's frame."""

    def __init__(self, config: RecordingConfig | None = None) -> None:
        self.config = config or RecordingConfig()
        self.state: State = "idle"
        self._writer: TakeWriter | None = None
        self._path: Path | None = None
        self._begin_s = 0.0
        self._notes: dict[str, str] = {}
        self._start = (0, 1)
        self._recent: deque[Received] = deque(maxlen=_MAX_PRE_ROLL)

    def start(self, path: Path, config: RecordingConfig, time_s: float, notes: Mapping[str, str] | None = None) -> None:
        """Begin to count down to a take at `path`. Raises AddonError where one is being recorded."""
        if self.state != "idle":
            raise AddonError("a take is being recorded already: stop it first")
        self.config, self._path, self._notes = config, path, dict(notes or {})
        self._begin_s = time_s + config.countdown_s
        self.state = "countdown"

    def countdown_s(self, time_s: float) -> float:
        """Return how long until the beginning."""
        return max(0.0, self._begin_s - time_s) if self.state == "countdown" else 0.0

    @property
    def frames_written(self) -> int:
        """Of the take that is being recorded."""
        return self._writer.frames_written if self._writer else 0

    def take_in(
        self, received: list[Received], time_s: float, now_ns: int, frame: int, playing: bool
    ) -> Recorded | None:
        """Handle what came since the last time; return the take when this ends it.

        now_ns: wall clock, as capture times have it; frame, playing: of the scene. Raises TakeError: the disk is full.
        """
        if self.state == "countdown" and time_s >= self._begin_s:
            self.state = "recording" if self.config.punch_in is None else "armed"
            if self.state == "recording":
                self._open(now_ns, frame)
        if self.state == "armed" and self.config.punch_in is not None and playing and frame >= self.config.punch_in:
            self.state = "recording"
            self._open(now_ns, frame)
        if self._writer is None:
            self._keep_pre_roll(received)
            return None
        self._writer.write(received)
        punch_out = self.config.punch_out
        if self.config.punch_in is not None and punch_out is not None and (frame > punch_out or not playing):
            return self.stop()
        return None

    def stop(self) -> Recorded | None:
        """End the recording; return the take, None where none had begun."""
        writer, self._writer, self.state = self._writer, None, "idle"
        if writer is None:
            return None
        path = writer.close()
        return Recorded(path, writer.frames_written, len(writer.faces), writer.duration_s, *self._start)

    def _open(self, now_ns: int, frame: int) -> None:
        assert self._path is not None
        self._start = now_ns, frame
        notes = self._notes | {START_TIME: str(now_ns), START_FRAME: str(frame)}
        try:
            self._writer = TakeWriter(self._path, notes)
        except AddonError:
            self.state = "idle"
            raise
        self._writer.write(self._pre_roll(now_ns))
        self._recent.clear()

    def _keep_pre_roll(self, received: list[Received]) -> None:
        self._recent.extend(received)
        newest = next((m for item in reversed(received) if isinstance(m := item.message, FaceFrame)), None)
        if newest is None:
            return
        oldest_ns = newest.capture_time_ns - round(1e9 * self.config.pre_roll_s)
        while self._recent and _time_ns(self._recent[0]) < oldest_ns:
            self._recent.popleft()

    def _pre_roll(self, now_ns: int) -> list[Received]:
        oldest_ns = now_ns - round(1e9 * self.config.pre_roll_s)
        return [item for item in self._recent if _time_ns(item) >= oldest_ns]


def _time_ns(received: Received) -> int:
    message = received.message
    return message.capture_time_ns if isinstance(message, FaceFrame) else message.publish_time_ns
