"""300-W as published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rdr_core.data.published.w300 import read_w300
from rdr_core.data.sample import box_of


def test_landmarks_lie_in_the_middle_of_their_pixels(
    imitation: Callable[[str], Path], dot_numbers: Callable[[np.ndarray, np.ndarray], list[int]]
) -> None:
    folder = imitation("300w")
    samples = read_w300(folder).samples
    assert [sample.name for sample in samples] == [
        "helen/trainset/1.jpg",
        "ibug/image_003_1.jpg",
        "lfpw/testset/image_0001.png",
    ]
    for sample in samples:
        assert sample.shape is not None
        assert sample.image_path == folder / sample.name
        assert sample.person is None
        assert dot_numbers(sample.read_image(), sample.shape) == list(range(68))
        np.testing.assert_allclose(sample.shape % 1, 0.5)
        np.testing.assert_allclose(sample.box_xyxy, box_of(sample.shape))


def test_a_part_of_the_layout(imitation: Callable[[str], Path]) -> None:
    folder = imitation("300w") / "lfpw" / "testset"
    assert [sample.name for sample in read_w300(folder).samples] == ["image_0001.png"]
