"""The similarity that takes points nearest to others (Procrustes)."""

from __future__ import annotations

import numpy as np

from rdr_core.types import Float32


def similarity(points: Float32, onto: Float32) -> tuple[float, Float32, Float32]:
    """Scale, rotation (3, 3) and offset (3,) that take (n, 3) points nearest to others in the least squares sense."""
    center, target = points.mean(axis=0), onto.mean(axis=0)
    left, singular, right = np.linalg.svd((points - center).T @ (onto - target))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(right.T @ left.T))])
    rotation = right.T @ flip @ left.T
    scale = float((singular * np.diag(flip)).sum() / ((points - center) ** 2).sum())
    return scale, rotation, target - scale * rotation @ center


def aligned(points: Float32, onto: Float32) -> Float32:
    """(n, 3) points moved, turned and scaled nearest to others."""
    scale, rotation, offset = similarity(points, onto)
    return scale * points @ rotation.T + offset
