"""The light of a sampled picture: a measured place, its lamp or another one, and how bright it all is."""

from __future__ import annotations

from typing import Final

import numpy as np

from rdr_core.synthesis.environment import Environments, harmonics
from rdr_core.synthesis.surface import Lighting
from rdr_core.types import Float32

_OWN_LAMP: Final = 0.5
"""Share of pictures that keep the place's strongest lamp; others get one of their own, or none."""
_NO_LAMP: Final = 0.15
_LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
_FACE_BRIGHTNESS: Final = 0.95
"""What a face that looks into the camera receives, as a camera's automatic exposure would have it: white would be
about 1."""
_BRIGHTNESS_STD: Final = 0.25
_LAMP_SHARE: Final = (0.15, 0.7)
"""How much of that comes from a lamp of one's own."""


def sample_lighting(rng: np.random.Generator, environments: Environments) -> Lighting:
    """Draw a place, a lamp and an exposure."""
    index = int(rng.integers(len(environments)))
    yaw = float(rng.uniform(-np.pi, np.pi))
    kind = rng.random()
    sky = _irradiance(environments, index, yaw)
    if kind < _OWN_LAMP:
        direction, color = environments.lamp(index, yaw)
    elif kind < 1 - _NO_LAMP:
        direction = _lamp_direction(rng)
        share = rng.uniform(*_LAMP_SHARE)
        warmth = np.exp(rng.normal(0, 0.18) * np.array([1, 0, -1]) + rng.normal(0, 0.04, 3))
        color = (np.pi * sky * share / (1 - share) * warmth).astype(np.float32)
    else:
        direction, color = np.array([0, 0.6, 0.8], np.float32), np.zeros(3, np.float32)
    received = sky + float(color @ _LUMINANCE) / np.pi * max(0.25, float(direction[2]))
    gain = _FACE_BRIGHTNESS / received * float(np.exp(np.clip(rng.normal(0, _BRIGHTNESS_STD), -0.7, 0.5)))
    return Lighting(
        index, yaw, gain, direction.astype(np.float32), (color * np.float32(gain)).astype(np.float32),
        lamp_softness_cm=float(np.exp(rng.uniform(np.log(0.15), np.log(1.2)))),
        backdrop_fov_rad=float(rng.uniform(0.45, 1.1)),
        backdrop_blur=float(np.clip(np.exp(rng.normal(np.log(0.012), 0.9)), 0.0, 0.08)),
    )  # fmt: skip


def _lamp_direction(rng: np.random.Generator) -> Float32:
    """Windows and lamps: mostly from above, the front or a side, seldom from below or behind."""
    azimuth = rng.normal(0, 1.0)
    height = rng.normal(0.55, 0.4)
    cos = np.cos(height)
    return np.array([np.sin(azimuth) * cos, np.sin(height), np.cos(azimuth) * cos], np.float32)


def _irradiance(environments: Environments, index: int, yaw_rad: float) -> float:
    """Luminance, over pi, that reaches a surface that faces the camera."""
    towards = np.array([-np.sin(yaw_rad), 0, np.cos(yaw_rad)], np.float32)  # +z, turned back into the environment
    return max(0.05, float(harmonics(towards) @ environments.irradiance[index] @ _LUMINANCE))
