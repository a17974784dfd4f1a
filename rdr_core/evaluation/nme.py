"""Normalised mean error and what is derived from it."""

from __future__ import annotations

import numpy as np

from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.types import Float32


def inter_ocular(truth: Float32) -> Float32:
    """Distance of the outer eye corners, (M, 68, 2) -> (M,) px."""
    return np.linalg.norm(truth[:, EYE_RIGHT[0]] - truth[:, EYE_LEFT[3]], axis=-1)


def inter_pupil(truth: Float32) -> Float32:
    """Distance of the eyes' means, (M, 68, 2) -> (M,) px."""
    return np.linalg.norm(truth[:, EYE_RIGHT].mean(axis=1) - truth[:, EYE_LEFT].mean(axis=1), axis=-1)


def box_size(truth: Float32) -> Float32:
    """sqrt(w h) of the box of the landmarks, (M, 68, 2) -> (M,) px."""
    extent = truth[..., :2].max(axis=1) - truth[..., :2].min(axis=1)
    return np.sqrt(extent.prod(axis=-1))


def roi_size(truth: Float32) -> Float32:
    """Side of the square about the landmarks that 3DDFA's code cuts out, over 1.458: (M, 68, 2) -> (M,) px.

    That square is sqrt(2) times as wide as the larger side of the box; the factor makes it about as large as the box.
    """
    extent = truth[..., :2].max(axis=1) - truth[..., :2].min(axis=1)
    return np.sqrt(2) / 1.458 * extent.max(axis=-1)


def nme(predicted: Float32, truth: Float32, normaliser: Float32, visible: np.ndarray | None = None) -> Float32:
    """Mean landmark distance over the normaliser, as a share; 1 where nothing was found.

    Args:
        predicted: (M, L, 2) image px, NaN where nothing was found.
        truth: (M, L, 2) image px.
        normaliser: (M,) px.
        visible: (M, L) bool: the landmarks that count, at least one a face; all of them by default.

    Returns:
        (M,).
    """
    distance = np.linalg.norm(predicted - truth, axis=-1)
    if visible is not None:
        distance = np.where(visible, distance, 0) * (visible.shape[1] / np.maximum(visible.sum(axis=1), 1))[:, None]
    error = distance.mean(axis=-1) / normaliser
    return np.where(np.isfinite(error), error, 1.0)


def failure_rate(errors: Float32, limit: float) -> float:
    """Share of errors (M,) over the limit."""
    return float((errors > limit).mean())


def area_under_curve(errors: Float32, limit: float) -> float:
    """Area under the cumulative error curve up to the limit, over the limit: 1 is perfect."""
    return float(np.clip(1 - errors / limit, 0, 1).mean())
