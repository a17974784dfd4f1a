"""Expression and identity coefficients against a known truth."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.evaluation.coefficients import correlations, expression_table, shown_expressions, spreads

RNG = np.random.default_rng(0)


def test_correlations() -> None:
    truth = RNG.uniform(0, 1, (200, 4))
    values = np.stack([2 * truth[:, 0] + 1, -truth[:, 1], RNG.uniform(0, 1, 200), np.full(200, 0.3)], axis=1)
    found = correlations(values, truth)
    np.testing.assert_allclose(found[:2], [1, -1], atol=1e-9)
    assert found[2] == pytest.approx(np.corrcoef(values[:, 2], truth[:, 2])[0, 1])
    assert np.isnan(found[3])


def test_table_is_sorted_by_correlation() -> None:
    truth = RNG.uniform(0, 1, (100, 3))
    values = np.stack([1 - truth[:, 0], np.zeros(100), truth[:, 2] / 2], axis=1)
    table = expression_table(values, truth, ("against", "silent", "half"))
    assert [row.name for row in table.rows] == ["half", "against", "silent"]
    half, against, silent = (row.values for row in table.rows)
    assert half[0] == pytest.approx(truth[:, 2].mean() / 2)
    assert (half[1], against[1]) == (pytest.approx(1), pytest.approx(-1))
    assert silent[:2] == (pytest.approx(truth[:, 1].mean()), None)
    assert half[3] == pytest.approx(truth[:, 2].std())


@pytest.mark.parametrize(("count", "rows"), [(46, 11), (10, 11), (7, 8), (3, 4)])
def test_shown_are_the_best_and_the_worst(count: int, rows: int) -> None:
    truth = RNG.uniform(0, 1, (50, count))
    noise = RNG.uniform(0, 1, (50, count)) * np.linspace(0, 3, count)
    table = expression_table(truth + noise, truth, [f"e{k}" for k in range(count)])
    shown = shown_expressions(table)
    assert len(shown.rows) == rows
    assert shown.rows[0].name == f"mean of {count}"
    errors = [row.values[0] for row in table.rows]
    assert shown.rows[0].values[0] == pytest.approx(np.mean([e for e in errors if e is not None]))
    names = [row.name for row in shown.rows[1:]]
    assert len(set(names)) == len(names)
    assert names[0] == table.rows[0].name
    assert names[-1] == table.rows[-1].name


def test_spreads() -> None:
    """300 people of 20 pictures each, their means 2 apart, their pictures 0.5."""
    means = 2 * RNG.standard_normal((300, 1, 10))
    values = (means + 0.5 * RNG.standard_normal((300, 20, 10))).reshape(-1, 10)
    within, between = spreads(values, np.repeat(np.arange(300), 20))
    assert within == pytest.approx(0.5, rel=0.02)
    assert between == pytest.approx(2, rel=0.05)


def test_spreads_that_cannot_be_told() -> None:
    within, between = spreads(RNG.standard_normal((5, 3)), np.arange(5))
    assert np.isnan(within)
    assert between > 0
    within, between = spreads(RNG.standard_normal((5, 3)), np.zeros(5, int))
    assert within > 0
    assert np.isnan(between)
