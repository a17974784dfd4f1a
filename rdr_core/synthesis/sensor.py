"""What a webcam makes of a scene: lens, exposure, noise and its removal, sharpening, compression, in that order.

Faults come together: one number says how bad a camera and its light are, and most are decent. What happens to crops
whatever the camera (shifts, colours of all kinds, occlusion) is augmentation and belongs to `data/augment.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from rdr_core.errors import ConfigError, DataError
from rdr_core.types import Float32, UInt8

_REFERENCE_PX: Final = 160
"""Blurs are given for a picture of this side and grow with it."""
_RAMP: Final = np.arange(256) / 255.0
_LINEAR: Final = np.where(_RAMP <= 0.04045, _RAMP / 12.92, ((_RAMP + 0.055) / 1.055) ** 2.4)


@dataclass(frozen=True)
class SensorConfig:
    """How often a camera shows each fault; its strength follows from how bad the camera is."""

    badness: float = 0.27
    """Mean of how bad cameras are, 0 (a studio camera) to 1: a Beta distribution, most of it below the mean."""
    lens: float = 0.3
    """Probability of each of: lack of focus, coloured edges, dark corners."""
    motion: float = 0.1
    """Probability of a blur along a line."""
    low_light: float = 0.1
    """Probability of a dim scene: amplified, noisy, then smeared."""
    coarse: float = 0.2
    """Probability of fewer pixels than the picture has: a distant face, enlarged."""
    sharpen: float = 0.4
    """Probability of bright and dark rims along edges."""
    compress: float = 0.85
    """Probability of JPEG with halved colour resolution."""
    gray: float = 0.02
    """Probability of a camera without colour (infrared)."""

    def __post_init__(self) -> None:
        chances = (self.lens, self.motion, self.low_light, self.coarse, self.sharpen, self.compress, self.gray)
        if not all(0 <= chance <= 1 for chance in chances) or not 0 < self.badness < 1:
            raise ConfigError(f"probabilities lie in [0, 1] and the badness between 0 and 1, got {self}")


def develop(rng: np.random.Generator, rgb: UInt8, config: SensorConfig | None = None) -> UInt8:
    """Return the picture as a webcam would deliver it.

    Landmarks stay where they are: nothing here moves, turns or scales the picture.

    Args:
        rng: draws the faults.
        rgb: (s, s, 3) uint8 RGB, s >= 16.
        config: how often which fault comes.

    Raises:
        DataError: not such a picture.
    """
    config = config or SensorConfig()
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.shape[0] != rgb.shape[1] or len(rgb) < 16:
        raise DataError(
            f"a camera develops square RGB pictures (s, s, 3) uint8 from 16 px, got {rgb.shape} {rgb.dtype}"
        )
    size, bad = len(rgb), float(rng.beta(1.3, 1.3 * (1 / config.badness - 1)))
    picture = rgb
    if rng.random() < config.coarse:
        side = max(16, round(size * (1 - rng.uniform(0.15, 0.3 + 0.4 * bad))))
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    picture = _lens(rng, picture, bad, config)
    dim = rng.random() < config.low_light
    picture = _expose(rng, picture, bad, dim)
    picture = _noise(rng, picture, bad, dim)
    if rng.random() < config.gray:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < config.sharpen:
        picture = _sharpen(rng, picture, bad)
    if rng.random() < config.compress:
        picture = _compress(rng, picture, bad)
    if len(picture) != size:
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
    return picture


def _lens(rng: np.random.Generator, picture: UInt8, bad: float, config: SensorConfig) -> UInt8:
    """Draw focus, motion, coloured edges and dark corners."""
    size = len(picture)
    scale = size / _REFERENCE_PX
    if rng.random() < config.lens:
        picture = cv2.GaussianBlur(picture, (0, 0), scale * rng.uniform(0.25, 0.5 + 1.3 * bad))
    if rng.random() < config.motion:
        picture = cv2.filter2D(picture, -1, _streak(scale * rng.uniform(1.5, 3 + 7 * bad), rng.uniform(0, np.pi)))
    if rng.random() < config.lens:
        picture = _colored_edges(picture, rng.normal(0, 0.001 + 0.004 * bad, 2))
    if rng.random() < config.lens:
        picture = cv2.convertScaleAbs(picture * _corners(size, round(rng.uniform(0.05, 0.2 + 0.5 * bad), 2)))
    return picture


def _streak(length_px: float, angle_rad: float) -> Float32:
    """Return the kernel of a motion: (k, k), sum 1, symmetric about its centre, so that the picture stays in place."""
    reach = max(1, int(np.ceil(length_px / 2)))
    kernel = np.zeros((2 * reach + 1,) * 2, np.float32)
    steps = np.linspace(-length_px / 2, length_px / 2, 4 * reach + 1)
    columns, rows = (np.rint(reach + steps * f(angle_rad)).astype(int) for f in (np.cos, np.sin))
    np.add.at(kernel, (rows, columns), 1.0)
    return kernel / kernel.sum()


def _colored_edges(picture: UInt8, stretch: Float32) -> UInt8:
    """Stretch red and blue a little about the centre, (2,) shares of the radius; green, most of the light, stays."""
    size = len(picture)
    red, green, blue = cv2.split(picture)
    middle = (size - 1) / 2
    moved = []
    for channel, share in zip((red, blue), stretch, strict=True):
        matrix = np.array([[1 + share, 0, -share * middle], [0, 1 + share, -share * middle]])
        moved.append(cv2.warpAffine(channel, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE))
    return cv2.merge([moved[0], green, moved[1]])


@lru_cache(maxsize=256)
def _corners(size: int, strength: float) -> Float32:
    """(s, s, 1) float32 factors: 1 in the middle, 1 - strength in the corners."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    radius = (axis[:, None] ** 2 + axis**2) / 2
    return (1 - strength * radius)[..., None].repeat(3, axis=2).astype(np.float32)


