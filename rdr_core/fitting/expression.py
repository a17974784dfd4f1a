"""Expression step of the fit: bounded least squares in [0, 1] with a prior toward the neutral face (Cao 2013)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import lsq_linear

from rdr_core.types import Float32

_STD: Final = {
    0.5: "EyeClose_L EyeClose_R JawOpen MouthSmile_L MouthSmile_R MouthFunnel MouthPucker",
    0.28: "BrowDown_L BrowDown_R BrowInnerUp BrowOuterUp_L BrowOuterUp_R EyeWide_L EyeWide_R "
    "MouthLeft MouthRight JawLeft JawRight",
}
"""Spread of expressions that people make fully and landmarks show, then of those that identity is easily mistaken
for."""
_OTHER_STD: Final = 0.14


def expression_std(names: Sequence[str]) -> Float32:
    """Spread of each coefficient about neutral: the prior. (E,) for E names.

    One spread for all would explain an open mouth by a little of everything: an avatar would mumble where it should
    open its jaw.
    """
    spread = {name: std for std, group in _STD.items() for name in group.split()}
    return np.array([spread.get(name, _OTHER_STD) for name in names], np.float32)


def fit_expression(rows: Float32, residual: Float32, prior_weight: Float32) -> Float32:
    """Solve min |rows alpha - residual|^2 + sum(prior_weight alpha^2) with 0 <= alpha <= 1.

    Args:
        rows: (m, E) effect of each coefficient on the weighted image coordinates.
        residual: (m,) what the neutral face leaves over.
        prior_weight: (E,) strength of the pull toward neutral.

    Returns:
        alpha_exp (E,).
    """
    matrix = np.concatenate([rows, np.diag(np.sqrt(prior_weight))])
    target = np.concatenate([residual, np.zeros(rows.shape[1])])
    upper = np.linalg.cholesky(matrix.T @ matrix).T  # the same problem with E equations: several times faster
    solution = lsq_linear(upper, np.linalg.solve(upper.T, matrix.T @ target), bounds=(0, 1), method="bvls")
    return np.clip(solution.x, 0, 1).astype(np.float32)
