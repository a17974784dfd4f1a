"""A source that goes and comes back; the camera itself is not on every machine that runs the tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.capture.lasting import LastingSource
from avatar_bridge.errors import CameraError


class Flaky(FrameSource):
    """Gives three pictures, then is unplugged; in `forever`, more and more."""

    name, size_px, rate_hz, frame_count, is_live = "camera 7", (8, 6), 30.0, None, True

    def __init__(self, forever: bool = False) -> None:
        self.forever, self.closed = forever, False

    def __iter__(self) -> Iterator[CapturedFrame]:
        for index in range(10**6 if self.forever else 3):
            if self.closed:
                return
            yield CapturedFrame(np.zeros((6, 8, 3), np.uint8), time.time_ns(), index, self.name)
        raise CameraError("camera 7 stopped giving pictures: was it unplugged?")

    def close(self) -> None:
        self.closed = True


def opener(plan: list[FrameSource | None]) -> Callable[[], FrameSource]:
    left = iter(plan)

    def reopen() -> FrameSource:
        source = next(left)
        if source is None:
            raise CameraError("no camera 7")
        return source

    return reopen


def test_it_comes_back() -> None:
    first, last = Flaky(), Flaky(forever=True)
    source = LastingSource(opener([first, None, None, last]), first_wait_s=0.01)
    seen: list[CapturedFrame | None] = []
    troubles: set[str | None] = set()
    for frame in source.frames():
        seen.append(frame)
        troubles.add(source.trouble)
        if sum(frame is not None for frame in seen) == 6:
            break
    source.close()
    assert [frame is not None for frame in seen[:4]] == [True, True, True, False]
    assert troubles == {None, "camera 7 stopped giving pictures: was it unplugged?", "no camera 7"}
    assert source.trouble is None
    assert first.closed
    assert last.closed


def test_a_source_that_never_worked_is_not_waited_for() -> None:
    with pytest.raises(CameraError, match="no camera 7"):
        LastingSource(opener([None]))


def test_closing_ends_the_wait() -> None:
    source = LastingSource(opener([Flaky(), *[None] * 100]), first_wait_s=30)
    closer = threading.Timer(0.2, source.close)
    closer.start()
    started = time.monotonic()
    assert len(list(source)) == 3
    assert time.monotonic() - started < 20
    closer.join()


def test_the_wait_grows() -> None:
    source = LastingSource(opener([Flaky(), *[None] * 100]), first_wait_s=0.02)
    tries = 0
    waits: list[float] = []
    last = time.monotonic()
    for frame in source.frames():
        if frame is None:
            now = time.monotonic()
            waits.append(now - last)
            last, tries = now, tries + 1
        if tries == 6:
            break
    source.close()
    assert waits[-1] > 2 * waits[1]


def test_a_pause_lets_go_of_the_device() -> None:
    first, second = Flaky(forever=True), Flaky(forever=True)
    source = LastingSource(opener([first, second]), first_wait_s=0.01)
    frames = source.frames()
    assert next(frames) is not None
    source.pause()
    assert first.closed
    assert [next(frames) for _ in range(3)] == [None] * 3
    source.resume()
    assert next(frame for frame in frames if frame is not None).index == 0
    assert not second.closed
    source.close()
    assert second.closed
    assert list(frames) == []


def test_a_source_that_ends_in_order_is_not_opened_anew() -> None:
    class Short(Flaky):
        def __iter__(self) -> Iterator[CapturedFrame]:
            yield CapturedFrame(np.zeros((6, 8, 3), np.uint8), 0, 0, self.name)

    assert len(list(LastingSource(opener([Short(), None])))) == 1
