"""AFLW2000-3D: its angles (X-Y-Z) and ours (Y-X-Z), counts and signs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.aflw2000 import (
    euler_of_pose_para,
    lp_euler_from_matrix,
    matrix_from_lp_euler,
    read_aflw2000,
)
from rdr_core.errors import DataError
from rdr_core.geometry.rotation import euler_from_matrix, matrix_from_euler

TURN = st.floats(-3.1, 3.1)
LP_EULER = st.tuples(TURN, st.floats(-1.5, 1.5), TURN).map(np.array)
"""Pitch, yaw, roll; X-Y-Z is singular at a yaw of 90 degrees."""


@given(LP_EULER)
def test_lp_angles_there_and_back(euler: np.ndarray) -> None:
    found = lp_euler_from_matrix(matrix_from_lp_euler(euler))
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * euler), atol=1e-6)


@given(LP_EULER)
def test_through_our_angles_and_back(euler: np.ndarray) -> None:
    """What the reader does, then what the evaluation does."""
    ours = euler_from_matrix(matrix_from_lp_euler(euler))
    found = lp_euler_from_matrix(matrix_from_euler(ours))
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * euler), atol=1e-5)


def test_single_angles_are_the_same_in_both_orders() -> None:
    for euler in np.radians([[20.0, 0, 0], [0, 70, 0], [0, 0, -40]]):
        np.testing.assert_allclose(matrix_from_lp_euler(euler), matrix_from_euler(euler), atol=1e-12)


def test_orders_differ_near_profile() -> None:
    euler = np.radians([15.0, 80, 10])
    ours = np.degrees(euler_from_matrix(matrix_from_lp_euler(euler)))
    assert abs(ours[0] - 15) > 10


def test_counts_and_signs(rdr_data: Path) -> None:
    faces = read_aflw2000(rdr_data)
    assert len(faces) == 500
    original = np.stack([face.sample.landmarks_3d for face in faces if face.sample.landmarks_3d is not None])
    assert original.shape == (500, 68, 3)
    reannotated = np.stack([face.reannotated for face in faces])
    assert reannotated.shape == (500, 68, 2)
    assert (reannotated % 1 == 0.5).mean() > 0.98  # centres of whole pixels
    euler = np.stack([face.sample.euler_rad for face in faces if face.sample.euler_rad is not None])
    angles = np.degrees(lp_euler_from_matrix(matrix_from_euler(euler)))
    counts = np.histogram(np.abs(angles[:, 1]), [0, 30, 60, 91])[0]
    assert counts.tolist() == [317, 102, 81]
    nose = original[:, 30, 0] - original[:, [36, 45], 0].mean(axis=1)
    turned = np.abs(angles[:, 1]) > 20
    assert (np.sign(nose[turned]) == np.sign(angles[turned, 1])).mean() > 0.98  # yaw > 0 looks to the right


def test_angles_turn_heads_back_to_the_front(rdr_data: Path) -> None:
    """With the rotation of its angles undone, a head's eyes are level and its nose is between them."""
    level, centred, turned = [], [], []
    for face in read_aflw2000(rdr_data)[::10]:
        points, euler = face.sample.landmarks_3d, face.sample.euler_rad
        assert points is not None
        assert euler is not None
        seen = points * [1, -1, 1]  # y up
        head = seen @ matrix_from_euler(euler.astype(np.float64))
        width = np.linalg.norm(head[45] - head[36])
        level.append(abs(head[45, 1] - head[36, 1]) / width)
        centred.append(abs(head[30, 0] - head[[36, 45], 0].mean()) / width)
        turned.append(abs(seen[30, 0] - seen[[36, 45], 0].mean()) / width)
    assert np.median(level) < 0.03
    assert np.median(centred) < 0.03 < 0.1 < np.median(turned)


def test_unknown_split_and_broken_manifest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="split dev is at hand, got 'test'"):
        read_aflw2000(tmp_path, "test")
    (tmp_path / "faces").mkdir()
    path = tmp_path / "faces" / "aflw2000_dev.json"
    path.write_text(json.dumps([{"file": "a.jpg", "yaw": 0, "pitch": 0, "roll": 0}]))
    with pytest.raises(DataError, match="object 0: needs file, pts68_3d"):
        read_aflw2000(tmp_path)


@given(st.tuples(TURN, st.floats(-1.5, 1.5), TURN))
def test_pose_para_has_the_other_yaw(angles: tuple[float, float, float]) -> None:
    pitch, yaw, roll = angles
    euler = euler_of_pose_para(np.array([[pitch, yaw, roll, 200, 210, 0, 0.001]]))
    found = lp_euler_from_matrix(matrix_from_euler(euler.astype(np.float64)))
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * np.array([pitch, -yaw, roll])), atol=1e-4)


def test_points_of_aflw_are_those_that_are_visible(rdr_data: Path) -> None:
    sets = [face.sample.other for face in read_aflw2000(rdr_data)]
    points = np.stack([s.points for s in sets if s is not None])
    visible = np.stack([s.visible for s in sets if s is not None and s.visible is not None])
    assert points.shape == (500, 21, 2)
    np.testing.assert_array_equal(np.isfinite(points).all(axis=-1), visible)
    assert 0.7 < visible.mean() < 0.85
