from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_bridge.quaternions import (
    conjugate,
    matrix_from_quaternion,
    multiply,
    quaternion_from_rotation_vector,
    rotation_vector,
)
from rdr_core.geometry.rotation import matrix_from_euler, quaternion_from_euler

UNIT_QUATERNIONS = (
    hnp.arrays(np.float64, 4, elements=st.floats(-1, 1))
    .filter(lambda q: np.linalg.norm(q) > 0.05)
    .map(lambda q: (q / np.linalg.norm(q)).tolist())
)
TURNS = hnp.arrays(np.float64, 3, elements=st.floats(-1.8, 1.8))


@given(UNIT_QUATERNIONS, UNIT_QUATERNIONS)
def test_product_is_the_product_of_matrices(first: list[float], second: list[float]) -> None:
    both = matrix_from_quaternion(multiply(first, second))
    one, other = (np.array(matrix_from_quaternion(q)) for q in (first, second))
    np.testing.assert_allclose(both, one @ other, atol=1e-12)
    np.testing.assert_allclose(matrix_from_quaternion(conjugate(first)), one.T, atol=1e-12)


@given(TURNS)
def test_rotation_vector_round_trip(turn_rad: np.ndarray) -> None:
    quaternion = quaternion_from_rotation_vector(turn_rad.tolist())
    angle = float(np.linalg.norm(turn_rad))
    expected = turn_rad if angle <= math.pi else turn_rad * (1 - 2 * math.pi / angle)
    np.testing.assert_allclose(rotation_vector(quaternion), expected, atol=1e-7)
    np.testing.assert_allclose(rotation_vector([-value for value in quaternion]), expected, atol=1e-7)


@given(hnp.arrays(np.float64, 3, elements=st.floats(-1.5, 1.5)))
def test_matrix_is_that_of_the_head_pose(euler_rad: np.ndarray) -> None:
    quaternion = quaternion_from_euler(euler_rad).tolist()
    np.testing.assert_allclose(matrix_from_quaternion(quaternion), matrix_from_euler(euler_rad), atol=1e-12)
