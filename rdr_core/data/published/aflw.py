"""AFLW (Koestinger et al. 2011): 25,000 photographed faces, up to 21 points each, only the visible ones. Research-only.

    aflw21   0-5 eyebrows, 6-11 eyes (each: corner, centre, corner), 12 ear, 13-15 nose, 16 ear, 17-19 mouth, 20 chin,
             from the left of the picture to the right: AFLW's "left" is the left of the picture, the subject's right
    aflw19   the same without the ears, hidden points guessed by annotators (Zhu et al. 2016)

Coordinates are mouse positions on the picture, so that the first pixel covers 0 to 1, as in our frame.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from rdr_core.data.reading import (
    Broken,
    Reading,
    box_of_corner_and_size,
    check_picture,
    finite,
    path_inside,
    read_each,
)
from rdr_core.data.sample import FaceSample, PointSet
from rdr_core.errors import DataError
from rdr_core.types import Float32

DATABASES: Final = ("aflw.sqlite", "data/aflw.sqlite", "aflw/data/aflw.sqlite")
"""Where the database lies below the folder that a user names."""
POINT_NAMES: Final = (
    "LeftBrowLeftCorner",
    "LeftBrowCenter",
    "LeftBrowRightCorner",
    "RightBrowLeftCorner",
    "RightBrowCenter",
    "RightBrowRightCorner",
    "LeftEyeLeftCorner",
    "LeftEyeCenter",
    "LeftEyeRightCorner",
    "RightEyeLeftCorner",
    "RightEyeCenter",
    "RightEyeRightCorner",
    "LeftEar",
    "NoseLeft",
    "NoseCenter",
    "NoseRight",
    "RightEar",
    "MouthLeftCorner",
    "MouthCenter",
    "MouthRightCorner",
    "ChinCenter",
)
"""The 21 points in order; `feature_id` in the database is the index plus one."""
N_POINTS: Final = len(POINT_NAMES)


@dataclass
class _Face:
    """What the tables say of a face, not looked at yet."""

    pictures: set[tuple[Any, Any]] = field(default_factory=set)
    """(db_id, filepath)."""
    boxes: set[tuple[Any, ...]] = field(default_factory=set)
    """(x, y, width, height)."""
    poses: set[tuple[Any, ...]] = field(default_factory=set)
    """(roll, pitch, yaw)."""
    points: list[tuple[Any, Any, Any]] = field(default_factory=list)
    """(feature_id, x, y)."""


def read_aflw(folder: Path, broken: Broken = "fail") -> Reading:
    """Read aflw.sqlite in `folder`, `folder`/data or `folder`/aflw/data, and the photos in flickr/ beside or above it.

    Each face has its points in `other` (scheme aflw21; None where it has none), its pose, and the rectangle of FaceRect
    in `face_box_xyxy`. A rectangle or pose that the tables give twice and differently, or a pose beyond a full turn, is
    left out.
    """
    path = find_database(folder)
    if path is None:
        raise DataError(f"{folder}: not AFLW, it has no {' or '.join(DATABASES)}")
    return read_each(
        ((Path(f"{path}#{face_id}"), (path, face_id, face)) for face_id, face in _read_tables(path)),
        _sample,
        folder,
        broken,
    )


def find_database(folder: Path) -> Path | None:
    """Return the path of AFLW's database below `folder`."""
    return next((folder / name for name in DATABASES if (folder / name).is_file()), None)


def aflw_points(points: Float32, visible: np.ndarray) -> PointSet | None:
    """Return (21, 2) points, NaN where not visible; None where none is."""
    if not visible.any():
        return None
    return PointSet("aflw21", np.where(visible[:, None], points, np.nan).astype(np.float32), visible)


def euler_of_face_pose(roll: float, pitch: float, yaw: float) -> Float32:
    """AFLW's angles -> (3,) pitch, yaw, roll in our signs, rad.

    AFLW's annotation tool decomposes the head's rotation as Rz(yaw) Ry(pitch) Rx(roll) about axes that point out of the
    face, to the subject's right and down. About our axes that is Ry(-yaw) Rx(-pitch) Rz(roll): our order, other signs.
    """
    return np.array([pitch, -yaw, -roll], np.float32)


def _read_tables(path: Path) -> Iterable[tuple[Any, _Face]]:
    """Faces by face_id; DataError where the file is no such database."""
    faces: dict[Any, _Face] = {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            photos = defaultdict(set)
            for file_id, db_id, filepath in database.execute("SELECT file_id, db_id, filepath FROM FaceImages"):
                photos[file_id, db_id].add((db_id, filepath))
            for face_id, file_id, db_id in database.execute(
                "SELECT face_id, file_id, db_id FROM Faces ORDER BY face_id"
            ):
                faces[face_id] = _Face(pictures=photos[file_id, db_id])
            for face_id, *box in database.execute("SELECT face_id, x, y, w, h FROM FaceRect"):
                if face_id in faces:
                    faces[face_id].boxes.add(tuple(box))
            for face_id, *pose in database.execute("SELECT face_id, roll, pitch, yaw FROM FacePose"):
                if face_id in faces:
                    faces[face_id].poses.add(tuple(pose))
            for face_id, *point in database.execute("SELECT face_id, feature_id, x, y FROM FeatureCoords"):
                if face_id in faces:
                    faces[face_id].points.append(tuple(point))
    except sqlite3.Error as error:
        raise DataError(f"{path}: not AFLW's database ({error})") from error
    return faces.items()


def _sample(where: Path, item: tuple[Path, Any, _Face]) -> FaceSample:
    path, face_id, face = item
    if len(face.pictures) != 1:
        raise DataError(f"{where}: expected one photo of this face in FaceImages, got {len(face.pictures)}")
    ((db_id, filepath),) = face.pictures
    name = f"{db_id}/{filepath}"
    beside = path_inside(path.parent, name)
    above = path_inside(path.parent.parent, name)
    picture = check_picture(above if above.is_file() and not beside.is_file() else beside)
    box = box_of_corner_and_size(next(iter(face.boxes)), f"{where}, FaceRect") if len(face.boxes) == 1 else None
    points = _points(face.points, str(where))
    euler = _euler(face.poses, str(where))
    return FaceSample(f"{name}#{face_id}", picture, euler_rad=euler, other=points, face_box_xyxy=box)


def _euler(poses: set[tuple[Any, ...]], where: str) -> Float32 | None:
    if len(poses) != 1:
        return None
    (pose,) = poses
    try:
        angles = np.array(pose, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}, FacePose: expected three angles, got {str(pose)[:60]!r}") from None
    if not (np.abs(angles) <= 2 * np.pi).all():  # NULL, or the annotation tool's mark of a pose that it could not find
        return None
    return euler_of_face_pose(*angles)


def _points(rows: list[tuple[Any, Any, Any]], where: str) -> PointSet | None:
    """Points of other features than the 21 are left out."""
    points = np.zeros((N_POINTS, 2), np.float32)
    visible = np.zeros(N_POINTS, bool)
    for feature_id, *point in rows:
        if not isinstance(feature_id, int) or not 1 <= feature_id <= N_POINTS:
            continue
        if visible[feature_id - 1]:
            raise DataError(f"{where}: has the point {POINT_NAMES[feature_id - 1]} twice in FeatureCoords")
        points[feature_id - 1] = finite(point, (2,), f"{where}, {POINT_NAMES[feature_id - 1]}")
        visible[feature_id - 1] = True
    return aflw_points(points, visible)
