"""AFLW-PIFA: rows of the lists and their pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rdr_core.data.published.aflw_pifa import read_aflw_pifa


def test_rows_and_pictures(
    imitation: Callable[[str], Path], dot_numbers: Callable[[np.ndarray, np.ndarray], list[int]]
) -> None:
    samples = read_aflw_pifa(imitation("aflw-pifa")).samples
    assert [sample.name for sample in samples] == ["TrainImages/1.jpg", "TrainImages/2.jpg", "TestImages/1.jpg"]
    for number, sample in enumerate(samples):
        assert sample.other is not None
        assert sample.other.visible is not None
        assert sample.other.scheme == "pifa34"
        assert dot_numbers(sample.read_image(), sample.other.points) == list(range(34))
        np.testing.assert_allclose(sample.other.points % 1, 0.5)
        assert sample.other.visible.dtype == bool
        assert sample.other.visible.tolist() == [k % 4 != number for k in range(34)]  # hidden ones have a place, too
        assert sample.face_box_xyxy is not None
        assert sample.face_box_xyxy.tolist() == [10.5, 20.5, 110.5, 130.5]
