"""The edge of the avatar's shirt, painted as a collar: in the atlas it is torn, because the face model's triangles
bridge the cuts between neck and clothes.

What lies below the neck takes its colour from a strip in an unused place of the atlas, around the neck and down from
the edge.  N: vertices of the face model.  T: triangles.  Atlas coordinates are (u, v) in [0, 1], v down.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from scipy.spatial import cKDTree

from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.types import Float32, UInt8

_EDGE: Final = (-13.46, -0.24, 0.0535)
"""Height of the collar's edge on the mean face, cm, and how it changes with z and with x squared: a finger's breadth
above what the atlas paints, so that no rag of it is left."""
_AXIS_Z_CM: Final = -1.0
"""The neck runs up there."""
_STRIP: Final = (0.4, 0.6, 0.5, 0.1)
"""Its left, top, width and height in the atlas, where nothing of the face model lies."""
_DEPTH_CM: Final = (-1.6, 2.0)
"""What its top and its bottom show: skin above the edge, shirt below."""
_WIDTH_CM: Final = 1.1
"""Of the collar."""
_SHADE_CM: Final = 0.45
"""So far above it the skin lies in its shade."""
_SOFT_CM: Final = 0.06
_SHADOW, _COLLAR, _SEAM = 0.75, 0.9, 0.6
"""Brightness of the skin at the edge, of the collar, and of the seam below it."""
_NEIGHBOURS: Final = 40
"""So many triangles are mixed for the skin at a place of the strip, and their colours differ little."""


def collar_depth(vertices: Float32) -> Float32:
    """(N, 3) cm of the mean face -> (N,) how far below the edge of the collar each lies, cm."""
    height, with_z, with_x2 = _EDGE
    return height + with_z * vertices[:, 2] + with_x2 * vertices[:, 0] ** 2 - vertices[:, 1]


def collar_uv(mean: Float32, triangles: np.ndarray, triangle_uv: Float32) -> Float32:
    """Let what reaches into the collar's shade or below take its colour from the strip.

    (N, 3) cm of the mean face, (T, 3), (T, 3, 2) -> (T, 3, 2).
    """
    depth = collar_depth(mean)
    left, top, width, height = _STRIP
    first, last = _DEPTH_CM
    down = np.clip((depth - first) / (last - first), 0, 1)
    strip = np.stack([left + width * _around(mean), top + height * down], axis=1).astype(np.float32)
    below = (depth[triangles] > -_SHADE_CM).any(axis=1)
    return np.where(below[:, None, None], strip[triangles], triangle_uv)


def paint_collar(image: UInt8, mean: Float32, triangles: np.ndarray, triangle_uv: Float32) -> UInt8:
    """Draw the strip into a square BGR atlas: (N, 3) cm, (T, 3), (T, 3, 2) of the face model."""
    size, margin = len(image), len(image) // 100
    left, top, width, height = (round(size * share) for share in _STRIP)
    x, y = np.meshgrid(np.arange(-margin, width + margin) + 0.5, np.arange(-margin, height + margin) + 0.5)
    first, last = _DEPTH_CM
    depth = (first + (last - first) * np.clip(y / height, 0, 1))[..., None]
    center = mean[triangles].mean(axis=1)
    at = np.clip(triangle_uv.mean(axis=1) * size, 0, size - 1).astype(int)
    color, below = image[at[:, 1], at[:, 0]].astype(np.float32), collar_depth(center)
    neck = np.flatnonzero((below > 2 * first) & (below < 0))
    places = np.stack([_around(center[neck]) * np.pi, below[neck] / 10], axis=1)  # mostly by the side it is on
    here = np.stack([np.clip(x / width, 0, 1) * np.pi, depth[..., 0] / 10], axis=-1)
    skin = np.median(color[neck][cKDTree(places).query(here, _NEIGHBOURS)[1]], axis=-2)
    skin *= 1 - (1 - _SHADOW) * smoothstep(-_SHADE_CM, 0, depth)
    shirt = np.median(color[below > 1.5], axis=0) * np.where(depth < _WIDTH_CM, _COLLAR, 1)
    shirt *= 1 - (1 - _SEAM) * np.exp(-(((depth - _WIDTH_CM) / _SOFT_CM) ** 2))
    cover = smoothstep(-_SOFT_CM, _SOFT_CM, depth)
    image = image.copy()
    image[top - margin : top + height + margin, left - margin : left + width + margin] = cv2.GaussianBlur(
        skin + cover * (shirt - skin), (0, 0), size / 1000
    )
    return image


def _around(vertices: Float32) -> Float32:
    """(N, 3) -> (N,) 0 in front of the neck's axis to 1 behind it, either side."""
    return np.arctan2(np.abs(vertices[:, 0]), vertices[:, 2] - _AXIS_Z_CM) / np.pi
