"""Expression step of the fit: bounded least squares in [0, 1] with a prior toward the neutral face (Cao 2013)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import lsq_linear

from rdr_core.types import Float32


def fit_expression(rows: Float32, residual: Float32, prior_weight: float) -> Float32:
    """Solve min |rows alpha - residual|^2 + prior_weight |alpha|^2 with 0 <= alpha <= 1.

    Args:
        rows: (m, E) effect of each coefficient on the weighted image coordinates.
        residual: (m,) what the neutral face leaves over.
        prior_weight: strength of the pull toward neutral.

    Returns:
        alpha_exp (E,).
    """
    n_expressions = rows.shape[1]
    matrix = np.concatenate([rows, np.sqrt(prior_weight) * np.eye(n_expressions)])
    target = np.concatenate([residual, np.zeros(n_expressions)])
    upper = np.linalg.cholesky(matrix.T @ matrix).T  # the same problem with E equations: several times faster
    solution = lsq_linear(upper, np.linalg.solve(upper.T, matrix.T @ target), bounds=(0, 1), method="bvls")
    return np.clip(solution.x, 0, 1).astype(np.float32)
