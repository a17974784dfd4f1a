"""Euler Y-X-Z: round trips, conditioning at profile, signs, quaternions, turns in the image; numpy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.rotation import (
    euler_from_matrix,
    matrix_from_euler,
    quaternion_from_euler,
    turn_in_image,
    upright_roll_rad,
)
from rdr_core.geometry.weak_perspective import project

PITCH = st.floats(-1.5, 1.5)
TURN = st.floats(-np.pi, np.pi)
EULER = st.tuples(PITCH, TURN, TURN).map(np.array)


def axis_rotation(axis: int, angle: float) -> np.ndarray:
    """Right-handed rotation about x, y or z, written out apart from the code under test."""
    sin, cos = np.sin(angle), np.cos(angle)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[[a, a, b, b], [a, b, a, b]] = cos, -sin, sin, cos
    return matrix


def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@given(EULER)
def test_matrix_is_ry_rx_rz(euler: np.ndarray) -> None:
    pitch, yaw, roll = euler
    expected = axis_rotation(1, yaw) @ axis_rotation(0, -pitch) @ axis_rotation(2, -roll)
    np.testing.assert_allclose(matrix_from_euler(euler), expected, atol=1e-12)


@given(EULER)
def test_euler_round_trip(euler: np.ndarray) -> None:
    found = euler_from_matrix(matrix_from_euler(euler))
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * euler), atol=1e-9)  # angles, equal up to whole turns


@pytest.mark.parametrize("yaw_deg", [-180, -90, -89.999, 0, 89.999, 90, 180])
@pytest.mark.parametrize("other_deg", [(0, 0), (20, -35), (-60, 170)])
def test_euler_round_trip_at_yaw_90_and_180(yaw_deg: float, other_deg: tuple[float, float]) -> None:
    euler = np.radians([other_deg[0], yaw_deg, other_deg[1]])
    found = euler_from_matrix(matrix_from_euler(euler))
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * euler), atol=1e-9)
    single = euler_from_matrix(matrix_from_euler(euler.astype(np.float32)))
    assert single.dtype == np.float32
    np.testing.assert_allclose(np.exp(1j * single), np.exp(1j * euler), atol=1e-5)


@given(EULER)
def test_another_pitch_is_the_same_rotation(euler: np.ndarray) -> None:
    """(pi - pitch, yaw + pi, roll + pi) is the same head: the matrix settles on the pitch within +-90 degrees."""
    other = np.array([np.pi - euler[0], euler[1] + np.pi, euler[2] + np.pi])
    found = euler_from_matrix(matrix_from_euler(other))
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * euler), atol=1e-9)


@pytest.mark.parametrize("yaw_deg", [0, 45, 85, 90])
def test_conditioning_at_profile(yaw_deg: float) -> None:
    """Y-X-Z stays near a condition number of 1.4 at profile with the usual pitch; Rx Ry Rz reaches 23 at 85 degrees."""
    euler = np.radians([20.0, yaw_deg, 0.0])
    assert condition(matrix_from_euler, euler) < 1.5
    if yaw_deg >= 85:
        x_y_z = condition(lambda e: axis_rotation(0, -e[0]) @ axis_rotation(1, e[1]) @ axis_rotation(2, -e[2]), euler)
        assert x_y_z > 20


def condition(matrix_of: object, euler: np.ndarray) -> float:
    step = 1e-6
    columns = [
        (matrix_of(euler + step * e) - matrix_of(euler - step * e)).ravel() / (2 * step)  # type: ignore[operator]
        for e in np.eye(3)
    ]
    singular = np.linalg.svd(np.stack(columns, axis=1), compute_uv=False)
    return float(singular[0] / max(singular[-1], 1e-12))


@given(EULER)
def test_quaternion_equals_matrix(euler: np.ndarray) -> None:
    quaternion = quaternion_from_euler(euler)
    assert quaternion[0] >= 0
    assert np.linalg.norm(quaternion) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(matrix_from_quaternion(quaternion), matrix_from_euler(euler), atol=1e-9)


def test_quaternion_of_known_turns() -> None:
    half = np.sqrt(0.5)
    np.testing.assert_allclose(quaternion_from_euler(np.zeros(3)), [1, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(quaternion_from_euler(np.radians([0, 90, 0])), [half, 0, half, 0], atol=1e-12)
    np.testing.assert_allclose(quaternion_from_euler(np.radians([90, 0, 0])), [half, -half, 0, 0], atol=1e-12)
    np.testing.assert_allclose(quaternion_from_euler(np.radians([0, 0, 90])), [half, 0, 0, -half], atol=1e-12)


@given(st.lists(EULER, min_size=1, max_size=4))
def test_batches_and_torch_agree(eulers: list[np.ndarray]) -> None:
    batch = np.stack(eulers)
    matrices = matrix_from_euler(batch)
    np.testing.assert_allclose(matrices[0], matrix_from_euler(eulers[0]), atol=1e-12)
    tensors = matrix_from_euler(torch.from_numpy(batch))
    np.testing.assert_allclose(tensors.numpy(), matrices, atol=1e-12)
    np.testing.assert_allclose(euler_from_matrix(tensors).numpy(), euler_from_matrix(matrices), atol=1e-9)


def nose_and_eyes(model: DynamicExpressionModel, euler_deg: tuple[float, float, float]) -> tuple[np.ndarray, ...]:
    """Image points (x right, y down) of the tip of the nose, and of the outer corners of right and left eye."""
    points = model.face()[model.topology.landmarks]
    euler = np.radians(euler_deg).astype(np.float32)
    image = project(points, euler, np.zeros(2, np.float32), np.float32(10))
    return image[30, :2], image[36, :2], image[45, :2]


def test_zero_pose_looks_into_the_camera(face_model: DynamicExpressionModel) -> None:
    nose, right_eye, left_eye = nose_and_eyes(face_model, (0, 0, 0))
    assert right_eye[0] < nose[0] < left_eye[0]  # the subject's right eye is left in the image
    assert nose[0] == pytest.approx((right_eye[0] + left_eye[0]) / 2, abs=1)
    assert nose[1] > right_eye[1]  # y is down


def test_yaw_moves_the_nose_to_the_right_of_the_image(face_model: DynamicExpressionModel) -> None:
    nose, right_eye, left_eye = nose_and_eyes(face_model, (0, 25, 0))
    assert nose[0] - (right_eye[0] + left_eye[0]) / 2 > 10


def test_pitch_moves_the_nose_up(face_model: DynamicExpressionModel) -> None:
    level, up = nose_and_eyes(face_model, (0, 0, 0)), nose_and_eyes(face_model, (25, 0, 0))
    assert up[0][1] - up[1][1] < level[0][1] - level[1][1] - 10


def test_roll_turns_clockwise_in_the_image(face_model: DynamicExpressionModel) -> None:
    _, right_eye, left_eye = nose_and_eyes(face_model, (0, 0, 30))
    across = left_eye - right_eye
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(30, abs=1)  # y is down: positive is clockwise


@given(EULER, TURN)
def test_turn_in_image_turns_the_projection(euler: np.ndarray, clockwise: float) -> None:
    points = np.random.default_rng(0).normal(size=(9, 3))
    zero, scale = np.zeros(2), np.float64(1)
    before = project(points, euler, zero, scale)[:, :2]
    after = project(points, turn_in_image(euler, np.float64(clockwise)), zero, scale)[:, :2]
    cos, sin = np.cos(clockwise), np.sin(clockwise)
    np.testing.assert_allclose(after, before @ np.array([[cos, sin], [-sin, cos]]), atol=1e-6)


@given(EULER, TURN)
def test_turning_there_and_back(euler: np.ndarray, clockwise: float) -> None:
    there = turn_in_image(euler, np.float64(clockwise))
    back = matrix_from_euler(turn_in_image(there, np.float64(-clockwise)))
    np.testing.assert_allclose(back, matrix_from_euler(euler), atol=1e-6)


def test_turn_in_image_of_a_frontal_face_is_roll() -> None:
    np.testing.assert_allclose(turn_in_image(np.zeros(3), np.float64(0.4)), [0, 0, 0.4], atol=1e-12)


@given(EULER)
def test_upright_roll_is_the_turn_of_the_up_axis_in_the_image(euler: np.ndarray) -> None:
    """A picture that is turned back by it shows the head's up axis upright."""
    roll = upright_roll_rad(euler)
    upright = matrix_from_euler(turn_in_image(euler, np.float64(-roll)))[:, 1]
    if np.hypot(*matrix_from_euler(euler)[:2, 1]) > 1e-3:  # the up axis does not point at the viewer
        assert upright[0] == pytest.approx(0, abs=1e-6)
        assert upright[1] > 0


def test_upright_roll_near_frontal_and_at_profile() -> None:
    assert upright_roll_rad(np.array([0.0, 0.0, 0.3])) == pytest.approx(0.3)
    assert upright_roll_rad(np.radians([0.0, 40, 0])) == pytest.approx(0)
    nod = upright_roll_rad(np.radians([20.0, 80, 0]))  # a nod at profile turns the head in the image
    assert abs(nod) > np.radians(15)
