"""MATLAB files that are damaged, or larger inside than they look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat
from scipy.sparse import eye_array

from rdr_core.data.published.matlab import mat_array, read_mat
from rdr_core.errors import DataError


def test_reads_what_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"points": np.arange(6, dtype=np.int16).reshape(2, 3), "other": "text"})
    content = read_mat(path, "points", "missing")
    points = mat_array(content, "points", (2, 3), path)
    assert points.dtype == np.float32
    assert points.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert "other" not in content
    with pytest.raises(DataError, match=r"a\.mat: lacks `missing`"):
        mat_array(content, "missing", (2, 3), path)
    with pytest.raises(DataError, match="`points`: expected 68 x 2 numbers, got 2 x 3"):
        mat_array(content, "points", (68, 2), path)


def test_a_large_array_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"points": np.zeros((5000, 5000), np.int8)}, do_compression=True)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"`points` is int8 of shape \(5000, 5000\), expected an array of numbers"):
        read_mat(path, "points")
    assert read_mat(path, "another").keys() & {"points"} == set()


@pytest.mark.parametrize(
    "value", ["text", {"a": 1}, [["a", 1]], eye_array(3)], ids=["text", "struct", "cell", "sparse"]
)
def test_no_numbers(value: object, tmp_path: Path) -> None:
    content = np.array(value, object) if isinstance(value, list) else value
    savemat(tmp_path / "a.mat", {"points": content})
    with pytest.raises(DataError, match=r"`points` is .*, expected an array of numbers"):
        read_mat(tmp_path / "a.mat", "points")


@given(st.integers(0, 10_000), st.integers(1, 255), st.booleans())
def test_a_damaged_file_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int, cut: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.mat"
    savemat(path, {"points": np.arange(136.0).reshape(68, 2)})
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] ^= change
    path.write_bytes(content[: place + 1] if cut else content)
    refusal = ""
    try:
        mat_array(read_mat(path, "points"), "points", (68, 2), path)
    except DataError as error:
        refusal = str(error)
    assert "\n" not in refusal
