"""The visible contour on parallel lines (Sec. 4.5), on an ellipsoid whose outline is known and on the face model.

Unit of the ellipsoid: half the height of the head.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.geometry.rotation import matrix_from_euler, turn_in_image
from rdr_core.geometry.silhouette import contour_on_lines, facing
from rdr_core.geometry.weak_perspective import project

AXES = np.array([0.7, 1.0, 0.8])
LINES = np.arange(17)


def ellipsoid_lines(vertices: int, reach_deg: float) -> np.ndarray:
    """(17, m, 3) lines on the ellipsoid from the cheek out to `reach_deg` from the front; 5-11 fan about the mouth."""
    angle = np.radians(np.linspace(15, reach_deg, vertices))
    lines = []
    for line in LINES:
        if 5 <= line <= 11:
            fan = np.radians(180 + (line - 4) * 22.5)
            across = AXES[:2] * [np.cos(fan), np.sin(fan)]
            points = np.outer(np.sin(angle), [*across, 0]) + np.outer(np.cos(angle), [0, 0, AXES[2]])
        else:
            height = 0.15 * (4 - line if line < 5 else line - 12)
            width = np.sqrt(1 - height**2) * (-1 if line < 5 else 1)
            points = np.stack([AXES[0] * width * np.sin(angle), np.full(vertices, height), np.cos(angle)], axis=1)
            points[:, 2] *= AXES[2] * abs(width)
        lines.append(points)
    return np.stack(lines)


def true_outline(euler: np.ndarray) -> np.ndarray:
    """(20000, 2) points of the ellipse that an orthographic camera sees."""
    rows = matrix_from_euler(euler)[:2]
    root = np.linalg.cholesky(rows @ np.diag(AXES**2) @ rows.T)
    angle = np.linspace(0, 2 * np.pi, 20_000)
    return (root @ np.stack([np.cos(angle), np.sin(angle)])).T * [1, -1]


def mean_distance(points: np.ndarray, outline: np.ndarray) -> float:
    return float(np.mean([np.linalg.norm(outline - point, axis=1).min() for point in points]))


def seen(lines: np.ndarray, euler: np.ndarray) -> np.ndarray:
    return project(lines, euler, np.zeros(2), np.float64(1))[..., :2]


def contour(points: np.ndarray) -> np.ndarray:
    step, weight = contour_on_lines(points)
    return points[LINES, step] * (1 - weight[:, None]) + points[LINES, step + 1] * weight[:, None]


def extreme_x(points: np.ndarray) -> np.ndarray:
    """The older rule: the leftmost or rightmost vertex of each line."""
    extreme = np.where(LINES < 8, points[..., 0].argmin(axis=1), points[..., 0].argmax(axis=1))
    return points[LINES, extreme]


@pytest.mark.parametrize(("vertices", "limit"), [(26, 1.5e-3), (60, 4e-4)])
def test_ellipsoid_at_yaw_30_pitch_30(vertices: int, limit: float) -> None:
    """Close to the true outline, much closer than the extreme-x rule; finer lines come closer."""
    euler = np.radians([30, 30, 0])
    points, outline = seen(ellipsoid_lines(vertices, 150), euler), true_outline(euler)
    assert mean_distance(contour(points), outline) < limit
    assert mean_distance(extreme_x(points), outline) > 0.02


@given(st.floats(-35, 35), st.floats(-40, 40))
def test_contour_of_the_ellipsoid_lies_on_its_outline(pitch_deg: float, yaw_deg: float) -> None:
    euler = np.radians([pitch_deg, yaw_deg, 0])
    found = contour(seen(ellipsoid_lines(60, 150), euler))
    assert mean_distance(found, true_outline(euler)) < 1e-3


@given(st.integers(0, 20), st.floats(0.3, 0.8))  # farther round, most lines are hidden from their start
def test_contour_lies_where_facing_crosses_zero(seed: int, yaw: float) -> None:
    """Between the two vertices of a line, the weight is where the linear interpolation of `facing` is zero."""
    points = seen(face_lines(default_face_model(), seed), np.array([0.1, yaw, 0.0]))
    front = facing(points)
    step, weight = contour_on_lines(points)
    between = (weight > 0) & (weight < 1)
    assert between.sum() >= 3
    at = front[LINES, step] * (1 - weight) + front[LINES, step + 1] * weight
    np.testing.assert_allclose(at[between] / np.abs(front).max(axis=1)[between], 0, atol=1e-9)
    assert (front[LINES, step][between] > 0).all()


def test_no_change_keeps_the_end_vertex() -> None:
    """Lines that stop where the surface still faces the viewer end at their last vertex."""
    points = seen(ellipsoid_lines(26, 60), np.zeros(3))
    assert (facing(points) > 0).all()
    step, weight = contour_on_lines(points)
    assert (step == 24).all()
    assert (weight == 1).all()
    np.testing.assert_array_equal(contour(points), points[:, -1])


def test_hidden_from_the_start_keeps_the_first_vertex() -> None:
    points = seen(ellipsoid_lines(26, 60), np.radians([0, 180, 0]))
    step, weight = contour_on_lines(points)
    assert (step == 0).all()
    assert (weight == 0).all()


def face_lines(model: DynamicExpressionModel, seed: int) -> np.ndarray:
    """(17, m, 3) lines of a random person with a random expression."""
    rng = np.random.default_rng(seed)
    alpha_id = model.identity_mean + model.identity_std * rng.standard_normal(model.n_identity)
    alpha_exp = rng.uniform(0, 1, model.n_expressions) * (rng.random(model.n_expressions) < 0.15)
    neutral, offsets = model.landmark_tensor.contract_identity(alpha_id.astype(np.float32))
    face = neutral + np.tensordot(alpha_exp.astype(np.float32), offsets, axes=1)
    return face[model.topology.lines_in_subset].astype(np.float64)


@given(st.integers(0, 50), st.floats(-0.6, 0.6), st.floats(-1.5, 1.5), st.floats(-np.pi, np.pi))
def test_roll_does_not_move_the_contour_on_the_face(seed: int, pitch: float, yaw: float, clockwise: float) -> None:
    lines = face_lines(default_face_model(), seed)
    upright = np.array([pitch, yaw, 0.0])
    step, weight = contour_on_lines(seen(lines, upright))
    turned_step, turned_weight = contour_on_lines(seen(lines, turn_in_image(upright, np.float64(clockwise))))
    place, turned_place = step + weight, turned_step + turned_weight  # a weight of 1 is the next step's 0
    np.testing.assert_allclose(turned_place, place, atol=1e-5)


@given(st.integers(0, 20), st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_scale_and_position_do_not_move_the_contour(seed: int, scale: float, shift: float) -> None:
    points = seen(face_lines(default_face_model(), seed), np.array([0.1, 0.5, 0.0]))
    step, weight = contour_on_lines(points)
    other_step, other_weight = contour_on_lines(scale * points + shift)
    np.testing.assert_allclose(other_step + other_weight, step + weight, atol=1e-5)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    normals = np.zeros_like(vertices)
    corners = vertices[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for k in range(3):
        np.add.at(normals, triangles[:, k], across)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


@pytest.mark.parametrize("yaw_deg", [-60, -40, -20, 20, 40, 60])
def test_contour_of_the_face_is_where_its_normals_turn_away(face_model: DynamicExpressionModel, yaw_deg: float) -> None:
    """The sign of normal . view changes within about a vertex of the point that the projected lines give."""
    face, topology = face_model.face().astype(np.float64), face_model.topology
    euler = np.radians([0, yaw_deg, 0])
    points = seen(face[topology.lines], euler)
    toward_viewer = vertex_normals(face, topology.triangles)[topology.lines] @ matrix_from_euler(euler)[2]
    hidden = toward_viewer <= 0
    first = np.where(hidden.any(axis=1), hidden.argmax(axis=1), points.shape[1] - 1)
    turned_away = slice(9, 16) if yaw_deg > 0 else slice(1, 8)
    distance_cm = np.linalg.norm(contour(points) - points[LINES, first], axis=1)[turned_away]
    assert distance_cm.mean() < 0.35
    assert distance_cm.max() < 0.8


def test_numpy_and_torch_agree(face_model: DynamicExpressionModel) -> None:
    poses = np.radians([[0, 0, 0], [20, 50, 10], [-25, -80, -40], [0, 180, 0]])
    points = np.stack([seen(face_lines(face_model, seed), euler) for seed, euler in enumerate(poses)])
    step, weight = contour_on_lines(points)
    torch_step, torch_weight = contour_on_lines(torch.from_numpy(points))
    np.testing.assert_array_equal(torch_step.numpy(), step)
    np.testing.assert_allclose(torch_weight.numpy(), weight, atol=1e-9)
    for row in range(len(poses)):
        one_step, one_weight = contour_on_lines(points[row])
        np.testing.assert_array_equal(one_step, step[row])
        np.testing.assert_allclose(one_weight, weight[row], atol=1e-12)


def test_weights_are_differentiable() -> None:
    """Between two vertices the weight follows the shape smoothly: its gradient is the finite difference."""
    points = torch.from_numpy(seen(ellipsoid_lines(12, 150), np.radians([20.0, 30, 0]))).requires_grad_()
    step, weight = contour_on_lines(points)
    assert ((weight > 0.01) & (weight < 0.99)).sum() >= 12
    direction = torch.from_numpy(np.random.default_rng(0).normal(size=points.shape))
    weight.sum().backward()
    assert points.grad is not None
    size = 1e-6
    there, back = (contour_on_lines(points.detach() + sign * size * direction) for sign in (1, -1))
    assert (there[0] == step).all()
    assert (back[0] == step).all()
    numeric = float((there[1] - back[1]).sum()) / (2 * size)
    assert float((points.grad * direction).sum()) == pytest.approx(numeric, rel=1e-4)


def test_contour_landmarks_glide_as_heads_turn(face_model: DynamicExpressionModel) -> None:
    """Turned by two degrees, hardly any contour landmark lands, in the picture, on another fold of the face."""
    topology = face_model.topology
    yaw = np.radians(np.arange(-88, 89, 2))
    jumps, sockets = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        alpha_id = face_model.identity_mean + face_model.identity_std * rng.standard_normal(face_model.n_identity)
        neutral, _ = face_model.landmark_tensor.contract_identity(alpha_id.astype(np.float32))
        lines = neutral[topology.lines_in_subset]
        euler = np.stack([np.full_like(yaw, rng.normal(0, 0.3)), yaw, np.zeros_like(yaw)], axis=1)
        everywhere = np.broadcast_to(lines.reshape(1, -1, 3), (len(yaw), lines.size // 3, 3))
        seen = project(everywhere, euler, np.zeros((len(yaw), 2)), np.ones(len(yaw)))[..., :2]
        step, weight = contour_on_lines(seen.reshape(len(yaw), *lines.shape[:2], 2))
        seen = seen.reshape(len(yaw), *lines.shape[:2], 2)
        place = np.arange(len(yaw))[:, None], np.arange(len(lines))
        points = seen[*place, step] * (1 - weight[..., None]) + seen[*place, step + 1] * weight[..., None]
        jumps.append(np.linalg.norm(np.diff(points, axis=0), axis=-1) > 1.5)
        frontal = np.abs(yaw) < np.radians(10)
        sockets.append((step[frontal][:, [0, 16]] == 0).any())
    assert np.mean(jumps) < 7e-4
    assert not any(sockets), "the contour does not begin beside the eye"
