"""How well expression and identity coefficients are told, where the truth is known.

M: faces.  E: expressions.  I: identity dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from rdr_core.evaluation.tables import Row, Table
from rdr_core.types import Float32

_LEAST_SPREAD: Final = 1e-6
EXPRESSION_COLUMNS: Final = ("mean error", "correlation", "true mean", "true spread")
SHOWN: Final = 5


def correlations(values: Float32, truth: Float32) -> Float32:
    """Pearson's correlation of each column of (M, E); NaN where a column never changes."""
    a, b = values - values.mean(axis=0), truth - truth.mean(axis=0)
    spread = np.sqrt((a**2).mean(axis=0) * (b**2).mean(axis=0))
    covariance = (a * b).mean(axis=0)
    return np.where(spread > _LEAST_SPREAD**2, covariance / np.maximum(spread, _LEAST_SPREAD**2), np.nan)


def expression_table(values: Float32, truth: Float32, names: Sequence[str]) -> Table:
    """Mean absolute error and correlation of each expression, best correlation first: (M, E) coefficients in [0, 1]."""
    error, agreement = np.abs(values - truth).mean(axis=0), correlations(values, truth)
    columns = np.stack([error, agreement, truth.mean(axis=0), truth.std(axis=0)], axis=1)
    order = np.argsort(-np.nan_to_num(agreement, nan=-2), kind="stable")
    rows = tuple(Row(names[k], tuple(None if np.isnan(v) else float(v) for v in columns[k])) for k in order)
    return Table("expressions", EXPRESSION_COLUMNS, rows, head="expression", digits=3, ranked=False)


def shown_expressions(table: Table) -> Table:
    """Best and worst rows of an `expression_table`, and the mean of all."""
    known = [[row.values[k] for row in table.rows] for k in range(len(table.columns))]
    means = tuple(_mean([value for value in column if value is not None]) for column in known)
    best, worst = table.rows[:SHOWN], table.rows[max(SHOWN, len(table.rows) - SHOWN) :]
    note = (
        "Coefficients in [0, 1]: mean absolute error and correlation with the truth over the faces, the five best and "
        "the five worst correlations. The error of always saying nothing is near the true mean."
    )
    rows = (Row(f"mean of {len(table.rows)}", means), *best, *worst)
    return Table("Expression coefficients", table.columns, rows, note, table.head, table.digits, ranked=False)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def spreads(values: Float32, person: np.ndarray) -> tuple[float, float]:
    """How far values lie from their person's mean, and people's means from each other: root mean squares.

    Args:
        values: (M, I), in units of the spread of the population.
        person: (M,) which person each is of.

    Returns:
        Spread within a person and between people, per dimension; NaN where nobody is there twice, or only one is.
    """
    people = [values[person == one] for one in np.unique(person)]
    means = np.stack([rows.mean(axis=0) for rows in people])
    freedom = sum(len(rows) - 1 for rows in people)
    squares = sum(float(((rows - mean) ** 2).sum()) for rows, mean in zip(people, means, strict=True))
    within = np.sqrt(squares / (freedom * values.shape[1])) if freedom else np.nan
    between = np.sqrt(means.var(axis=0, ddof=1).mean()) if len(means) > 1 else np.nan
    return float(within), float(between)
