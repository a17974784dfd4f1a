"""Augmentation (Sec. 5.1): flipping, shifting, scaling and rotation of the crop, and what cameras do to pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

import cv2
import numpy as np

from rdr_core.data.crop import Crop, crop_from_landmarks
from rdr_core.errors import ConfigError
from rdr_core.types import Float32, UInt8

_NOISE_PLACES: Final = 1 << 18
_RAMP: Final = np.linspace(0, 1, 256)[:, None]


@dataclass(frozen=True)
class Stray:
    """How far some of the crops are off the ideal one."""

    share: float
    """Of all crops, against the other shares."""
    shift_std: float
    """Shift of the centre, share of the crop's side."""
    scale_std: float
    """Spread of the logarithm of the side."""
    roll_std_rad: float
    """Spread of the rotation left over in the crop."""
    upright: float = 1.0
    """Probability that the crop is turned with the face first."""
    scale_mean: float = 0.0
    """Mean of the logarithm of the side."""

    def __post_init__(self) -> None:
        spreads = (self.share, self.shift_std, self.scale_std, self.roll_std_rad)
        if not (0 <= self.upright <= 1 and all(spread >= 0 for spread in spreads)):
            raise ConfigError(f"probabilities lie in [0, 1], shares and spreads are not negative, got {self}")


@dataclass(frozen=True)
class AugmentConfig:
    """How far training crops stray from the ideal one, and how often pictures suffer.

    Most crops of live use follow the face from the picture before, or begin at a detector's box; the rest is wider, so
    that a face that is nearly lost is found again.
    """

    flip: float = 0.5
    """Probability of a flip left to right."""
    tracked: Stray = field(default_factory=lambda: Stray(0.5, shift_std=0.015, scale_std=0.03, roll_std_rad=0.05))
    """Crops as the tracker's, wider than they were measured on clips (docs/steadiness.md)."""
    detected: Stray = field(
        default_factory=lambda: Stray(0.25, shift_std=0.03, scale_std=0.06, roll_std_rad=0.07, scale_mean=0.03)
    )
    """Crops as a detector's."""
    loose: Stray = field(
        default_factory=lambda: Stray(0.25, shift_std=0.05, scale_std=0.08, roll_std_rad=0.2, upright=0.4)
    )
    """Crops by a box that somebody drew, or of a face that moves fast."""
    blur: float = 0.15
    """Probability of each of: blur, low resolution, noise."""
    gray: float = 0.08
    """Probability of a colourless picture."""
    occlusion: float = 0.25
    """Probability of an occluder over part of the crop."""

    def __post_init__(self) -> None:
        if not all(0 <= chance <= 1 for chance in (self.flip, self.blur, self.gray, self.occlusion)):
            raise ConfigError(f"probabilities lie in [0, 1], got {self}")
        if sum(stray.share for stray in self.strays) <= 0:
            raise ConfigError("one of the shares of tracked, detected and loose crops must be positive")

    @property
    def strays(self) -> tuple[Stray, ...]:
        return self.tracked, self.detected, self.loose

    def stray(self, rng: np.random.Generator) -> Stray:
        """Draw which kind a crop is of."""
        bounds = np.cumsum([stray.share for stray in self.strays])
        return self.strays[int(np.searchsorted(bounds, rng.random() * bounds[-1], side="right"))]


def jitter_crop(
    rng: np.random.Generator, shape: Float32, face_roll_rad: float, size: int, config: AugmentConfig
) -> Crop:
    """Return a crop around (68, 2) landmarks, image px, off by as much as a tracker's or a detector's may be."""
    stray = config.stray(rng)
    roll = face_roll_rad if rng.random() < stray.upright else 0.0
    crop = crop_from_landmarks(shape, size, roll + float(np.clip(rng.normal(0, stray.roll_std_rad), -0.7, 0.7)))
    side = crop.side_px * float(np.exp(np.clip(rng.normal(stray.scale_mean, stray.scale_std), -0.25, 0.3)))
    shift = np.clip(rng.normal(0, stray.shift_std, 2), -0.14, 0.14) * side
    return Crop((crop.center_px + shift).astype(np.float32), side, size, crop.roll_rad)


