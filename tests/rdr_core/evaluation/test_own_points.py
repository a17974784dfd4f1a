"""Own points are found again on heads whose own points are known."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.evaluation.own_points import (
    bin_weights,
    mirrored_vertices,
    nearest_vertices,
    projected_head,
)
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.types import FacePrediction, Pose


@pytest.fixture(scope="module")
def heads(face_model: DynamicExpressionModel) -> tuple[np.ndarray, np.ndarray]:
    """24 heads in all directions: vertices (M, n, 2), and which vertices."""
    rng = np.random.default_rng(0)
    vertices = np.flatnonzero(face_model.face()[:, 2] > 0)[::3]
    vertices = np.unique(np.concatenate([vertices, face_model.topology.own]))
    faces = []
    for number in range(24):
        alpha_id = face_model.identity_mean + face_model.identity_std * rng.normal(0, 0.5, 50)
        euler = np.array([rng.normal(0, 0.2), np.linspace(-1.4, 1.4, 24)[number], rng.normal(0, 0.2)], np.float32)
        pose = Pose(euler, np.array([100, 100, 0], np.float32), 8.0)
        nothing = np.zeros((68, 3), np.float32)
        face = FacePrediction(
            nothing[:, :2], nothing[:, :2], nothing, pose, np.zeros(46, np.float32), alpha_id.astype(np.float32), 1.0
        )
        faces.append(projected_head(face_model, vertices, face))
    return np.stack(faces), vertices


def test_known_points_are_found_through_noise(
    heads: tuple[np.ndarray, np.ndarray], face_model: DynamicExpressionModel
) -> None:
    projected, vertices = heads
    neutral = face_model.face()
    own = np.searchsorted(vertices, face_model.topology.own)
    rng = np.random.default_rng(1)
    truths = [projected[:, own] + rng.normal(0, 2, (len(projected), 68, 2)) for _ in range(2)]
    weight = np.full(len(projected), 1 / len(projected))
    found = nearest_vertices(projected, truths, weight, mirrored_vertices(neutral[vertices]))
    away = np.linalg.norm(neutral[vertices[found]] - neutral[vertices[own]], axis=1)
    assert np.median(away) < 0.3  # cm, with noise of a quarter of one on each point
    assert away.max() < 0.8


def test_both_sides_are_alike(heads: tuple[np.ndarray, np.ndarray], face_model: DynamicExpressionModel) -> None:
    projected, vertices = heads
    mirror = mirrored_vertices(face_model.face()[vertices])
    truth = projected[:, :68] + 30
    found = nearest_vertices(projected, [truth], np.ones(len(projected)), mirror)
    for right, left in ((0, 16), (17, 26), (36, 45), (48, 54)):
        assert found[left] == mirror[found[right]]


def test_bins_count_alike() -> None:
    yaw = np.array([5.0, 10, 20, 45, 80])
    weight = bin_weights(yaw, np.full(5, 2.0))
    np.testing.assert_allclose(weight * 2, [1 / 9, 1 / 9, 1 / 9, 1 / 3, 1 / 3])
