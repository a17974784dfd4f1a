"""Light taken out of what frames show of a skin.

A skin that is known to be lit evenly says what is light: the logarithm of how much brighter or darker a face is than
that skin is its tone, the same everywhere, and light, which changes with the direction in which the skin faces, as
spherical harmonics of second order do (Basri and Jacobs 2003; Ramamoorthi and Hanrahan 2001).

n: texels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from calibration.skin_views import SkinView
from calibration.texels import Texels
from rdr_core.types import Float32

DARK: Final = 6.0
"""Added before logarithms: noise in the dark tells no ratio."""
_ROUNDS: Final = 6
_UNLIKE: Final = 0.15
"""A texel whose logarithm is farther off than this (a beard, a brow) says little of light."""
_RIDGE: Final = 0.02
_HUE_RIDGE: Final = 0.06
"""How strongly light is held even, in brightness and in hue."""
_PICTURES_DARKER: Final = 0.2
"""Pictures show skin so much darker than textures have it, in logarithms: 0.2 to 0.35 on rendered people."""
_BRIGHT_KEPT: Final = 0.7
_HUE_KEPT: Final = 0.6
"""Shares of variance: of skins in that of pictures of skins."""
_BROAD: Final = 0.04
"""Spread of broad differences, share of the texture's side."""
_BROAD_KEPT: Final = 0.7
_MOST: Final = 0.45
"""Of the logarithm of light: nothing is made brighter or darker by more."""
_STRIDE: Final = 7


def evened(views: Sequence[SkinView], base: Float32) -> list[SkinView]:
    """Return the views in even light and in one tone; base (n, 3) is an evenly lit skin, sRGB."""
    lights = [_light_of(view, base) for view in views]
    tones = np.stack([tone for _, tone in lights])
    worth = np.array([view.weights.sum() for view in views])
    common = likely_tone((worth[:, None] * tones).sum(axis=0) / max(worth.sum(), 1e-9))
    return [
        replace(view, colors=view.colors * np.exp(common - tone - light).astype(np.float32))
        for view, (light, tone) in zip(views, lights, strict=True)
    ]


def flattened(texels: Texels, colors: Float32, trust: Float32, base: Float32) -> Float32:
    """Take part of the broad differences from the base out of colours, both (n, 3): much of them is light that is
    left."""
    ratio = np.log((colors + DARK) / (base + DARK))
    broad = texels.blurred(np.clip(ratio, -1, 1), trust, _BROAD)
    usual = (trust @ broad) / max(float(trust.sum()), 1e-9)
    return ((colors + DARK) * np.exp((_BROAD_KEPT - 1) * (broad - usual)) - DARK).astype(np.float32)


def likely_tone(tone: Float32) -> Float32:
    """(3,) logarithm of a tone as a camera shows it -> what it is likely to be.

    Exposure and white balance are unknown. People's skins differ much in brightness and little in hue, pictures of a
    skin in both.
    """
    bright = tone.mean()
    return _BRIGHT_KEPT * (bright + _PICTURES_DARKER) + _HUE_KEPT * (tone - bright)


def _light_of(view: SkinView, base: Float32) -> tuple[Float32, Float32]:
    """Logarithms of the light on each texel (n, 3), 0 on average over what is seen, and of the tone (3,)."""
    harmonics = _harmonics(view.normals)
    some = np.flatnonzero(view.weights > 0)[::_STRIDE]
    ratio = np.log((view.colors[some] + DARK) / (base[some] + DARK)).astype(np.float64)
    rows, weights = harmonics[some].astype(np.float64), view.weights[some].astype(np.float64)
    middle = (weights @ rows) / max(weights.sum(), 1e-9)
    rows = rows - middle
    light, tone, trust = np.zeros((rows.shape[1], 3)), np.zeros(3), weights
    for _ in range(_ROUNDS):
        tone = (trust @ (ratio - rows @ light)) / max(trust.sum(), 1e-9)
        bright = (ratio - tone).mean(axis=1, keepdims=True)
        light = _solve(rows, bright, trust, _RIDGE) + _solve(rows, ratio - tone - bright, trust, _HUE_RIDGE)
        trust = weights / (1 + ((ratio - tone - rows @ light) ** 2).mean(axis=1) / _UNLIKE**2)
    return np.clip((harmonics - middle) @ light, -_MOST, _MOST), tone


def _solve(rows: Float32, values: Float32, weights: Float32, ridge: float) -> Float32:
    """Weighted least squares, each unknown held near 0."""
    weighted = rows * weights[:, None]
    return np.linalg.solve(weighted.T @ rows + ridge * weights.sum() * np.eye(rows.shape[1]), weighted.T @ values)


def _harmonics(normals: Float32) -> Float32:
    """(n, 3) unit normals -> (n, 8) spherical harmonics of the first and second order, up to constants."""
    x, y, z = normals.T
    return np.stack([x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1], axis=1)