def misalign_crop(rng: np.random.Generator, shape: Float32, size: int) -> Crop:
    """Return a crop that no longer shows the face as it should: shifted, of another scale, or turned."""
    crop = crop_from_landmarks(shape, size, float(rng.normal(0, 0.3)))
    center, side, roll = crop.center_px, crop.side_px, crop.roll_rad
    kind = rng.integers(3)
    if kind == 0:
        angle = rng.uniform(0, 2 * np.pi)
        center = center + side * rng.uniform(0.33, 0.9) * np.array([np.cos(angle), np.sin(angle)])
    elif kind == 1:
        side = side * (rng.uniform(0.3, 0.6) if rng.random() < 0.5 else rng.uniform(1.8, 3.0))
    else:
        roll = roll + rng.uniform(1.3, 2 * np.pi - 1.3)
    return Crop(center.astype(np.float32), float(side), size, float(roll))


def background_crop(rng: np.random.Generator, image_shape: tuple[int, ...], size: int) -> Crop:
    """Return any crop of a picture (H, W, ...) that shows no face."""
    largest = float(min(image_shape[:2]))
    side = float(np.exp(rng.uniform(np.log(min(size / 3, largest / 2)), np.log(largest))))
    center = rng.uniform(0, 1, 2) * image_shape[1::-1]
    return Crop(center.astype(np.float32), side, size, float(rng.uniform(-np.pi, np.pi)))


def photometric(rng: np.random.Generator, image: UInt8, config: AugmentConfig) -> UInt8:
    """Change exposure, contrast, colour and sharpness of an (s, s, 3) crop, and hide a part of it."""
    image = _expose(rng, image)
    if rng.random() < config.gray:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if rng.random() < config.blur:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8))
    if rng.random() < config.blur:
        size = image.shape[0]
        small = cv2.resize(image, None, fx=(f := rng.uniform(0.25, 0.7)), fy=f, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < config.occlusion:
        image = _occlude(rng, image)
    if rng.random() < config.blur:
        image = cv2.add(image, _noise(rng, image.shape, rng.uniform(2, 14)), dtype=cv2.CV_8U)  # rounds and saturates
    return image


@cache
def _normals(count: int) -> Float32:
    return np.random.default_rng(0).standard_normal(count, np.float32)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], std: float) -> Float32:
    """Return Gaussian noise, a stretch of fixed numbers from a random place: new ones would take long."""
    count = int(np.prod(shape))
    stretch = int(rng.integers(_NOISE_PLACES))
    return (_normals(count + _NOISE_PLACES)[stretch : stretch + count] * np.float32(std)).reshape(shape)


def _expose(rng: np.random.Generator, image: UInt8) -> UInt8:
    gamma, gain, bias = np.exp(rng.normal(0, 0.2)), np.exp(rng.normal(0, 0.15)), rng.normal(0, 0.06)
    tint = np.exp(rng.normal(0, 0.06, 3))
    table = (_RAMP**gamma - 0.5) * (255 * gain * tint) + 255 * (0.5 + bias)
    table = np.minimum(np.maximum(table, 0), 255)
    return cv2.LUT(image, table.astype(np.uint8)[None])


def _occlude(rng: np.random.Generator, image: UInt8) -> UInt8:
    size = image.shape[0]
    image = image.copy()
    color = tuple(int(c) for c in rng.integers(0, 256, 3))
    axes = tuple(int(a) for a in rng.uniform(0.08, 0.28, 2) * size)
    center = tuple(int(c) for c in rng.uniform(0, size, 2))
    if rng.random() < 0.5:
        cv2.ellipse(image, center, axes, rng.uniform(0, 180), 0, 360, color, -1)
    else:
        lower = np.maximum(np.array(center) - axes, 0)
        patch = image[lower[1] : center[1] + axes[1], lower[0] : center[0] + axes[0]]
        source = rng.integers(0, max(1, size - max(patch.shape[:2])), 2)
        patch[:] = image[source[0] : source[0] + patch.shape[0], source[1] : source[1] + patch.shape[1]].copy()
    return image
