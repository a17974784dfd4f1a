"""The avatar's eyeballs: which vertices they are, and an iris painted by angle from the gaze axis."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from rdr_core.face_model.dynamic_expression_model import Accessories
from rdr_core.types import Float32, UInt8

TEXTURE_PX: Final = 256
_SPAN_DEG: Final = 60.0
"""Angle from the gaze axis at the rim of the texture; farther back the rim's colour goes on."""
_IRIS_DEG, _PUPIL_DEG = 23.0, 9.5
_PUPIL_BRIGHTNESS: Final = 0.1  # only pupils are as dark among the accessories' colours


def find_eyeballs(accessories: Accessories) -> list[np.ndarray]:
    """Sorted vertex indices of each connected piece that has a pupil."""
    triangles = accessories.triangles
    piece = np.arange(len(accessories.colors))
    while True:  # every vertex takes the lowest number around it, until each piece has one
        lowest = piece[triangles].min(axis=1)
        spread = piece.copy()
        np.minimum.at(spread, triangles.ravel(), np.repeat(lowest, 3))
        spread = spread[spread]
        if (spread == piece).all():
            break
        piece = spread
    with_pupil = np.unique(piece[accessories.colors.max(axis=1) < _PUPIL_BRIGHTNESS])
    return [np.flatnonzero(piece == number) for number in with_pupil]


def eye_uv(ball: Float32) -> Float32:
    """(n, 3) vertices of an eyeball that looks along +z, cm -> (n, 2) texture coordinates, v down."""
    outward = ball - (ball.max(axis=0) + ball.min(axis=0)) / 2
    sideways = np.hypot(outward[:, 0], outward[:, 1])
    angle_deg = np.degrees(np.arctan2(sideways, outward[:, 2]))
    reach = np.minimum(angle_deg / _SPAN_DEG, 1) / np.maximum(sideways, 1e-9)
    return (0.5 + 0.5 * outward[:, :2] * [1, -1] * reach[:, None]).astype(np.float32)


@lru_cache(maxsize=1)
def eye_texture() -> UInt8:
    """(TEXTURE_PX, TEXTURE_PX, 3) RGB: pupil, brown iris with fibres and a dark rim, white that reddens outwards."""
    y, x = (np.mgrid[:TEXTURE_PX, :TEXTURE_PX] + 0.5) / TEXTURE_PX * 2 - 1
    angle_deg, around = np.hypot(x, y) * _SPAN_DEG, np.arctan2(y, x)
    fibres = 0.5 + 0.25 * np.sin(around * 41 + 2 * np.sin(around * 7)) + 0.25 * np.sin(around * 67 + np.cos(around * 5))
    depth = np.clip((angle_deg - _PUPIL_DEG) / (_IRIS_DEG - _PUPIL_DEG), 0, 1)
    inner, outer = np.array([118, 78, 44.0]), np.array([74, 46, 28.0])
    iris = (inner + (outer - inner) * depth[..., None]) * (0.75 + 0.5 * fibres[..., None] * (1 - depth[..., None] ** 2))
    iris *= 1 - 0.6 * _step(angle_deg, _IRIS_DEG - 4, _IRIS_DEG)[..., None]
    white = np.array([212, 206, 202.0]) - np.array([26, 52, 52.0]) * _step(angle_deg, 30, _SPAN_DEG)[..., None]
    color = iris + (white - iris) * _step(angle_deg, _IRIS_DEG - 1, _IRIS_DEG + 1.5)[..., None]
    color *= 0.06 + 0.94 * _step(angle_deg, _PUPIL_DEG - 1, _PUPIL_DEG + 1)[..., None]
    return np.clip(color, 0, 255).astype(np.uint8)


def _step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
