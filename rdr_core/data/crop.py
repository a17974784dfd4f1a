"""The square crop that the network sees: a similarity between picture and crop.

Both frames have pixel centres at .5 (OpenCV's warps have them at .0; the half pixel is dealt with here only).
"""

from __future__ import annotations

import math
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
        cos, sin = self.scale * math.cos(self.roll_rad), self.scale * math.sin(self.roll_rad)
        (x, y), half = self.center_px.tolist(), self.size / 2
        return np.array([[cos, sin, half - cos * x - sin * y], [-sin, cos, half + sin * x - cos * y]], np.float32)

    @property
    def to_image(self) -> Float32:
        """(2, 3) affine from crop px to image px."""
        cos, sin = math.cos(self.roll_rad) / self.scale, math.sin(self.roll_rad) / self.scale
        (x, y), half = self.center_px.tolist(), self.size / 2
        return np.array([[cos, -sin, x - half * (cos - sin)], [sin, cos, y - half * (sin + cos)]], np.float32)

    def points_to_crop(self, points: Float32) -> Float32:
        """Map (..., 2) image px to crop px."""
        return transform_points(self.to_crop, points)

    def points_to_image(self, points: Float32) -> Float32:
        """Map (..., 2) crop px to image px."""
        return transform_points(self.to_image, points)

    def offset_from(self, ideal: Crop) -> Float32:
        """(4,) how far it is from another crop: shift along and down, in shares of that one's side and along its axes,
        logarithm of the side, turn in rad."""
        cos, sin = math.cos(ideal.roll_rad) / ideal.side_px, math.sin(ideal.roll_rad) / ideal.side_px
        (x, y), (ideal_x, ideal_y) = self.center_px.tolist(), ideal.center_px.tolist()
        right, down = x - ideal_x, y - ideal_y
        turn = wrapped(self.roll_rad - ideal.roll_rad)
        return np.array(
            [cos * right + sin * down, cos * down - sin * right, math.log(self.side_px / ideal.side_px), turn]
        )

    def warp(self, image: UInt8) -> UInt8:
        """Resample an (H, W, 3) picture to (size, size, 3); black outside of it."""
        matrix = self.to_crop.astype(np.float64)
        shrink = int(self.side_px / self.size)
        if shrink >= 2:  # bilinear sampling alone would alias: average whole blocks first, of the needed region only
            image, matrix = _shrink(image, matrix, shrink, self)
        matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
        return cv2.warpAffine(image, matrix, (self.size, self.size), flags=cv2.INTER_LINEAR)


def _shrink(image: UInt8, matrix: np.ndarray, factor: int, crop: Crop) -> tuple[UInt8, np.ndarray]:
    """Average blocks of factor x factor pixels; those at the right and lower edge of a picture may lack some."""
    height, width = image.shape[:2]
    turned = abs(math.cos(crop.roll_rad)) + abs(math.sin(crop.roll_rad))
    reach = crop.side_px / 2 * turned + 2 * factor
    (left, new_width), (top, new_height) = (
        _blocks(float(center), reach, extent, factor)
        for center, extent in zip(crop.center_px, (width, height), strict=True)
    )
    region = image[top : top + factor * new_height, left : left + factor * new_width]
    stretch = np.array([region.shape[1] / new_width, region.shape[0] / new_height])
    small = cv2.resize(region, (new_width, new_height), interpolation=cv2.INTER_AREA)  # fast where blocks are whole
    adapted = np.concatenate([matrix[:, :2] * stretch, (matrix[:, :2] @ [left, top] + matrix[:, 2])[:, None]], axis=1)
    return small, adapted


def _blocks(center: float, reach: float, extent: int, factor: int) -> tuple[int, int]:
    """Return where blocks of `factor` pixels begin that cover `reach` to both sides, as far as there are any, and how
    many they are."""
    first = min(max(math.floor(center - reach), 0), extent - 1)
    last = min(max(math.ceil(center + reach), first + 1), extent)
    return first, -(-(last - first) // factor)


def transform_points(affine: Float32, points: Float32) -> Float32:
    """Apply a (2, 3) affine to (..., 2) points."""
    return points @ affine[:, :2].T + affine[:, 2]


def crop_from_landmarks(landmarks_px: Float32, size: int, roll_rad: float = 0.0, margin: float = CROP_MARGIN) -> Crop:
    """Return the crop around (L, 2) landmarks, image px, measured along the turned axes."""
    cos, sin = math.cos(roll_rad), math.sin(roll_rad)
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
