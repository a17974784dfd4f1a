"""AFLW as CSV, in the two flavours in public use. The photos are those of AFLW. Research-only.

19 points, as HRNet gives them out (face_landmarks_aflw_train.csv and ..._test.csv; ..._test_frontal.csv repeats some of
the test rows and is not read): the picture's name, scale, box_size, center_w, center_h, then original_K_x and
original_K_y. Every point has a position, visible or not, and the file does not say which. A face's square is 200 scale
px wide about its centre. The header is as a converter to this format writes it; the published file was not at hand.

21 points, as tools that export the database write them (aflw.csv): FILENAME, FACE_X, FACE_Y, FACE_WIDTH, FACE_HEIGHT,
then NAME_X and NAME_Y by the names of the points, empty where a point is not visible.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.published.aflw import POINT_NAMES, aflw_points
from rdr_core.data.reading import (
    Broken,
    Reading,
    box_of_corner_and_size,
    check_picture,
    finite,
    path_inside,
    read_each,
    read_text,
)
from rdr_core.data.sample import FaceSample, PointSet
from rdr_core.errors import DataError
from rdr_core.types import Float32

FILES: Final = ("aflw.csv", "face_landmarks_aflw_train.csv", "face_landmarks_aflw_test.csv")
PHOTO_FOLDERS: Final = ("", "images", "flickr", "data/flickr", "images/flickr")
"""Where the photos may lie below the folder of the CSV; their names count from there."""
_N19: Final = 19
_CENTRE: Final = ("scale", "box_size", "center_w", "center_h")
_COORDINATE: Final = re.compile(r"original_\d+_([xy])")
_RECTANGLE: Final = ("FACE_X", "FACE_Y", "FACE_WIDTH", "FACE_HEIGHT")
_COLUMNS_21: Final = tuple(f"{name}_{axis}" for name in POINT_NAMES for axis in "XY")
_EXTRA: Final = "too many"
_MISSING: Final = "too few"

Row = dict[str, str]


def read_aflw_csv(folder: Path, broken: Broken = "fail") -> Reading:
    """Read the CSV files of `FILES` that are in `folder`: points in `other`, the face's square or rectangle beside."""
    paths = [folder / name for name in FILES if (folder / name).is_file()]
    if not paths:
        raise DataError(f"{folder}: not AFLW as CSV, it has none of {', '.join(FILES)}")
    rows = (
        (path.with_name(f"{path.name}#{number}"), row) for path in paths for number, row in enumerate(_rows(path), 1)
    )
    return read_each(rows, _face, folder, broken)


def _rows(path: Path) -> list[Row]:
    """Rows by column; a row of another length is marked, so that only its face is broken."""
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restkey=_EXTRA, restval=_MISSING)
        header = [name.strip().lstrip("#") for name in reader.fieldnames or ()]
        reader.fieldnames = header
        rows = list(reader)
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file ({error})") from error
    if not (_is_19(header) or _is_21(header)):
        raise DataError(f"{path}: its columns are neither AFLW's 19 points nor its 21 points, got {header[:6]} ...")
    return rows


def _is_19(header: list[str]) -> bool:
    axes = [match[1] for name in header if (match := _COORDINATE.fullmatch(name))]
    return {*_CENTRE} <= {*header[1:]} and axes == ["x", "y"] * _N19


def _is_21(header: list[str]) -> bool:
    return {"FILENAME", *_RECTANGLE, *_COLUMNS_21} <= {*header}


def _face(where: Path, row: Row) -> FaceSample:
    if _EXTRA in row or _MISSING in row.values():
        raise DataError(f"{where}: has {'more' if _EXTRA in row else 'fewer'} columns than the header")
    name = row["FILENAME"] if "FILENAME" in row else next(iter(row.values()))
    picture = _photo(where.parent, name)
    points, box = (_points_21 if "FILENAME" in row else _points_19)(row, str(where))
    return FaceSample(f"{name}#{where.name}", picture, other=points, face_box_xyxy=box)


def _photo(folder: Path, name: str) -> Path:
    """Path of a photo; DataError where it lies in none, or in several, of the places."""
    found = [path for base in PHOTO_FOLDERS if (path := path_inside(folder / base, name)).is_file()]
    if len(found) != 1:
        places = ", ".join(base or "." for base in PHOTO_FOLDERS)
        raise DataError(f"{folder}: expected {name!r} in one of the folders {places}, got {len(found)} of them")
    return check_picture(found[0])


def _points_19(row: Row, where: str) -> tuple[PointSet, Float32]:
    points = finite([value for key, value in row.items() if _COORDINATE.fullmatch(key)], (2 * _N19,), where)
    scale, x, y = finite([row[key] for key in ("scale", "center_w", "center_h")], (3,), where)
    side = 200 * scale
    box = box_of_corner_and_size([x - side / 2, y - side / 2, side, side], where)
    return PointSet("aflw19", points.reshape(_N19, 2)), box


def _points_21(row: Row, where: str) -> tuple[PointSet | None, Float32 | None]:
    points = np.zeros((len(POINT_NAMES), 2), np.float32)
    visible = np.zeros(len(POINT_NAMES), bool)
    for index, name in enumerate(POINT_NAMES):
        words = [row[f"{name}_{axis}"] for axis in "XY"]
        if any(words):
            points[index] = finite(words, (2,), f"{where}, {name}")
            visible[index] = True
    rectangle = [row[key] for key in _RECTANGLE]
    box = box_of_corner_and_size(rectangle, where) if any(rectangle) else None
    return aflw_points(points, visible), box
