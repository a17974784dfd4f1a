"""AFLW as CSV: 19 points or 21."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rdr_core.data.published.aflw_csv import read_aflw_csv
from rdr_core.errors import DataError

DotNumbers = Callable[[np.ndarray, np.ndarray], list[int]]


def test_both_flavours(imitation: Callable[[str], Path], dot_numbers: DotNumbers) -> None:
    folder = imitation("aflw-csv")
    first, second, third = read_aflw_csv(folder).samples
    assert first.name == "data/flickr/0/image00002.jpg#aflw.csv#1"
    assert third.name == "0/image00002.jpg#face_landmarks_aflw_train.csv#1"
    assert first.image_path == third.image_path == folder / "data" / "flickr" / "0" / "image00002.jpg"
    for sample, scheme, n_points in ((first, "aflw21", 21), (third, "aflw19", 19)):
        assert sample.other is not None
        assert sample.other.scheme == scheme
        assert dot_numbers(sample.read_image(), sample.other.points) == list(range(n_points))
    assert first.other is not None
    assert first.other.visible is not None
    assert first.other.visible.all()
    assert first.face_box_xyxy is not None
    assert first.face_box_xyxy.tolist() == [10, 20, 110, 130]
    assert third.other is not None
    assert third.other.visible is None  # the file does not say
    assert third.face_box_xyxy is not None
    assert third.face_box_xyxy.tolist() == [10, 25, 110, 125]  # 200 x 0.5 px about (60, 75)
    assert second.other is not None
    assert second.other.visible is not None
    assert second.other.visible.tolist() == [True, False] * 10 + [True]
    assert np.isnan(second.other.points[1::2]).all()
    assert second.face_box_xyxy is None


def test_a_photo_in_two_places_is_not_guessed(imitation: Callable[[str], Path]) -> None:
    folder = imitation("aflw-csv")
    photo = folder / "images" / "0" / "image00002.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes((folder / "data" / "flickr" / "0" / "image00002.jpg").read_bytes())
    with pytest.raises(DataError, match=r"expected '0/image00002.jpg' in one of the folders .*, got 2 of them"):
        read_aflw_csv(folder)
