"""68 landmarks as the points of other sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rdr_core.data.aflw2000 import read_aflw2000
from rdr_core.data.published.aflw import POINT_NAMES
from rdr_core.errors import DataError
from rdr_core.evaluation.nme import box_size
from rdr_core.evaluation.point_schemes import AFLW21, CANDIDATES, describe, recover_groups, to_aflw21, to_scheme
from rdr_core.landmarks import MIRROR


def test_points_of_aflw() -> None:
    """Counted from 1, as the benchmark's own code has them."""
    numbers = np.arange(1, 69, dtype=float)
    landmarks = np.stack([numbers, -numbers], axis=-1)[None]
    points = to_scheme(landmarks, AFLW21)[0, :, 0]
    assert points.tolist() == [
        18, 20, 22, 23, 25, 27, 37, 39.5, 40, 43, 45.5, 46, 3, 32, 31, 36, 15, 49, 64.5, 55, 9
    ]  # fmt: skip
    assert (to_scheme(landmarks, AFLW21)[0, :, 1] == -points).all()


def test_left_and_right_mirror_each_other() -> None:
    """LeftEar mirrors RightEar, and so on, and so do the landmarks that they are made of."""
    other = {"Left": "Right", "Right": "Left"}

    def mirrored(name: str) -> str:
        for side in ("LeftBrow", "RightBrow", "LeftEye", "RightEye", "LeftEar", "RightEar", "Nose", "Mouth", "Chin"):
            if name.startswith(side):
                start = next((other[s] + side[len(s) :] for s in other if side.startswith(s)), side)
                rest = name[len(side) :]
                return start + next((other[s] + rest[len(s) :] for s in other if rest.startswith(s)), rest)
        raise AssertionError(name)

    for index, name in enumerate(POINT_NAMES):
        partner = AFLW21[POINT_NAMES.index(mirrored(name))]
        assert {int(MIRROR[k]) for k in AFLW21[index]} == set(partner), name


def test_ears_and_chin_are_the_heads_own_points() -> None:
    shape, own = np.zeros((2, 68, 2)), np.ones((2, 68, 3))
    points = to_aflw21(shape, own)
    from_head = [POINT_NAMES[k] for k in np.flatnonzero(points[0, :, 0])]
    assert from_head == ["LeftEar", "RightEar", "ChinCenter"]


def test_aflw_of_real_annotations(rdr_data: Any) -> None:
    """Fitted landmarks as 21 points lie where AFLW's annotators put them; recognised points are those of the table."""
    faces = [face.sample for face in read_aflw2000(rdr_data)]
    truth = np.stack([s.other.points for s in faces if s.other is not None])
    visible = np.stack([s.other.visible for s in faces if s.other is not None])
    landmarks = np.stack([s.landmarks_3d for s in faces if s.landmarks_3d is not None])
    size = box_size(landmarks)
    distance = np.linalg.norm(to_scheme(landmarks[..., :2], AFLW21) - truth, axis=-1) / size[:, None]
    assert np.nanmax(np.nanmean(distance, axis=0)) < 0.05
    groups = recover_groups(truth, visible, landmarks[..., :2], size)
    for point, (found, expected) in enumerate(zip(groups, AFLW21, strict=True)):
        apart = to_scheme(landmarks[..., :2], (found,)) - to_scheme(landmarks[..., :2], (expected,))
        assert (np.linalg.norm(apart[:, 0], axis=-1) / size).mean() < 0.03, POINT_NAMES[point]


def test_recovered_whatever_the_order() -> None:
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(0, 100, (30, 68, 2))
    groups = tuple(CANDIDATES[k] for k in rng.permutation(len(CANDIDATES))[:34])
    points = to_scheme(landmarks, groups) + rng.normal(0, 1, (30, 34, 2))
    landmarks[3] = np.nan  # a face that was not found
    assert recover_groups(points, np.ones((30, 34), bool), landmarks, np.full(30, 100.0)) == groups


def test_what_cannot_be_told() -> None:
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(0, 100, (30, 68, 2))
    points = to_scheme(landmarks, CANDIDATES[:34])
    points[:, 7] += 500
    with pytest.raises(DataError, match=r"point 8 lies \d+% of the box off any landmark"):
        recover_groups(points, np.ones((30, 34), bool), landmarks, np.full(30, 100.0))
    hidden = np.arange(34) != 2
    with pytest.raises(DataError, match="point 3 is visible on 0 faces"):
        recover_groups(points, np.tile(hidden, (30, 1)), landmarks, np.full(30, 100.0))


def test_described_from_1() -> None:
    assert describe(((0,), (36, 37, 38))) == "1, 37..39"
