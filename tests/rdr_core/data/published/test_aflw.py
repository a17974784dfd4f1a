"""AFLW's database: points, rectangles, and the angles of its annotation tool."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from rdr_core.data.published.aflw import euler_of_face_pose, read_aflw
from rdr_core.errors import DataError
from rdr_core.geometry.rotation import matrix_from_euler

DotNumbers = Callable[[np.ndarray, np.ndarray], list[int]]
TURN = st.floats(-3.1, 3.1)
OUR_AXES = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
"""Rows: the tool's axes (out of the face, to the subject's right, down) in our frame (the subject's left, up, out)."""


def test_three_faces(imitation: Callable[[str], Path], dot_numbers: DotNumbers) -> None:
    folder = imitation("aflw")
    first, second, third = read_aflw(folder).samples
    assert [sample.name for sample in (first, second, third)] == [
        "flickr/0/image00002.jpg#39341",
        "flickr/2/image10000.jpg#39342",
        "flickr/2/image10000.jpg#39343",
    ]
    assert first.image_path == folder / "data" / "flickr" / "0" / "image00002.jpg"
    assert first.shape is first.box_xyxy is None
    assert first.other is not None
    assert first.other.visible is not None
    assert first.other.scheme == "aflw21"
    assert first.other.visible.all()
    assert dot_numbers(first.read_image(), first.other.points) == list(range(21))
    np.testing.assert_allclose(first.other.points % 1, 0.5)
    assert first.face_box_xyxy is not None
    assert first.face_box_xyxy.tolist() == [10, 20, 110, 130]
    np.testing.assert_allclose(first.euler_rad, [0.2, 0.3, -0.1], atol=1e-6)
    assert second.other is not None
    assert second.other.visible is not None
    assert second.other.visible.tolist() == [True, False] * 10 + [True]
    np.testing.assert_array_equal(np.isnan(second.other.points).any(axis=1), ~second.other.visible)
    assert dot_numbers(second.read_image(), second.other.points[::2]) == list(range(0, 21, 2))
    assert second.face_box_xyxy is second.euler_rad is None  # two rectangles, and an angle of 1000
    assert third.other is third.face_box_xyxy is third.euler_rad is None


def test_photos_beside_the_folder_of_the_database(imitation: Callable[[str], Path]) -> None:
    folder = imitation("aflw")
    (folder / "data" / "flickr").rename(folder / "flickr")
    assert read_aflw(folder).samples[0].image_path == folder / "flickr" / "0" / "image00002.jpg"


def test_a_folder_of_the_database_may_lead_nowhere_else(imitation: Callable[[str], Path]) -> None:
    folder = imitation("aflw")
    with closing(sqlite3.connect(folder / "data" / "aflw.sqlite")) as database:
        database.execute("UPDATE FaceImages SET db_id = '..'")
        database.execute("UPDATE Faces SET db_id = '..'")
        database.commit()
    with pytest.raises(DataError, match="leads out of the folder"):
        read_aflw(folder)


def test_columns_of_other_types(imitation: Callable[[str], Path]) -> None:
    """SQLite keeps any value in any column."""
    folder = imitation("aflw")
    with closing(sqlite3.connect(folder / "data" / "aflw.sqlite")) as database:
        database.executescript(
            "DROP TABLE Faces; CREATE TABLE Faces (face_id, file_id, db_id);"
            "INSERT INTO Faces VALUES ('../a/b', 'image00002.jpg', 'flickr'), (7, x'ff00', NULL), (NULL, 1, 2.5);"
            "DROP TABLE FeatureCoords; CREATE TABLE FeatureCoords (face_id, feature_id, x, y);"
            "INSERT INTO FeatureCoords VALUES ('../a/b', 8.0, 1, 1), ('../a/b', 'x', 1, 1), ('../a/b', NULL, 1, 1);"
        )
    reading = read_aflw(folder, "skip")
    assert [(sample.name, sample.other) for sample in reading.samples] == [("flickr/0/image00002.jpg#../a/b", None)]
    assert ["expected one photo" in reason for _, reason in reading.skipped] == [True, True]


def test_the_database_is_not_written(imitation: Callable[[str], Path]) -> None:
    folder = imitation("aflw")
    path = folder / "data" / "aflw.sqlite"
    before = path.read_bytes()
    path.chmod(0o444)
    assert len(read_aflw(folder).samples) == 3
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["aflw.sqlite", "flickr"]


@given(TURN, TURN, TURN)
def test_angles_are_those_of_the_annotation_tool(roll: float, pitch: float, yaw: float) -> None:
    tool = Rotation.from_euler("ZYX", [yaw, pitch, roll]).as_matrix()
    ours = matrix_from_euler(euler_of_face_pose(roll, pitch, yaw).astype(np.float64))
    np.testing.assert_allclose(ours, OUR_AXES.T @ tool @ OUR_AXES, atol=1e-6)
