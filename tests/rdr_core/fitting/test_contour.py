"""Landmarks as points between two vertices."""

from __future__ import annotations

import numpy as np

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.fitting.contour import INNER_ONLY, frontal_landmarks, own_landmarks, visible_landmarks
from rdr_core.landmarks import INNER, JAW


def test_fixed_landmarks_are_the_models(face_model: DynamicExpressionModel) -> None:
    face, topology = face_model.face(), face_model.topology
    subset = face[topology.subset]
    np.testing.assert_array_equal(frontal_landmarks(topology).on(subset), face[topology.landmarks])
    np.testing.assert_array_equal(own_landmarks(topology).on(subset), face[topology.own])


def test_visible_landmarks_move_the_jaw_only(face_model: DynamicExpressionModel) -> None:
    subset = face_model.face()[face_model.topology.subset]
    fixed = frontal_landmarks(face_model.topology).on(subset)
    visible = visible_landmarks(face_model.topology, subset, np.radians([0.0, 50, 0])).on(subset)
    np.testing.assert_array_equal(visible[INNER], fixed[INNER])
    moved = np.linalg.norm(visible[JAW] - fixed[JAW], axis=1)
    assert moved[10:16].min() > 1  # looking to the right of the image, the subject's left cheek hides its jaw line


def test_visible_landmarks_mirror(face_model: DynamicExpressionModel) -> None:
    subset = face_model.face()[face_model.topology.subset]
    right = visible_landmarks(face_model.topology, subset, np.radians([5.0, 40, 0])).on(subset)[JAW]
    left = visible_landmarks(face_model.topology, subset, np.radians([5.0, -40, 0])).on(subset)[JAW]
    assert np.linalg.norm(right[::-1] * [-1, 1, 1] - left, axis=1).mean() < 0.4


def test_landmarks_are_linear_in_the_shape(face_model: DynamicExpressionModel) -> None:
    neutral, offsets = face_model.landmark_tensor.contract_identity(face_model.identity_mean)
    vertices = visible_landmarks(face_model.topology, neutral, np.radians([0.0, 50, 0]))
    both = vertices.on(np.stack([neutral, offsets[3], neutral + 2 * offsets[3]]))
    np.testing.assert_allclose(both[2], both[0] + 2 * both[1], atol=1e-4)


def test_first_pass_leaves_the_contour_out() -> None:
    assert INNER_ONLY[JAW].max() == 0
    assert INNER_ONLY[INNER].min() == 1
