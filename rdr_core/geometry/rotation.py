"""Head rotation: Euler Y-X-Z (yaw, pitch, roll), matrices and quaternions.

R = Ry(yaw) Rx(-pitch) Rz(-roll), right-handed; +x the subject's left, +y up, +z out of the face. yaw > 0 looks to the
right
of the image, pitch > 0 up, roll > 0 clockwise in the image. Regular up to profile; singular only at pitch +-90 degrees.
"""

from __future__ import annotations

import math

import numpy as np

from rdr_core.geometry.backend import Array, constant, namespace

# Rx(-pitch), Ry(yaw), Rz(-roll), each as cos * _COS + sin * _SIN + _REST: few operations, which counts in a graph that
# runs them at every refinement step
_COS = np.array([np.diag(d) for d in ([0, 1, 1], [1, 0, 1], [1, 1, 0])], np.float64)
_SIN = np.array(
    [
        [[0, 0, 0], [0, 0, 1], [0, -1, 0]],
        [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
        [[0, 1, 0], [-1, 0, 0], [0, 0, 0]],
    ],
    np.float64,
)
_REST = np.array([np.diag(d) for d in ([1, 0, 0], [0, 1, 0], [0, 0, 1])], np.float64)


def matrix_from_euler(euler_rad: Array) -> Array:
    """(..., 3) pitch, yaw, roll -> (..., 3, 3) rotation matrices."""
    xp = namespace(euler_rad)
    angle = euler_rad[..., None, None]
    cos, sin, rest = (constant(values, euler_rad) for values in (_COS, _SIN, _REST))
    turns = xp.cos(angle) * cos + xp.sin(angle) * sin + rest
    return turns[..., 1, :, :] @ turns[..., 0, :, :] @ turns[..., 2, :, :]


def euler_from_matrix(matrix: Array) -> Array:
    """(..., 3, 3) rotation matrices -> (..., 3) pitch in [-pi/2, pi/2], yaw and roll in [-pi, pi], rad."""
    xp = namespace(matrix)
    pitch = xp.asin(xp.clip(matrix[..., 1, 2], -1.0, 1.0))
    yaw = xp.atan2(matrix[..., 0, 2], matrix[..., 2, 2])
    roll = xp.atan2(-matrix[..., 1, 0], matrix[..., 1, 1])
    return xp.stack([pitch, yaw, roll], -1)


def quaternion_from_euler(euler_rad: np.ndarray) -> np.ndarray:
    """(..., 3) pitch, yaw, roll -> (..., 4) unit quaternions (w, x, y, z) with w >= 0."""
    pitch, yaw, roll = (np.asarray(euler_rad)[..., k] / 2 for k in range(3))
    sp, cp, sy, cy, sr, cr = np.sin(-pitch), np.cos(pitch), np.sin(yaw), np.cos(yaw), np.sin(-roll), np.cos(roll)
    quaternion = np.stack(
        [
            cy * cp * cr + sy * sp * sr,
            cy * sp * cr + sy * cp * sr,
            sy * cp * cr - cy * sp * sr,
            cy * cp * sr - sy * sp * cr,
        ],
        -1,
    )
    return np.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def turn_in_image(euler_rad: Array, clockwise_rad: Array) -> Array:
    """Pose of a head whose picture is turned clockwise: (..., 3) pitch, yaw, roll and (...) rad -> (..., 3).

    Roll is the innermost rotation, so that a turn of the picture also changes pitch and yaw.
    """
    xp = namespace(euler_rad)
    zero = euler_rad[..., 0] * 0
    turn = xp.stack([zero, zero, zero + clockwise_rad], -1)
    turn_matrix, matrix = matrix_from_euler(xp.stack([turn, euler_rad]))
    return euler_from_matrix(turn_matrix @ matrix)


def wrapped(angle_rad: Array) -> Array:
    """Bring a difference of angles into [-pi, pi)."""
    return (angle_rad + np.pi) % (2 * np.pi) - np.pi


def upright_roll_rad(euler_rad: np.ndarray) -> float:
    """Return the clockwise turn of the head's up axis in the image, for pitch, yaw, roll (3,).

    Near frontal this is the roll itself. Toward profile it is not: there a nod turns the head in the image, and a crop
    that is turned by the Euler angle would leave the face oblique.
    """
    pitch, yaw, roll = (float(angle) for angle in euler_rad)
    right = math.cos(yaw) * math.sin(roll) - math.sin(yaw) * math.sin(pitch) * math.cos(roll)
    return math.atan2(right, math.cos(pitch) * math.cos(roll))  # column 1 of the matrix
