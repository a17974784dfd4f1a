"""The reader thread runs on OpenCV's own reader of a video file, paced like a camera; real devices are rare in CI."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from avatar_bridge.capture import CameraSource, CapturedFrame, camera, open_source
from avatar_bridge.errors import CameraError


class PacedVideo:
    """A video that delivers a frame every `interval_s`, and at its end fails as a camera that was unplugged."""

    interval_s = 0.005

    def __init__(self, path: Path) -> None:
        self._capture = cv2.VideoCapture(str(path))  # not a base class: subclasses of OpenCV's types crash

    def grab(self) -> bool:
        time.sleep(self.interval_s)
        return self._capture.grab()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._capture, name)


@pytest.fixture
def plug_in(video: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], CameraSource]]:
    opened: list[CameraSource] = []

    def open_device(*_: Any) -> PacedVideo:
        return PacedVideo(video)

    def plug() -> CameraSource:
        opened.append(CameraSource(0))
        return opened[-1]

    monkeypatch.setattr(camera, "_open_device", open_device)
    yield plug
    for source in opened:
        source.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "camera 0"]


def test_pictures_come_in_order_until_it_is_unplugged(plug_in: Callable[[], CameraSource]) -> None:
    before_ns = time.time_ns()
    source = plug_in()
    assert (source.size_px, source.rate_hz, source.frame_count, source.is_live) == ((96, 64), 25.0, None, True)
    frames: list[CapturedFrame] = []
    with pytest.raises(CameraError, match="camera 0 stopped giving pictures"):
        frames.extend(source)
    assert len(frames) > 10
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    times = [frame.capture_time_ns for frame in frames]
    assert times == sorted(times)
    assert before_ns <= times[0] <= times[-1] <= time.time_ns()


def test_a_slow_reader_gets_the_newest(plug_in: Callable[[], CameraSource]) -> None:
    source = plug_in()
    pictures = iter(source)
    first = next(pictures)
    time.sleep(0.1)
    second = next(pictures)
    assert second.index > first.index + 2
    # The picture shows its number (one was taken to learn the size): what comes is the newest, not a queue.
    assert second.image_bgr[24:40, 24:72].mean() == pytest.approx(4 * (second.index + 1), abs=5)


def test_read_latest_never_gives_an_old_picture(plug_in: Callable[[], CameraSource]) -> None:
    source = plug_in()
    next(iter(source))
    assert source.read_latest(max_age_ms=10_000) is not None
    source._thread.join()
    time.sleep(0.05)
    with pytest.raises(CameraError, match="stopped"):
        source.read_latest(max_age_ms=10)
    latest = source.read_latest(max_age_ms=60_000)
    assert latest is not None
    assert latest.index == 58


def test_close_ends_a_waiting_reader(plug_in: Callable[[], CameraSource], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PacedVideo, "interval_s", 0.2)
    source = plug_in()
    got: list[int] = []
    reader = threading.Thread(target=lambda: got.extend(frame.index for frame in source))
    reader.start()
    source.close()
    reader.join(timeout=5)
    assert not reader.is_alive()
    source.close()


def test_no_camera_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CameraError, match="camera 987") as caught:
        open_source("camera:987")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 200
    if sys.platform.startswith("linux"):
        assert "rdr track FILE.mp4" in message
    assert capfd.readouterr() == ("", "")


def test_opencv_itself_stays_quiet(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(camera, "_check_device_file", lambda index: None)
    with pytest.raises(CameraError, match="does not open"):
        CameraSource(987)
    assert capfd.readouterr() == ("", "")