def _expose(rng: np.random.Generator, picture: UInt8, bad: float, dim: bool) -> UInt8:
    """Change exposure and white balance in linear light, then contrast."""
    stops = rng.normal(-0.05, 0.15 + 0.45 * bad) - (rng.uniform(0.5, 2.0) if dim else 0.0)
    balance = np.exp(rng.normal(0, 0.02 + 0.12 * bad, 3) * [1.0, 0.4, 1.0])
    light = np.clip(_LINEAR[:, None] * 2.0**stops * balance, 0, 1)
    signal = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    contrast = rng.normal(0.05, 0.05 + 0.15 * bad)
    signal += contrast * np.sin(2 * np.pi * (signal - 0.5)) / (2 * np.pi)  # an S about mid grey; ends stay
    black = max(0.0, rng.normal(0, 0.01 + 0.05 * bad))  # flare lifts the shadows
    table = (black + (1 - black) * signal) * 255
    return cv2.LUT(picture, np.clip(table, 0, 255).round().astype(np.uint8)[None])


def _noise(rng: np.random.Generator, picture: UInt8, bad: float, dim: bool) -> UInt8:
    """Add noise, strongest in the shadows, where the tone curve is steep, and sometimes smear it away."""
    level = rng.uniform(0.2, 1.0 + 4 * bad) + (rng.uniform(4, 14) if dim else 0.0)
    if level < 0.7:
        return picture
    size = len(picture)
    strength = cv2.LUT(picture, (level * 16 * (1.2 - 0.7 * _RAMP)).clip(0, 255).astype(np.uint8))  # 1/16 of a step
    grain = rng.standard_normal(picture.shape, np.float32)
    noisy = picture + grain * strength * np.float32(1 / 16)
    if dim:
        side = max(4, int(size / rng.uniform(3, 7)))
        blotches = rng.normal(0, 0.6 * level, (side, side, 3)).astype(np.float32)
        blotches -= blotches.mean(axis=2, keepdims=True)  # of colour only
        noisy += cv2.resize(blotches, (size, size), interpolation=cv2.INTER_CUBIC)
    noisy = noisy.clip(0, 255).astype(np.uint8)
    if dim and rng.random() < 0.7:
        return cv2.bilateralFilter(noisy, 5, 4 * level, 1.5)
    if level > 2 and rng.random() < 0.5:
        return cv2.medianBlur(noisy, 3)
    return noisy


def _sharpen(rng: np.random.Generator, picture: UInt8, bad: float) -> UInt8:
    """Draw rims along edges, as the camera's own sharpening leaves them."""
    soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.7, 1.5) * len(picture) / _REFERENCE_PX)
    amount = rng.uniform(0.1, 0.5 + 1.2 * bad)
    return cv2.addWeighted(picture, 1 + amount, soft, -amount, 0)


def _compress(rng: np.random.Generator, picture: UInt8, bad: float) -> UInt8:
    """Write and read JPEG of quality 25 to 95, colour at half the resolution."""
    quality = round(float(np.clip(95 - rng.uniform(0, 20 + 100 * bad), 25, 95)))
    options = [
        cv2.IMWRITE_JPEG_QUALITY, quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]  # fmt: skip
    _, content = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert decoded is not None  # it was written here
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
