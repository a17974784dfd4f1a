"""Shares are kept, evenly, and every item of every source comes once and in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.errors import ConfigError
from rdr_core.training.mixture import PERIOD, Mixture

shares = st.lists(st.floats(0.01, 10), min_size=1, max_size=6)


@given(shares)
def test_items_are_numbered_without_gaps(values: list[float]) -> None:
    mixture = Mixture(values)
    seen = [0] * len(values)
    for row in range(2 * PERIOD + 7):
        source, item = mixture.place(row)
        assert item == seen[source]
        seen[source] += 1


@given(shares)
def test_shares_hold_everywhere_in_the_stream(values: list[float]) -> None:
    """In any batch a source has its share but for a few rows."""
    mixture, expected = Mixture(values), np.array(values) / sum(values)
    sources = np.array([mixture.place(row)[0] for row in range(PERIOD)])
    counts = np.bincount(sources, minlength=len(values))
    assert np.abs(counts - PERIOD * expected).max() <= len(values)
    assert counts.min() >= 1
    running = np.cumsum(sources[:, None] == np.arange(len(values)), axis=0)
    ideal = np.arange(1, PERIOD + 1)[:, None] * counts / PERIOD
    assert np.abs(running - ideal).max() <= len(values)


def test_halves_alternate() -> None:
    assert [Mixture([1, 1]).place(row)[0] for row in range(6)] == [0, 1, 0, 1, 0, 1]
    assert {Mixture([3.0]).place(row) for row in (0, PERIOD, 10**9)} == {(0, 0), (0, PERIOD), (0, 10**9)}


@pytest.mark.parametrize("wrong", [[], [0.0, 1.0], [-1.0], [float("nan")], [float("inf"), 1.0]])
def test_shares(wrong: list[float]) -> None:
    with pytest.raises(ConfigError, match="needs a positive share"):
        Mixture(wrong)
