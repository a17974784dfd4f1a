"""Vertex errors of faces that are changed in known ways."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.evaluation.nme import box_size
from rdr_core.evaluation.reconstruction import REGION_CM, FaceRegion, posed_error, shape_error
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.types import Pose


@pytest.fixture(scope="module")
def region(face_model: DynamicExpressionModel) -> FaceRegion:
    return FaceRegion(face_model)


def test_region_is_the_front_of_the_face(region: FaceRegion, face_model: DynamicExpressionModel) -> None:
    mean = face_model.face()
    own = face_model.topology.own
    inside = np.isin(own, region.vertices)
    assert inside[17:].all()  # brows, nose, eyes, mouth
    assert not inside[[0, 16]].any()  # beside the ears
    assert np.linalg.norm(mean[region.vertices] - mean[own[30]], axis=1).max() < REGION_CM


def test_faces_are_those_of_the_model(region: FaceRegion, face_model: DynamicExpressionModel) -> None:
    rng = np.random.default_rng(0)
    alpha_id = (face_model.identity_mean + face_model.identity_std * rng.standard_normal(50)).astype(np.float32)
    alpha_exp = rng.uniform(0, 1, (2, 46)).astype(np.float32)
    neutral, expressive = region.faces(alpha_id, alpha_exp)
    np.testing.assert_allclose(neutral, face_model.face(alpha_id)[region.vertices], atol=1e-4)
    for k in range(2):
        np.testing.assert_allclose(expressive[k], face_model.face(alpha_id, alpha_exp[k])[region.vertices], atol=1e-4)
    points = face_model.face(alpha_id)[face_model.topology.own]
    assert region.size_cm(alpha_id) == pytest.approx(float(box_size(points[None])[0]), rel=1e-4)


def test_shape_error_knows_no_place_turn_or_size(region: FaceRegion, face_model: DynamicExpressionModel) -> None:
    truth, _ = region.faces(face_model.identity_mean, np.zeros((1, 46), np.float32))
    moved = 1.2 * truth @ matrix_from_euler(np.array([0.2, -0.5, 0.1])).T + [3, 4, 5]
    assert shape_error(moved, truth, 15.0) == pytest.approx(0, abs=1e-6)


def test_golden_shape_error() -> None:
    """Each corner of a cube is 0.5 cm too far out: a larger cube is no error, a stretched one is."""
    cube = np.array([[x, y, z] for x in (-1.0, 1) for y in (-1, 1) for z in (-1, 1)])
    assert shape_error(1.5 * cube, cube, 2.0) == pytest.approx(0, abs=1e-9)
    stretched = cube * [1, 1, 2]
    # The best scale is (1 + 1 + 2) / (1 + 1 + 4) = 2 / 3: corners at (2/3, 2/3, 4/3), each sqrt(3) / 3 off.
    assert shape_error(stretched, cube, 2.0) == pytest.approx(np.sqrt(3) / 3 / 2)


def test_golden_posed_error() -> None:
    """5 px to the side and nearer or not, of a box of 100 px; then a turn by half around the axis of view."""
    points = np.random.default_rng(0).normal(size=(50, 3))
    points -= points.mean(axis=0)
    pose = Pose(np.zeros(3), np.array([50.0, 60, 0]), 10.0)
    moved = Pose(np.zeros(3), np.array([53.0, 64, 0]), 10.0)
    assert posed_error(points, moved, points, pose, 100.0) == pytest.approx(0.05)
    assert posed_error(points + [0, 0, 7], pose, points, pose, 100.0) == pytest.approx(0, abs=1e-9)
    turned = Pose(np.array([0, 0, np.pi]), np.array([50.0, 60, 0]), 10.0)
    expected = 2 * 10 * np.linalg.norm(points[:, :2], axis=1).mean() / 100
    assert posed_error(points, turned, points, pose, 100.0) == pytest.approx(expected)
