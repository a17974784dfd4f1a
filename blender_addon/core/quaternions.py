"""Unit quaternions (w, x, y, z) and rotation vectors (axis times angle, rad) in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence


def multiply(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Return the product of two quaternions: `second` in the frame that `first` has turned."""
    a, b, c, d = first
    w, x, y, z = second
    return [
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    ]


def conjugate(quaternion: Sequence[float]) -> list[float]:
    """Return the inverse of a unit quaternion."""
    w, x, y, z = quaternion
    return [w, -x, -y, -z]


def rotation_vector(quaternion: Sequence[float]) -> list[float]:
    """Return axis times angle, rad, of a unit quaternion, the shorter way round."""
    w, *vector = quaternion if quaternion[0] >= 0 else [-value for value in quaternion]
    sine = math.hypot(*vector)
    factor = 2 * math.atan2(sine, w) / sine if sine > 1e-9 else 2.0
    return [factor * value for value in vector]


def quaternion_from_rotation_vector(turn_rad: Sequence[float]) -> list[float]:
    """Return the unit quaternion of axis times angle, rad."""
    angle = math.hypot(*turn_rad)
    factor = math.sin(angle / 2) / angle if angle > 1e-9 else 0.5
    return [math.cos(angle / 2), *(factor * value for value in turn_rad)]


def matrix_from_quaternion(quaternion: Sequence[float]) -> list[list[float]]:
    """Return the (3, 3) rotation of a unit quaternion."""
    w, x, y, z = quaternion
    return [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
