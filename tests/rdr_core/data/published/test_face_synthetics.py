"""FaceSynthetics: the head's own 68 points, and the pupils."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rdr_core.data.published.face_synthetics import read_face_synthetics


def test_faces(imitation: Callable[[str], Path], dot_numbers: Callable[[np.ndarray, np.ndarray], list[int]]) -> None:
    samples = read_face_synthetics(imitation("face-synthetics")).samples
    assert [sample.name for sample in samples] == ["000000.png", "000001.png", "000002.png"]
    for sample in samples:
        assert sample.other is not None
        assert sample.landmarks_3d is not None
        assert sample.shape is None  # its jaw is not the visible contour
        assert sample.other.scheme == "ibug70"
        assert dot_numbers(sample.read_image(), sample.other.points) == list(range(70))
        np.testing.assert_array_equal(sample.landmarks_3d, sample.other.points[:68])
