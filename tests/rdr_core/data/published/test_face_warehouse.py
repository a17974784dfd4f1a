"""Photos of FaceWarehouse: order, person, y from the bottom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rdr_core.data.published.face_warehouse import read_face_warehouse


def test_testers_and_poses(
    imitation: Callable[[str], Path], dot_numbers: Callable[[np.ndarray, np.ndarray], list[int]]
) -> None:
    samples = read_face_warehouse(imitation("facewarehouse")).samples
    assert [(sample.person, Path(sample.name).name) for sample in samples] == [
        ("Tester_2", "pose_9.png"),
        ("Tester_2", "pose_10.png"),
        ("Tester_10", "pose_0.png"),
    ]
    for sample in samples:
        assert sample.other is not None
        assert sample.other.visible is None
        assert sample.other.scheme == "facewarehouse74"
        image = sample.read_image()
        assert image.shape[:2] == (480, 640)
        assert dot_numbers(image, sample.other.points) == list(range(74))
        np.testing.assert_allclose(sample.other.points % 1, 0.5, atol=1e-3)
