"""Published numbers are those that the papers give."""

from __future__ import annotations

import pytest

from rdr_core.evaluation import published
from rdr_core.evaluation.tables import Table

TABLES = [value for value in vars(published).values() if isinstance(value, Table)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_every_row_says_where_it_is_from(table: Table) -> None:
    assert table.rows
    for row in table.rows:
        assert row.source
        assert any(value is not None for value in row.values)


@pytest.mark.parametrize("table", [published.AFLW2000, published.AFLW21], ids=["aflw2000", "aflw21"])
def test_means_are_those_of_the_bins(table: Table) -> None:
    """A slip of the pen in one of the four shows."""
    whole = [row.values for row in table.rows if None not in row.values[:4]]
    assert whole
    for *bins, mean, _ in whole:
        assert sum(value or 0 for value in bins) / 3 == pytest.approx(mean, abs=0.011)


def test_full_is_the_weighted_mean_of_its_parts() -> None:
    rows = [
        row.values for table in (published.W300_OCULAR, published.W300_PUPIL) for row in table.rows if not row.about
    ]
    whole = [(common, hard, full) for common, hard, full in rows if None not in (common, hard, full)]
    assert len(whole) == 3
    for common, hard, full in whole:
        assert ((common or 0) * 554 + (hard or 0) * 135) / 689 == pytest.approx(full, abs=0.011)


def test_the_papers_rows() -> None:
    assert published.AFLW21.rows[0].values[:4] == (3.63, 4.29, 5.31, 4.41)
    assert published.W300_PUPIL.rows[0].values == (5.03, 8.95, 5.80)
    assert published.PIFA.rows[0].values == (4.11,)
    assert published.RECONSTRUCTION.rows[0].values == (3.33, 3.04)
