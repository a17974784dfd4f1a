"""Darkness inside the nose: the texture shows bright skin there, and no light of the renderer casts shadows."""

from __future__ import annotations

from typing import Final

import numpy as np

from rdr_core.types import Float32

_NOSE_BASE: Final = (31, 33, 35)
"""Landmarks: right wing, middle, left wing."""
_MARGIN_CM: Final = 0.4
_HEIGHT_CM: Final = 2.5
_CLEARANCE_CM: Final = 0.08
_FROM_BELOW: Final = ((0.0, 0.0), (0.0, -0.5), (0.0, -1.0), (0.5, -0.4), (-0.5, -0.4))
"""Where a viewer may stand who sees into the nose: x and y for each cm in front."""
_FROM_OUTSIDE: Final = ((0.0, 0.6), (1.0, 0.3), (-1.0, 0.3))
"""Where nobody sees into the nose, but into the folds beside it."""
_DARKEST: Final = 0.015


def nostril_light(neutral: Float32, triangles: np.ndarray, landmarks: np.ndarray) -> Float32:
    """How much light reaches each vertex: (N, 3) face, cm, (T, 3), (68,) -> (N,) in (0, 1], 1 outside of the nose."""
    right, middle, left = neutral[landmarks[list(_NOSE_BASE)]]
    low = np.array([right[0], middle[1], right[2]]) - [_MARGIN_CM, _MARGIN_CM, _HEIGHT_CM]
    high = np.array([left[0], middle[1], middle[2]]) + [_MARGIN_CM, _HEIGHT_CM, _HEIGHT_CM]
    near = np.all((neutral > low) & (neutral < high), axis=1)
    inside = np.flatnonzero(near)
    around = triangles[near[triangles].any(axis=1)]
    seen = np.mean([_seen_from(neutral, inside, around, x, y) for x, y in _FROM_BELOW], axis=0)
    outside = np.any([_seen_from(neutral, inside, around, x, y) for x, y in _FROM_OUTSIDE], axis=0)
    light = np.ones(len(neutral), np.float32)
    light[inside] = np.where(outside, 1, _DARKEST + (1 - _DARKEST) * np.clip(2 * (seen - 0.2), 0, 1) ** 2)
    return light


def _seen_from(neutral: Float32, points: np.ndarray, triangles: np.ndarray, x: float, y: float) -> np.ndarray:
    """Which of some vertices no triangle hides from a viewer far away in the direction (x, y, 1): (n,) bool."""
    sheared = neutral - neutral[:, 2:] * np.array([x, y, 0], np.float32)  # that direction becomes +z
    a, b, c = (sheared[triangles[:, k]] for k in range(3))
    p = sheared[points][:, None]
    area = _cross(b - a, c - a)
    area = np.where(np.abs(area) < 1e-12, 1e-12, area)
    u, v = _cross(p - a, c - a) / area, _cross(b - a, p - a) / area
    depth = a[:, 2] + u * (b - a)[:, 2] + v * (c - a)[:, 2]
    hidden = (u > 0) & (v > 0) & (u + v < 1) & (depth > p[..., 2] + _CLEARANCE_CM)
    return ~hidden.any(axis=1)


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
