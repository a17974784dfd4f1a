"""300-W of the data folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rdr_core.data.w300 import read_w300
from rdr_core.errors import DataError
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_OUTER


@pytest.mark.parametrize(("split", "count"), [("train", 2012), ("common", 554)])
def test_counts_and_order(rdr_data: Path, split: str, count: int) -> None:
    samples = read_w300(rdr_data, split)
    assert len(samples) == len({sample.name for sample in samples}) == count
    points = np.stack([sample.shape for sample in samples if sample.shape is not None])
    assert points.shape == (count, 68, 2)
    assert points.dtype == np.float32
    right, left, mouth = (points[:, group].mean(axis=1) for group in (EYE_RIGHT, EYE_LEFT, LIPS_OUTER))
    assert (right[:, 0] < left[:, 0]).mean() > 0.99  # the subject's right eye is left in the image
    assert (mouth[:, 1] > (right[:, 1] + left[:, 1]) / 2).mean() > 0.99


def test_landmarks_lie_in_their_pictures(rdr_data: Path) -> None:
    for sample in read_w300(rdr_data, "common")[::100]:
        height, width = sample.read_image().shape[:2]
        assert sample.shape is not None
        assert (sample.shape.mean(axis=0) > 0).all()
        assert (sample.shape.mean(axis=0) < [width, height]).all()


def test_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="splits train and common, got 'test'"):
        read_w300(tmp_path, "test")
    with pytest.raises(DataError, match="no such manifest"):
        read_w300(tmp_path, "train")
