"""Scaled orthographic projection and its closed-form inverse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.geometry.weak_perspective import fit_pose, project

EULER = st.tuples(st.floats(-1.4, 1.4), st.floats(-3.1, 3.1), st.floats(-3.1, 3.1)).map(np.array)
SHIFT = st.tuples(st.floats(-500, 500), st.floats(-500, 500)).map(np.array)
SCALE = st.floats(0.5, 80)


def cloud(seed: int = 0, n: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 5, (n, 3))


@given(EULER, SHIFT, SCALE)
def test_projection_agrees_in_numpy_and_torch(euler: np.ndarray, shift: np.ndarray, scale: float) -> None:
    ours = project(cloud(), euler, shift, np.float64(scale))
    tensors = (torch.from_numpy(a) for a in (cloud(), euler, shift, np.asarray(scale)))
    np.testing.assert_allclose(project(*tensors).numpy(), ours, rtol=1e-9, atol=1e-9)


def test_projection_by_hand() -> None:
    """The model's y is up and the image's down; depth grows toward the viewer."""
    image = project(np.array([[1.0, 2.0, 3.0]]), np.zeros(3), np.array([100.0, 200.0]), np.float64(10))
    assert image.tolist() == [[110, 180, 30]]


def test_batches_and_an_unused_third_translation() -> None:
    euler = np.array([[0.1, 0.2, 0.3], [0.3, -1.0, 0.0]])
    shift = np.array([[1.0, 2.0, 77.0], [3.0, 4.0, -5.0]])
    batch = project(np.stack([cloud(1), cloud(2)]), euler, shift, np.array([3.0, 4.0]))
    for row in range(2):
        one = project(cloud(row + 1), euler[row], shift[row, :2], np.float64([3, 4][row]))
        np.testing.assert_allclose(batch[row], one, atol=1e-9)


@given(EULER, SHIFT, SCALE)
def test_fit_pose_recovers_a_known_camera(euler: np.ndarray, shift: np.ndarray, scale: float) -> None:
    points = project(cloud(), euler, shift, np.float64(scale))[:, :2]
    found_euler, found_shift, found_scale = fit_pose(cloud(), points)
    np.testing.assert_allclose(matrix_from_euler(found_euler), matrix_from_euler(euler), atol=1e-4)
    np.testing.assert_allclose(found_shift, shift, atol=1e-3 * scale + 1e-3)
    assert found_scale == pytest.approx(scale, rel=1e-5)


def test_fit_pose_ignores_points_of_no_weight() -> None:
    euler, shift = np.array([0.2, -0.9, 0.1]), np.array([40.0, 60.0])
    points = project(cloud(), euler, shift, np.float64(7))[:, :2]
    points[3] += 500
    weights = np.ones(12)
    weights[3] = 0
    np.testing.assert_allclose(fit_pose(cloud(), points, weights)[0], euler, atol=1e-5)
    assert np.abs(fit_pose(cloud(), points)[0] - euler).max() > 0.05


def test_fit_pose_under_noise_is_the_better_the_more_points() -> None:
    rng = np.random.default_rng(3)
    euler = np.array([0.1, 0.6, -0.2])

    def error(n: int) -> float:
        deviations = []
        for seed in range(20):
            points = project(cloud(seed, n), euler, np.zeros(2), np.float64(10))[:, :2] + rng.normal(0, 3, (n, 2))
            deviations.append(np.abs(fit_pose(cloud(seed, n), points)[0] - euler).mean())
        return float(np.mean(deviations))

    assert error(80) < 0.5 * error(8)
