"""What a run of the tracker is like: over all of it for the line at its end, and of late for whoever asks."""

from __future__ import annotations

import time
from array import array
from collections import deque
from typing import Final

import numpy as np

from avatar_bridge.pipeline import TrackedPicture

_LATE: Final = 150
"""Pictures that count as of late."""


class RunStatistics:
    """Counts, rates and times; four bytes a picture and face, so that a day is some megabytes."""

    def __init__(self) -> None:
        self.pictures = 0
        self.with_face = 0
        self.milliseconds = array("f")
        self.face_milliseconds = array("f")
        self._started = time.perf_counter()
        self._late: deque[float] = deque(maxlen=_LATE)

    def add(self, picture: TrackedPicture) -> None:
        """Count a picture."""
        tracked = [face for face in picture.faces if face.tracked]
        self.pictures += 1
        self.with_face += bool(tracked)
        self.milliseconds.append(picture.milliseconds)
        self.face_milliseconds.extend(face.milliseconds for face in tracked)
        self._late.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._started

    def late_fps(self) -> float:
        """Pictures a second of late; 0 where none came for a second."""
        if len(self._late) < 2 or time.perf_counter() - self._late[-1] > 1:
            return 0.0
        return (len(self._late) - 1) / max(self._late[-1] - self._late[0], 1e-6)

    def late_milliseconds(self) -> tuple[float, float]:
        """Time of a picture of late, p50 and p95; 0 before the first."""
        late = self.milliseconds[-_LATE:]
        return (float(np.median(late)), float(np.quantile(late, 0.95))) if late else (0.0, 0.0)

    def late(self) -> str:
        """Return speed of late in a line."""
        p50, p95 = self.late_milliseconds()
        return f"{self.late_fps():.1f} fps, {p50:.1f} ms a picture (p95 {p95:.1f})"

    def summary(self) -> dict[str, float]:
        """Return counts, rates and median times; nothing but counts where there was no picture."""
        numbers = {"pictures": float(self.pictures), "pictures_with_face": float(self.with_face)}
        if not self.pictures:
            return numbers
        numbers["found_percent"] = 100 * self.with_face / self.pictures
        numbers["fps"] = self.pictures / self.seconds
        numbers["ms_per_picture_p50"] = float(np.median(self.milliseconds))
        numbers["ms_per_picture_p95"] = float(np.quantile(self.milliseconds, 0.95))
        if self.face_milliseconds:
            numbers["ms_per_tracked_face_p50"] = float(np.median(self.face_milliseconds))
        return numbers

    def __str__(self) -> str:
        numbers = self.summary()
        if not self.pictures:
            return "no pictures came"
        return (
            f"{self.pictures} pictures, a face in {numbers['found_percent']:.1f} % of them, {numbers['fps']:.1f} fps, "
            f"{numbers['ms_per_picture_p50']:.1f} ms a picture (p95 {numbers['ms_per_picture_p95']:.1f})"
        )
