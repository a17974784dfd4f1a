"""Simple solids for what stands before a face: tubes, ellipsoids, rounded boxes, bent sheets.

Every one is a grid of points (rows, columns), bent: rows run along it, columns around it, and a grid that is closed
joins its last column to the first. Seen from outside, with rows going up, columns run to the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from rdr_core.types import Float32

_ROUND_END: Final = np.linspace(0.0, 1.0, 4)[:-1] * np.pi / 2
"""Angles of the rings of a tube's round end, from its tip."""

Grid = tuple[int, int, bool]
"""Rows, columns, closed."""


@dataclass(frozen=True, eq=False)
class Solid:
    """Grids in one frame, cm; V vertices in all."""

    vertices: Float32
    """(V, 3) float32."""
    normals: Float32
    """(V, 3) float32 unit, outward."""
    grids: tuple[Grid, ...]

    @property
    def triangles(self) -> np.ndarray:
        """(T, 3) int32, counter-clockwise from outside; the same array for the same grids."""
        return _triangles(self.grids)

    def moved(self, axes: Float32, origin: Float32) -> Solid:
        """Turn and shift it: (3, 3) rows where its x, y, z point to, (3,) where its origin goes."""
        axes = np.asarray(axes, np.float32)
        return Solid(self.vertices @ axes + np.asarray(origin, np.float32), self.normals @ axes, self.grids)


def join(*solids: Solid) -> Solid:
    """Make one of several."""
    return Solid(
        np.concatenate([solid.vertices for solid in solids]),
        np.concatenate([solid.normals for solid in solids]),
        tuple(grid for solid in solids for grid in solid.grids),
    )


@lru_cache(maxsize=512)
def _triangles(grids: tuple[Grid, ...]) -> np.ndarray:
    parts, first = [], 0
    for rows, columns, closed in grids:
        index = first + np.arange(rows * columns).reshape(rows, columns)
        if closed:
            index = np.concatenate([index, index[:, :1]], axis=1)
        a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
        parts += [np.stack([a, b, c], axis=-1).reshape(-1, 3), np.stack([a, c, d], axis=-1).reshape(-1, 3)]
        first += rows * columns
    return np.concatenate(parts).astype(np.int32)


def sheet(points: Float32, closed: bool = False) -> Solid:
    """(rows, columns, 3) points -> the surface through them; its first and last row may be one point each."""
    points = np.asarray(points, np.float32)
    rows, columns = points.shape[:2]
    if closed:
        right, left = np.roll(points, -1, axis=1), np.roll(points, 1, axis=1)
    else:
        right, left = (points[:, np.clip(np.arange(columns) + k, 0, columns - 1)] for k in (1, -1))
    above, below = (points[np.clip(np.arange(rows) + k, 0, rows - 1)] for k in (1, -1))
    normals = np.cross(right - left, above - below)
    for end, next_to_it in ((0, 1), (-1, -2)):
        if np.ptp(points[end], axis=0).max() < 1e-5:  # a tip looks where its surroundings look together
            normals[end] = normals[next_to_it].sum(axis=0)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    return Solid(points.reshape(-1, 3), normals.reshape(-1, 3), ((rows, columns, closed),))


def tube(path: Float32, radius: Float32 | float, sides: int = 8, ring: bool = False) -> Solid:
    """A round bar along a path, with round ends; as a `ring` it has none and joins its own beginning.

    Args:
        path: (n, 3) cm, without sharp turns.
        radius: cm, one or (n,); or (n, 2) level with the picture and upright, for bars that are not round.
        sides: of its cross-section.
        ring: the last point is followed by the first.
    """
    path = np.asarray(path, np.float64)
    radii = np.asarray(radius, np.float64).reshape(-1, 2 if np.ndim(radius) == 2 else 1)
    radii = np.broadcast_to(radii, (len(path), 2))
    if ring:
        path, radii = np.concatenate([path, path[:1]]), np.concatenate([radii, radii[:1]])
    forward = np.gradient(path, axis=0)
    if ring:
        forward[0] = forward[-1] = path[1] - path[-2]
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    across, up = _frames(forward)
    if not ring:
        path, radii, across, up = _round_ends(path, radii, forward, across, up)
    angle = np.arange(sides) / sides * 2 * np.pi
    wide, high = (radii[:, :1] * across)[:, None], (radii[:, 1:] * up)[:, None]
    return sheet(path[:, None] + np.cos(angle)[:, None] * wide + np.sin(angle)[:, None] * high, closed=True)


def _frames(forward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) directions -> across and up (n, 3), right-handed with them and without a twist.

    Up is near y or, where the path itself goes along y, near z or x.
    """
    steepest = np.abs(forward).max(axis=0)
    vertical = next((axis for axis in (1, 2, 0) if steepest[axis] < 0.95), int(steepest.argmin()))
    across = np.cross(np.eye(3)[vertical], forward)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    return across, np.cross(forward, across)


def _round_ends(
    path: np.ndarray, radii: np.ndarray, forward: np.ndarray, across: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Add the rings of two half balls to the path, its radii and its frames."""
    shrink, reach = np.sin(_ROUND_END)[:, None], np.cos(_ROUND_END)[:, None]
    start, end = radii[0].min(), radii[-1].min()
    n = len(_ROUND_END)
    return (
        np.concatenate([path[0] - start * reach * forward[0], path, path[-1] + end * reach[::-1] * forward[-1]]),
        np.concatenate([radii[0] * shrink, radii, radii[-1] * shrink[::-1]]),
        np.concatenate([across[:1].repeat(n, 0), across, across[-1:].repeat(n, 0)]),
        np.concatenate([up[:1].repeat(n, 0), up, up[-1:].repeat(n, 0)]),
    )


@lru_cache(maxsize=32)
def _directions(rows: int, columns: int) -> Float32:
    """(rows, columns, 3) unit vectors over a sphere, from -y to +y."""
    height = np.linspace(-np.pi / 2, np.pi / 2, rows)[:, None]
    turn = (np.arange(columns) / columns * 2 * np.pi)[None]
    x, z = np.cos(height) * np.sin(turn), np.cos(height) * np.cos(turn)
    return np.stack([x, np.broadcast_to(np.sin(height), x.shape), z], axis=-1).astype(np.float32)


def ellipsoid(radii: Float32, rows: int = 10, columns: int = 16, roundness: float = 1.0) -> Solid:
    """About the origin; (3,) radii along x, y, z, cm; less `roundness` than 1 fills its corners, like a cushion's."""
    directions = _directions(rows, columns)
    if roundness != 1.0:
        directions = np.sign(directions) * np.abs(directions) ** roundness
    return sheet(directions * np.asarray(radii, np.float32), closed=True)


def box(half: Float32, edge: float) -> Solid:
    """A box about the origin, (3,) half its sides, cm, with edges rounded to a radius `edge` below all of them."""
    directions = _directions(12, 20)
    corner = np.sign(np.where(np.abs(directions) < 1e-6, 0, directions)) * (np.asarray(half, np.float32) - edge)
    return sheet(corner + edge * directions, closed=True)


def lathe(profile: Float32, columns: int = 20) -> Solid:
    """Turn a profile about the y axis: (n, 2) radius and height, cm, from the bottom up outside, down again inside."""
    profile = np.asarray(profile, np.float32)
    turn = np.arange(columns, dtype=np.float32) / columns * 2 * np.pi
    around = np.stack([np.sin(turn), 0 * turn, np.cos(turn)], axis=-1)
    upward = np.array([0.0, 1.0, 0.0], np.float32)
    return sheet(profile[:, None, :1] * around + profile[:, None, 1:] * upward, closed=True)
