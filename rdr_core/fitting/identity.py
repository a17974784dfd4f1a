"""Identity step of the fit: least squares under the Gaussian prior of the training faces (Cao 2013)."""

from __future__ import annotations

import numpy as np

from rdr_core.types import Float32


def fit_identity(normal: Float32, gradient: Float32, mean: Float32, std: Float32) -> Float32:
    """Solve the normal equations plus the prior (alpha_id - mean) / std ~ N(0, 1).

    Args:
        normal: (I, I) sum over images of A^T A, A the effect of alpha_id on weighted coordinates (in standard
        deviations
            of their noise).
        gradient: (I,) sum of A^T (target - A mean).
        mean, std: (I,) the prior.

    Returns:
        alpha_id (I,).
    """
    scaled = normal * std[:, None] * std[None, :] + np.eye(len(std))
    return (mean + std * np.linalg.solve(scaled, std * gradient)).astype(np.float32)
