"""AFLW-PIFA (Jourabloo and Liu 2015): 5,200 AFLW faces of all poses, 34 points each, hidden ones too. Research-only.

The release is two MATLAB lists and two folders of pictures:

    Landmark.mat      phisTr (3901, 102), phisT (1299, 102): 34 x, then 34 y, then 34 flags
    BoundingBox.mat   bboxesTr (3901, 4), bboxesT (1299, 4): x, y, width, height
    TrainImages/1.jpg ... 3901.jpg, TestImages/1.jpg ... 1299.jpg: the k-th row is k.jpg

File names, variables, counts and the order of the columns are as public code reads them. Not verified, for want of the
files: that a flag of 1 means visible, as in the paper (a list that would then hide most of its points is refused: it is
the other way round); that coordinates count from 1, as MATLAB's do; the order of the 34 points.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.published.matlab import MATLAB_TO_IMAGE_PX, read_mat
from rdr_core.data.reading import Broken, Reading, box_of_corner_and_size, check_picture, finite, name_in, read_each
from rdr_core.data.sample import FaceSample, PointSet
from rdr_core.errors import DataError
from rdr_core.types import Float32

N_POINTS: Final = 34
LISTS: Final = ("Landmark.mat", "BoundingBox.mat")
MIN_VISIBLE: Final = 0.4
"""Share of a list's points that must be visible. Even profiles show half of them; over all poses, flags that are read
the wrong way round leave less."""


@dataclass(frozen=True)
class _Row:
    """One face of the lists, as float64: not looked at yet."""

    points: np.ndarray
    """(102,) 34 x, 34 y, 34 flags."""
    box: np.ndarray
    """(4,) x, y, width, height."""


def read_aflw_pifa(folder: Path, broken: Broken = "fail") -> Reading:
    """Read both lists, training first: 34 points with `visible` in `other`, the box in `face_box_xyxy`."""
    landmarks = read_mat(folder / LISTS[0], "phisTr", "phisT")
    boxes = read_mat(folder / LISTS[1], "bboxesTr", "bboxesT")
    items = []
    for part, suffix in (("TrainImages", "Tr"), ("TestImages", "T")):
        rows = _rows(folder, landmarks.get(f"phis{suffix}"), boxes.get(f"bboxes{suffix}"), suffix)
        items += [(folder / part / f"{number}.jpg", (folder, row)) for number, row in enumerate(rows, 1)]
    return read_each(items, _face, folder, broken)


def _rows(folder: Path, points: np.ndarray | None, boxes: np.ndarray | None, suffix: str) -> list[_Row]:
    if points is None or boxes is None:
        raise DataError(f"{folder}: lacks phis{suffix} in {LISTS[0]} or bboxes{suffix} in {LISTS[1]}")
    if points.shape != (len(points), 3 * N_POINTS) or boxes.shape != (len(points), 4):
        raise DataError(
            f"{folder}: phis{suffix} and bboxes{suffix} must have {3 * N_POINTS} and 4 columns and as many rows, "
            f"got {points.shape} and {boxes.shape}"
        )
    visible = np.mean(points[:, 2 * N_POINTS :] == 1) if len(points) else 1.0
    if visible < MIN_VISIBLE:
        raise DataError(f"{folder}: phis{suffix} flags {visible:.0%} of its points, too few if a flag means visible")
    return [_Row(point, box) for point, box in zip(points, boxes, strict=True)]


def _face(path: Path, item: tuple[Path, _Row]) -> FaceSample:
    folder, row = item
    points, visible = _points(row.points, f"{path}, row of {LISTS[0]}")
    box = box_of_corner_and_size(row.box, f"{path}, row of {LISTS[1]}") + MATLAB_TO_IMAGE_PX
    picture = check_picture(path)
    return FaceSample(name_in(folder, picture), picture, other=PointSet("pifa34", points, visible), face_box_xyxy=box)


def _points(row: np.ndarray, where: str) -> tuple[Float32, np.ndarray]:
    coordinates = finite(row[: 2 * N_POINTS], (2 * N_POINTS,), where).reshape(2, N_POINTS).T
    flags = row[2 * N_POINTS :]
    if not np.isin(flags, (0, 1)).all():
        raise DataError(f"{where}: the flags of visibility must be 0 or 1, got {np.unique(flags)[:4]} ...")
    return coordinates + MATLAB_TO_IMAGE_PX, flags == 1
