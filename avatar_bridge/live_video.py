"""A video beside a running tracker: whatever happens to the video, or to the clock, tracking goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final

from avatar_bridge.errors import VideoError
from avatar_bridge.video_writer import VideoWriter
from rdr_core.types import UInt8

_LATE_NS: Final = 1_000_000_000
"""A picture that is older than the last by no more than this came late; by more: the clock was set."""
_LONGEST_NS: Final = 60_000_000_000
"""A longer pause is left out: the clock was set, or the machine slept."""


class VideoTimes:
    """Capture times as times of a video, which rise."""

    def __init__(self, rate_hz: float) -> None:
        """`rate_hz`: a picture after the clock was set comes one interval after the last."""
        self._interval_ns = round(1e9 / rate_hz)
        self._captured_ns = self._time_ns = 0
        self._began = False

    def of(self, capture_time_ns: int) -> int | None:
        """Return the time of the next picture; None: it came late, or twice."""
        step_ns = capture_time_ns - self._captured_ns
        if not self._began:
            self._began, self._time_ns = True, capture_time_ns
        elif -_LATE_NS <= step_ns <= 0:
            return None
        else:
            self._time_ns += step_ns if 0 < step_ns <= _LONGEST_NS else self._interval_ns
        self._captured_ns = capture_time_ns
        return self._time_ns


class LiveVideo:
    """Writes to a VideoWriter until that fails, a full disk above all; then says so, once."""

    def __init__(self, video: VideoWriter, rate_hz: float, say: Callable[[str], object]) -> None:
        """The video is this object's from now on; `say` is given the line for people."""
        self._video, self._times, self._say = video, VideoTimes(rate_hz), say
        self.error: VideoError | None = None
        """Why nothing is written any more; None: it goes well."""

    def write(self, image_bgr: UInt8, capture_time_ns: int) -> None:
        """Append an (H, W, 3) uint8 picture; one that came late is left out."""
        time_ns = self._times.of(capture_time_ns)
        if time_ns is not None:
            self._attempt(lambda: self._video.write(image_bgr, time_ns), "; tracking goes on")

    def __enter__(self) -> LiveVideo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the video, or drop it after an error in the `with` block."""
        self._attempt(self._video.close if error is None else self._video.abort)

    def _attempt(self, action: Callable[[], object], comfort: str = "") -> None:
        if self.error is not None:
            return
        try:
            action()
        except VideoError as error:
            self.error = error
            with suppress(VideoError):
                self._video.close()  # where a picture was the fault, what there is of the video stays
            self._say(f"{error}{comfort}")
