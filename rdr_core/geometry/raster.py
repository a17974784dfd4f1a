"""Triangles on a grid of pixels: which pixel lies in which triangle, and what is seen from the front.

T: triangles.  F: fragments, one for each pixel centre inside a triangle.  Pixel centres are at .5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdr_core.types import Float32


@dataclass(frozen=True, eq=False)
class Fragments:
    """Pixels inside triangles; a pixel comes once for each triangle that covers it."""

    triangle: np.ndarray
    """(F,) number of the triangle."""
    pixel: np.ndarray
    """(F,) y * width + x."""
    weights: Float32
    """(F, 3) barycentric."""


def rasterize(corners_px: Float32, width: int, height: int) -> Fragments:
    """(T, 3, 2) corners, px -> fragments inside a picture of that size; triangles of no area have none."""
    corners = np.asarray(corners_px, np.float64)
    size = np.array([width, height])
    low = np.clip(np.ceil(corners.min(axis=1) - 0.5), 0, size).astype(np.int64)
    high = np.clip(np.floor(corners.max(axis=1) - 0.5) + 1, low, size).astype(np.int64)
    columns, rows = (high - low).T
    count = columns * rows
    triangle = np.repeat(np.arange(len(corners)), count)
    place = np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count, count)
    x = low[triangle, 0] + place % columns[triangle]
    y = low[triangle, 1] + place // columns[triangle]
    a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    over = np.divide(1.0, area, out=np.zeros_like(area), where=np.abs(area) > 1e-12)[triangle]
    px, py = x + 0.5 - a[triangle, 0], y + 0.5 - a[triangle, 1]
    u = (px * c[triangle, 1] - py * c[triangle, 0]) * over
    v = (py * b[triangle, 0] - px * b[triangle, 1]) * over
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (over != 0)
    u, v = u[inside], v[inside]
    weights = np.stack([1 - u - v, u, v], axis=1).astype(np.float32)
    return Fragments(triangle[inside], y[inside] * width + x[inside], weights)


def depth_map(points_px: Float32, depth: Float32, triangles: np.ndarray, width: int, height: int) -> Float32:
    """(N, 2) px, (N,) depth (larger is nearer) and (T, 3) -> (height, width) depth of what is nearest, -inf where
    nothing is."""
    found = rasterize(points_px[triangles], width, height)
    nearest = np.full(width * height, -np.inf, np.float32)
    np.maximum.at(nearest, found.pixel, (depth[triangles[found.triangle]] * found.weights).sum(axis=1))
    return nearest.reshape(height, width)
