"""A live source that comes back: a camera that was unplugged, or a machine that slept, ends nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.errors import CameraError

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 10.0


class LastingSource(FrameSource):
    """Opens its source anew when that fails, waiting twice as long each time, up to 10 s.

    Only a source that has worked is waited for: the first opening raises as it does without this class. While the
    source is gone, iterating yields None twice a second, so that whoever iterates stays master of the loop.
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
        self._stop = threading.Event()
        self._index = 0

    def __iter__(self) -> Iterator[CapturedFrame]:
        for frame in self.frames():
            if frame is not None:
                yield frame

    def frames(self) -> Iterator[CapturedFrame | None]:
        """Yield pictures, and None now and then while there are none."""
        wait_s = self._first_wait_s
        while not self._stop.is_set():
            if self._source is not None:
                try:
                    for frame in self._source:
                        self.trouble, wait_s = None, self._first_wait_s
                        yield frame
                    return  # it ended in order, or was closed
                except CameraError as error:
                    self.trouble = str(error)
                    self._let_go()
            yield from self._wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            self._try_again()

    def close(self) -> None:
        """Let go of the source, or give up waiting for it; may be called twice, from any thread."""
        self._stop.set()
        self._let_go()

    def _let_go(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _wait(self, seconds: float) -> Iterator[None]:
        left = seconds
        while left > 0 and not self._stop.is_set():
            yield None
            self._stop.wait(min(left, 0.5))
            left -= 0.5

    def _try_again(self) -> None:
        if self._stop.is_set():
            return
        try:
            self._source = self._reopen()
        except CameraError as error:
            self.trouble = str(error)
