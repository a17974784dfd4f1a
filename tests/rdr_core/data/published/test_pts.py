"""`.pts` files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.published.pts import read_pts
from rdr_core.errors import DataError

POINTS = st.lists(st.tuples(st.floats(-500, 5000, width=32), st.floats(-500, 5000, width=32)), min_size=68, max_size=68)


@given(POINTS, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["n_points: 68", "N_Points:  68 "]))
def test_reads_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[float, float]], end: str, count: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "a.pts"
    lines = ["version: 1", count, "{", *(f"{x!r} {y!r}" for x, y in points), "}"]
    path.write_bytes(end.join(lines).encode())
    np.testing.assert_allclose(read_pts(path), np.array(points) - 0.5, rtol=1e-6, atol=1e-4)


def test_another_number_of_points(tmp_path: Path) -> None:
    path = tmp_path / "a.pts"
    path.write_text("version: 1\nn_points: 2\n{\n1 2\n3 4\n}\n")
    assert read_pts(path, 2).tolist() == [[0.5, 1.5], [2.5, 3.5]]
    with pytest.raises(DataError, match="expected 68 points of two numbers, got 2 announced in 2 rows"):
        read_pts(path)
