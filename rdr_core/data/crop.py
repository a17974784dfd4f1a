"""The square crop that the network sees: a similarity between picture and crop.

Both frames have pixel centres at .5 (OpenCV's warps have them at .0; the half pixel is dealt with here only).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rdr_core.errors import DataError
from rdr_core.geometry.rotation import wrapped
from rdr_core.types import Float32, UInt8

CROP_MARGIN = 1.4
"""Side of the crop over the larger side of the box of the 68 landmarks."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A rotated square of a picture, resampled to `size` x `size` pixels."""

    center_px: Float32
    """(2,) image px."""
    side_px: float
    """Side of the square, image px."""
    size: int
    """Side of the resampled crop, crop px."""
    roll_rad: float = 0.0
    """Clockwise turn of the square in the image; a face of the same roll stands upright in the crop."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.center_px).all() and np.isfinite(self.side_px) and self.side_px > 1):
            raise DataError(f"a crop needs a finite centre and a side over 1 px, got {self.center_px}, {self.side_px}")

    @property
    def scale(self) -> float:
        """Crop px per image px."""
        return self.size / self.side_px

    @property
    def to_crop(self) -> Float32:
        """(2, 3) affine from image px to crop px."""
        cos, sin = self.scale * np.cos(self.roll_rad), self.scale * np.sin(self.roll_rad)
        linear = np.array([[cos, sin], [-sin, cos]])
        offset = self.size / 2 - linear @ np.asarray(self.center_px, np.float64)
        return np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)

    @property
    def to_image(self) -> Float32:
        """(2, 3) affine from crop px to image px."""
        cos, sin = np.cos(self.roll_rad) / self.scale, np.sin(self.roll_rad) / self.scale
        linear = np.array([[cos, -sin], [sin, cos]])
        offset = np.asarray(self.center_px, np.float64) - linear @ np.full(2, self.size / 2)
        return np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)

    def points_to_crop(self, points: Float32) -> Float32:
        """Map (..., 2) image px to crop px."""
        return transform_points(self.to_crop, points)

    def points_to_image(self, points: Float32) -> Float32:
        """Map (..., 2) crop px to image px."""
        return transform_points(self.to_image, points)

    def offset_from(self, ideal: Crop) -> Float32:
        """(4,) how far it is from another crop: shift along and down, in shares of that one's side and along its axes,
        logarithm of the side, turn in rad."""
        cos, sin = np.cos(ideal.roll_rad), np.sin(ideal.roll_rad)
        away = np.asarray(self.center_px, np.float64) - ideal.center_px
        shift = np.array([[cos, sin], [-sin, cos]]) @ away / ideal.side_px
        return np.array([*shift, np.log(self.side_px / ideal.side_px), wrapped(self.roll_rad - ideal.roll_rad)])

    def warp(self, image: UInt8) -> UInt8:
        """Resample an (H, W, 3) picture to (size, size, 3); black outside of it."""
        matrix = self.to_crop.astype(np.float64)
        shrink = int(self.side_px / self.size)
        if shrink >= 2:  # bilinear sampling alone would alias: average whole blocks first, of the needed region only
            image, matrix = _shrink(image, matrix, shrink, self)
        matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
        return cv2.warpAffine(image, matrix, (self.size, self.size), flags=cv2.INTER_LINEAR)


def _shrink(image: UInt8, matrix: np.ndarray, factor: int, crop: Crop) -> tuple[UInt8, np.ndarray]:
    height, width = image.shape[:2]
    reach = crop.side_px * 0.71 + 2 * factor
    lower = np.clip(np.floor(crop.center_px - reach), 0, [width - 1, height - 1]).astype(int)
    upper = np.clip(np.ceil(crop.center_px + reach), lower + 1, [width, height]).astype(int)
    region = image[lower[1] : upper[1], lower[0] : upper[0]]
    new_width, new_height = (max(1, -(-extent // factor)) for extent in (region.shape[1], region.shape[0]))
    stretch = np.array([region.shape[1] / new_width, region.shape[0] / new_height])
    small = cv2.resize(region, (new_width, new_height), interpolation=cv2.INTER_AREA)
    adapted = np.concatenate([matrix[:, :2] * stretch, (matrix[:, :2] @ lower + matrix[:, 2])[:, None]], axis=1)
    return small, adapted


def transform_points(affine: Float32, points: Float32) -> Float32:
    """Apply a (2, 3) affine to (..., 2) points."""
    return points @ affine[:, :2].T + affine[:, 2]


def crop_from_landmarks(landmarks_px: Float32, size: int, roll_rad: float = 0.0, margin: float = CROP_MARGIN) -> Crop:
    """Return the crop around (L, 2) landmarks, image px, measured along the turned axes."""
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    turn = np.array([[cos, -sin], [sin, cos]])  # columns: the crop's axes in the image
    along = landmarks_px @ turn
    lower, upper = along.min(axis=0), along.max(axis=0)
    center = turn @ ((lower + upper) / 2)
    return Crop(center.astype(np.float32), float(margin * (upper - lower).max()), size, float(roll_rad))


def crop_from_box(box_xyxy: Float32, size: int, roll_rad: float = 0.0, margin: float = CROP_MARGIN) -> Crop:
    """Return the crop around a tight landmark box (x0, y0, x1, y1), image px."""
    box = np.asarray(box_xyxy, np.float32)
    if box.shape != (4,) or not np.isfinite(box).all() or not (box[2:] > box[:2]).all():
        raise DataError(f"a box needs four finite numbers x0 < x1, y0 < y1, got {box_xyxy}")
    return Crop((box[:2] + box[2:]) / 2, float(margin * (box[2:] - box[:2]).max()), size, float(roll_rad))
