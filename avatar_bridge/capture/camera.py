"""A camera as a source: a thread reads it all the time and keeps only the newest picture."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.clock import Timestamp
from avatar_bridge.errors import CameraError
from rdr_core.types import UInt8

if TYPE_CHECKING:
    import cv2

_MAX_FAILURES: Final = 10
"""Reads that may fail in a row; a camera drops a picture now and then without being gone."""
_SILENCE_S: Final = 5.0


class CameraSource(FrameSource):
    """A camera by its number. Iterating waits for each next picture; read_latest never waits."""

    is_live = True
    frame_count = None

    def __init__(self, index: int = 0, size_px: tuple[int, int] | None = None, rate_hz: float | None = None) -> None:
        """Open the camera and take one picture; size_px and rate_hz are wishes that it may not fulfil."""
        import cv2

        self.name = f"camera {index}"
        self._device = _open_device(index, size_px, rate_hz)
        good, image = self._device.read()
        if not good:
            self._device.release()
            raise CameraError(
                f"{self.name} opens but gives no picture: close other programs that use it, or plug it anew"
            )
        self.size_px = (image.shape[1], image.shape[0])
        self.rate_hz = float(self._device.get(cv2.CAP_PROP_FPS)) or 30.0
        self._changed = threading.Condition()
        self._newest: tuple[CapturedFrame, Timestamp] | None = None
        self._error: CameraError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name=self.name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[CapturedFrame]:
        last_index = -1
        while not self._stop.is_set():
            with self._changed:
                arrived = self._changed.wait_for(partial(self._has_after, last_index), _SILENCE_S)
                frame = self._newest[0] if self._newest else None
            if self._stop.is_set():
                return
            if frame is not None and frame.index > last_index:
                last_index = frame.index
                yield frame
            elif self._error is not None:
                raise self._error
            elif not arrived:
                raise CameraError(f"{self.name} gave no picture for {_SILENCE_S:g} s: was it unplugged?")

    def read_latest(self, max_age_ms: float = 500.0) -> CapturedFrame | None:
        """Return the newest picture unless it is older than that. Raises CameraError once the camera is gone."""
        with self._changed:
            newest = self._newest
        if newest is not None and newest[1].age_ms() <= max_age_ms:
            return newest[0]
        if self._error is not None:
            raise self._error
        return None

    def close(self) -> None:
        """Stop reading and let go of the camera."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout=2)
        if not self._thread.is_alive():  # a driver that hangs in a read keeps the device; releasing it there crashes
            self._device.release()

    def _has_after(self, index: int) -> bool:
        newer = self._newest is not None and self._newest[0].index > index
        return newer or self._error is not None or self._stop.is_set()

    def _read(self) -> None:
        index = failures = 0
        while not self._stop.is_set() and failures < _MAX_FAILURES:
            good = self._device.grab()
            taken = Timestamp.now()  # between grab and retrieve: decoding is no part of the instant
            image = self._retrieve() if good else None
            if image is None:
                failures += 1
                self._stop.wait(0.01)
                continue
            failures = 0
            with self._changed:
                self._newest = CapturedFrame(image, taken.unix_ns, index, self.name), taken
                self._changed.notify_all()
            index += 1
        with self._changed:
            self._error = CameraError(f"{self.name} stopped giving pictures: was it unplugged?")
            self._changed.notify_all()

    def _retrieve(self) -> UInt8 | None:
        import cv2

        try:
            good, image = self._device.retrieve()
        except cv2.error:  # a picture that was damaged on the way
            return None
        return np.asarray(image, np.uint8) if good else None


def _open_device(index: int, size_px: tuple[int, int] | None, rate_hz: float | None) -> cv2.VideoCapture:
    import cv2

    _check_device_file(index)
    with _quiet_opencv():
        device = cv2.VideoCapture(index)
        if not device.isOpened():
            raise CameraError(
                f"camera {index} does not open: close other programs that use it, or try a video: FILE.mp4"
            )
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if size_px is not None:
            device.set(cv2.CAP_PROP_FRAME_WIDTH, size_px[0])
            device.set(cv2.CAP_PROP_FRAME_HEIGHT, size_px[1])
        if rate_hz is not None:
            device.set(cv2.CAP_PROP_FPS, rate_hz)
    return device


def _check_device_file(index: int) -> None:
    """Say what is wrong where Linux shows it beforehand."""
    if not sys.platform.startswith("linux"):
        return
    device = Path(f"/dev/video{index}")
    if not device.exists():
        there = " ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise CameraError(
            f"no camera {index} (cameras here: {there}): plug one in, or give a video: rdr track FILE.mp4"
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise CameraError(
            f"no permission for {device}: add yourself to its group (sudo usermod -aG video $USER), log in anew"
        )


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from writing pages to stderr about what we say in one line."""
    import cv2

    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
