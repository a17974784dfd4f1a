"""AFLW2000-3D as published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rdr_core.data.aflw2000 import euler_of_pose_para
from rdr_core.data.published.aflw2000 import read_aflw2000


def test_faces(imitation: Callable[[str], Path], dot_numbers: Callable[[np.ndarray, np.ndarray], list[int]]) -> None:
    for sample in read_aflw2000(imitation("aflw2000")).samples:
        points, other = sample.landmarks_3d, sample.other
        assert points is not None
        assert other is not None
        assert points.shape == (68, 3)
        assert sample.shape is None
        image = sample.read_image()
        assert dot_numbers(image, points[:, :2]) == list(range(68))
        np.testing.assert_allclose(points[:, :2] % 1, 0.5)
        np.testing.assert_allclose(points[[0, -1], 2], [-60, 60])
        np.testing.assert_allclose(sample.euler_rad, euler_of_pose_para(np.array([[-0.4, 0.5, 0.1, 0, 0, 0, 0]])))
        assert other.scheme == "aflw21"
        assert other.visible is not None
        assert other.visible.tolist() == [True] * 5 + [False] * 16
        assert dot_numbers(image, other.points[:5]) == list(range(5))
        assert np.isnan(other.points[5:]).all()
