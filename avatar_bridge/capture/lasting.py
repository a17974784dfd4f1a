"""A live source that comes back: a camera that was unplugged, or a machine that slept, ends nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.errors import CameraError

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 10.0
_TICK_S: Final = 0.5


class LastingSource(FrameSource):
    """Opens its source anew when that fails, waiting twice as long each time, up to 10 s.

    Only a source that has worked is waited for: the first opening raises as it does without this class. While there are
    no pictures, `frames` yields None twice a second, so that whoever iterates stays master of the loop.
    """

    is_live = True
    frame_count = None

    def __init__(self, reopen: Callable[[], FrameSource], first_wait_s: float = FIRST_WAIT_S) -> None:
        """Open the source; `reopen` is called for this and for every further try."""
        self._reopen, self._first_wait_s = reopen, first_wait_s
        self._source: FrameSource | None = reopen()
        self.name, self.size_px, self.rate_hz = self._source.name, self._source.size_px, self._source.rate_hz
        self.trouble: str | None = None
        """What is wrong, for people; None while pictures come."""
        self.paused = False
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[CapturedFrame]:
        return (frame for frame in self.frames() if frame is not None)

    def frames(self) -> Iterator[CapturedFrame | None]:
        """Yield pictures, and None now and then while there are none."""
        wait_s = self._first_wait_s
        while not self._stop.is_set():
            if self.paused:
                yield from self._wait(_TICK_S)
                continue
            source = self._source = self._source or self._open()
            try:
                for frame in source or ():
                    self.trouble, wait_s = None, self._first_wait_s
                    yield frame
                if source is not None and source is self._source:
                    return  # it ended in order
            except CameraError as error:
                self.trouble = str(error)
                self._let_go()
            if not self.paused:
                yield from self._wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def pause(self) -> None:
        """Let go of the device, so that others can use it. From the thread that iterates."""
        self.paused = True
        self._let_go()

    def resume(self) -> None:
        """Take pictures again."""
        self.paused = False

    def close(self) -> None:
        """Let go of the source, or give up waiting for it; may be called twice, from any thread."""
        self._stop.set()
        self._let_go()

    def _let_go(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _open(self) -> FrameSource | None:
        try:
            return self._reopen()
        except CameraError as error:
            self.trouble = str(error)
            return None

    def _wait(self, seconds: float) -> Iterator[None]:
        left = seconds
        while left > 0 and not self._stop.is_set():
            yield None
            self._stop.wait(min(left, _TICK_S))
            left -= _TICK_S
