"""When each frame of a file is shown, from timestamps that need not be there, nor rise."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from av.container import InputContainer

NUDGE_NS: Final = 1_000_000
"""From a frame to another that claims the same instant: later frames keep their own times."""
JUMP_BACK_NS: Final = 1_000_000_000
"""Times that go back by more begin anew, as in a stream that was joined of two."""


class RisingTimes:
    """The times of a stream's frames since the file's start, one after the other: the file's own where they rise."""

    def __init__(self, start_ns: int, interval_ns: int) -> None:
        """start_ns: the file's timestamp that is its start; interval_ns: between frames that have no times."""
        self._offset_ns, self._interval_ns = -start_ns, interval_ns
        self._last_ns: int | None = None

    def next(self, pts: int | None, time_base: Fraction | None) -> int:
        """Return the time of the next frame, ns, 0 or more, later than the one before."""
        last_ns = self._last_ns
        following_ns = 0 if last_ns is None else last_ns + self._interval_ns
        time_ns = following_ns if pts is None or time_base is None else in_ns(pts, time_base) + self._offset_ns
        if last_ns is None:
            time_ns = max(0, time_ns)
        elif time_ns < last_ns - JUMP_BACK_NS:
            self._offset_ns += following_ns - time_ns
            time_ns = following_ns
        elif time_ns <= last_ns:
            time_ns = last_ns + NUDGE_NS
        self._last_ns = time_ns
        return time_ns


def in_ns(pts: int, time_base: Fraction) -> int:
    """Return a timestamp of a stream in ns, rounded."""
    return round(pts * Fraction(time_base) * 1_000_000_000)


def start_time_ns(container: InputContainer) -> int:
    """Return the timestamp that is a file's start, of its picture or its sound, whichever is earlier."""
    return (container.start_time or 0) * 1000  # libav counts the container in microseconds
