"""A user's own frames to learn from: thinned as they come, so that any source gives a bounded number."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from calibration.errors import CalibrationError
from rdr_core.data.crop import Crop, crop_from_landmarks
from rdr_core.types import FacePrediction, Float32, UInt8

_SIDE_PX = 224
_MARGIN = 2.1
"""Of the kept picture; a crop's is 1.4, and it may be shifted, turned and grown."""
_LEAST_CONFIDENCE = 0.6


@dataclass(frozen=True, eq=False)
class Seen:
    """What the network said of one frame, image px."""

    time_ns: int
    source: int
    """Number of the video or folder."""
    prediction: FacePrediction


@dataclass(frozen=True, eq=False)
class Kept:
    """A frame to learn from."""

    at: int
    """Its place among all frames with a face."""
    image_bgr: UInt8
    """(s, s, 3) the face with a wide margin."""
    square: Crop
    """Where that lies in the source's picture."""


@dataclass(eq=False)
class Sitting:
    """Every frame's prediction, and the pictures of some, evenly over all of them."""

    most: int = 240
    """Pictures kept."""
    seen: list[Seen] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    _every: int = 1

    def __post_init__(self) -> None:
        if self.most < 2:
            raise CalibrationError(f"two frames or more are to be kept, got {self.most}")

    def add(self, image_bgr: UInt8, time_ns: int, prediction: FacePrediction, source: int = 0) -> None:
        """Take a frame, (H, W, 3); one that the network is not sure of is left out."""
        if prediction.confidence < _LEAST_CONFIDENCE or not np.isfinite(prediction.shape).all():
            return
        at = len(self.seen)
        self.seen.append(Seen(time_ns, source, prediction))
        if at % self._every == 0:
            square = crop_from_landmarks(prediction.shape, _SIDE_PX, margin=_MARGIN)
            self.kept.append(Kept(at, square.warp(image_bgr), square))
        if len(self.kept) > self.most:
            self._every *= 2
            self.kept = [kept for kept in self.kept if kept.at % self._every == 0]

    def split(self, blocks: int = 10, gap_s: float = 0.5) -> tuple[list[int], list[int]]:
        """Return places in `kept` to learn from, and held-out ones: blocks of time, with a gap between the two.

        Neighbouring frames are nearly one picture, so a random tenth would test nothing.
        """
        number = np.arange(len(self.kept)) * blocks // max(len(self.kept), 1)
        held = np.isin(number, np.arange(1, blocks, 4))
        times = np.array([self.seen[kept.at].time_ns for kept in self.kept], float) * 1e-9
        source = np.array([self.seen[kept.at].source for kept in self.kept])
        near = np.abs(times[:, None] - times[None, held]) < gap_s
        too_near = (near & (source[:, None] == source[None, held])).any(axis=1) & ~held
        return np.flatnonzero(~held & ~too_near).tolist(), np.flatnonzero(held).tolist()


def in_square(points: Float32, square: Crop) -> Float32:
    """Map (..., 2) image px into a kept picture."""
    return square.points_to_crop(points)
