"""Manifests, folders and single pictures; what is wrong with them is said in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rdr_core.data.manifest import read_faces
from rdr_core.data.sample import FaceSample, box_of, read_image
from rdr_core.errors import DataError

POINTS = np.random.default_rng(0).uniform(0, 100, (68, 2)).round(2).tolist()


def write(folder: Path, content: Any) -> Path:
    path = folder / "faces.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_manifest(tmp_path: Path) -> None:
    rows = [
        {"image": "a/one.jpg", "bbox_xyxy": [1, 2, 30, 40], "person": 7, "unknown": [1]},
        {"file": "two.png", "pts68": POINTS},
        {"file": str(tmp_path / "three.png")},
    ]
    one, two, three = read_faces(write(tmp_path, rows))
    assert (one.name, one.image_path, one.person) == ("a/one.jpg", tmp_path / "a/one.jpg", "7")
    assert one.box_xyxy is not None
    assert one.box_xyxy.tolist() == [1, 2, 30, 40]
    assert one.shape is None
    assert two.shape is not None
    np.testing.assert_allclose(two.shape, POINTS, atol=1e-4)
    np.testing.assert_allclose(two.box_xyxy, box_of(two.shape))  # from the landmarks where none is given
    assert three.image_path == tmp_path / "three.png"
    assert three.box_xyxy is None


WRONG = {
    "not JSON": ("{[", "not a JSON manifest"),
    "an object": ({"image": "a.jpg"}, "a JSON list of objects"),
    "a list of names": (["a.jpg"], "a JSON list of objects"),
    "empty": ([], "is empty"),
    "no name": ([{"bbox_xyxy": [0, 0, 1, 1]}], "object 0: needs `image` or `file`"),
    "a number for a name": ([{"image": 3}], "object 0: needs `image` or `file`"),
    "three numbers": ([{"image": "a", "bbox_xyxy": [1, 2, 3]}], "`bbox_xyxy` must be finite numbers of shape"),
    "words": ([{"image": "a", "bbox_xyxy": ["a", "b", "c", "d"]}], "`bbox_xyxy` must be finite"),
    "ragged": ([{"image": "a", "bbox_xyxy": [[1], 2, 3, 4]}], "`bbox_xyxy` must be finite"),
    "NaN": ('[{"image": "a", "bbox_xyxy": [0, 0, NaN, 4]}]', "`bbox_xyxy` must be finite"),
    "an overflow": ('[{"image": "a", "bbox_xyxy": [0, 0, 1e999, 4]}]', "`bbox_xyxy` must be finite"),
    "inside out": ([{"image": "a", "bbox_xyxy": [5, 5, 1, 1]}], "must have x0 < x1"),
    "67 points": (
        [{"image": "a", "pts68": POINTS[1:]}],
        r"object 0: `pts68` must be finite numbers of shape \(68, 2\)",
    ),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(content: Any, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        read_faces(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_binary_and_deep_manifests(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such manifest"):
        read_faces(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00\x80" * 50)
    with pytest.raises(DataError, match="not a JSON manifest"):
        read_faces(tmp_path / "binary.json")
    with pytest.raises(DataError, match="not a JSON manifest"):
        read_faces(write(tmp_path, "[" * 200_000))


def test_folder_and_single_picture(tmp_path: Path) -> None:
    picture = np.full((20, 30, 3), 90, np.uint8)
    for name in ("b.PNG", "a.jpg", "c.webp"):
        cv2.imwrite(str(tmp_path / name), picture)
    (tmp_path / "notes.txt").write_text("no picture")
    assert [sample.name for sample in read_faces(tmp_path)] == ["a.jpg", "b.PNG", "c.webp"]
    (only,) = read_faces(tmp_path / "a.jpg")
    assert only.read_image().shape == (20, 30, 3)


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures in this folder"):
        read_faces(tmp_path)


def test_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such picture"):
        FaceSample("a", tmp_path / "a.jpg").read_image()
    (tmp_path / "text.jpg").write_text("this is no picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("text.jpg", "empty.jpg"):
        with pytest.raises(DataError, match="not a picture that can be read"):
            read_image(tmp_path / name)
