"""Scaled orthographic projection Pi_f of Eq. (3), and its closed-form inverse from correspondences."""

from __future__ import annotations

import numpy as np

from rdr_core.geometry.backend import Array, constant, namespace
from rdr_core.geometry.rotation import euler_from_matrix, matrix_from_euler
from rdr_core.types import Float32

_IMAGE_Y_IS_DOWN = np.array([1.0, -1.0, 1.0])
_TO_THREE = np.eye(2, 3)


def project(vertices: Array, euler_rad: Array, translation: Array, scale: Array) -> Array:
    """Eq. (3): model cm -> image.

    Args:
        vertices: (..., n, 3) model frame, cm.
        euler_rad: (..., 3) pitch, yaw, roll.
        translation: (..., 2 or 3) image position of the model's origin, px; a third component is unobservable, unused.
        scale: (...,) f, px per cm.

    Returns:
        (..., n, 3) image x, y (y down) and depth, all px; larger depth is nearer.
    """
    xp = namespace(vertices)
    turned = vertices @ xp.swapaxes(matrix_from_euler(euler_rad), -1, -2)
    place = translation[..., :2] @ constant(_TO_THREE, translation)
    return turned * (scale[..., None, None] * constant(_IMAGE_Y_IS_DOWN, vertices)) + place[..., None, :]


def fit_pose(vertices: Float32, points: Float32, weights: Float32 | None = None) -> tuple[Float32, Float32, float]:
    """Pose of known points in closed form: affine camera by least squares, then the nearest scaled rotation.

    Args:
        vertices: (n, 3) model frame, cm; n >= 4, not in one plane.
        points: (n, 2) image px.
        weights: (n,) non-negative, 1 by default.

    Returns:
        euler_rad (3,), translation (2,) px, scale px per cm.
    """
    w = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)
    total = w.sum()
    center3, center2 = (w @ vertices) / total, (w @ points) / total
    a, b = vertices - center3, points - center2
    b = b * [1.0, -1.0]  # image y is down
    affine = np.linalg.lstsq(a * np.sqrt(w)[:, None], b * np.sqrt(w)[:, None], rcond=None)[0].T  # (2, 3)
    left, singular, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right  # the nearest pair of orthonormal rows
    rotation = np.concatenate([rows, np.cross(rows[0], rows[1])[None]])
    projected = a @ rows.T
    scale = float((w[:, None] * projected * b).sum() / max((w[:, None] * projected**2).sum(), 1e-12))
    translation = center2 - scale * (rows @ center3) * [1.0, -1.0]
    return euler_from_matrix(rotation).astype(np.float32), translation.astype(np.float32), scale
