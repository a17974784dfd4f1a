"""300W-LP: landmarks after the turn, mirror images, one person a photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rdr_core.data.published.w300lp import read_w300lp
from rdr_core.landmarks import MIRROR

DotNumbers = Callable[[np.ndarray, np.ndarray], list[int]]


def test_turned_faces_and_their_mirror_images(imitation: Callable[[str], Path], dot_numbers: DotNumbers) -> None:
    samples = {sample.name: sample for sample in read_w300lp(imitation("300w-lp")).samples}
    expected = {
        "AFW/AFW_134212_1_0.jpg": list(range(68)),
        "AFW/AFW_134212_1_1.jpg": list(range(68)),
        "AFW_Flip/AFW_134212_1_0.jpg": MIRROR.tolist(),
    }
    assert samples.keys() == expected.keys()
    for name, numbers in expected.items():
        sample = samples[name]
        assert sample.shape is not None
        assert sample.landmarks_3d is not None
        assert sample.person == "AFW_134212_1"
        assert dot_numbers(sample.read_image(), sample.shape) == numbers
        np.testing.assert_allclose(sample.shape % 1, 0.5)
    plain, mirrored = samples["AFW/AFW_134212_1_0.jpg"], samples["AFW_Flip/AFW_134212_1_0.jpg"]
    assert plain.landmarks_3d is not None
    assert mirrored.landmarks_3d is not None
    np.testing.assert_allclose(plain.landmarks_3d - plain.shape, 0.25)
    np.testing.assert_allclose(mirrored.landmarks_3d - mirrored.shape, np.tile([-0.25, 0.25], (68, 1)))
    assert plain.euler_rad is not None
    np.testing.assert_allclose(mirrored.euler_rad, plain.euler_rad * [1, -1, -1], atol=1e-6)


def test_landmarks_of_a_mirror_image_are_read_where_they_are_there(imitation: Callable[[str], Path]) -> None:
    folder = imitation("300w-lp")
    (folder / "landmarks" / "AFW_Flip").mkdir()
    source = folder / "landmarks" / "AFW" / "AFW_134212_1_1_pts.mat"
    (folder / "landmarks" / "AFW_Flip" / "AFW_134212_1_0_pts.mat").write_bytes(source.read_bytes())
    samples = {sample.name: sample for sample in read_w300lp(folder).samples}
    given, plain = samples["AFW_Flip/AFW_134212_1_0.jpg"], samples["AFW/AFW_134212_1_1.jpg"]
    assert given.shape is not None
    np.testing.assert_array_equal(given.shape, plain.shape)
