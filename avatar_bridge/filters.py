"""One Euro filter (Casiez, Roussel and Vogel, CHI 2012) on arrays and on head rotations.

x^ = lowpass(x, fc), fc = min_cutoff + beta * |dx^|, dx^ = lowpass((x - x^_prev) / dt, speed_cutoff),
lowpass(y, fc) = y^_prev + a (y - y^_prev), a = 1 / (1 + 1 / (2 pi fc dt)). Times are capture times in ns.
A time that is not after the last one returns the last output.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from avatar_bridge.config import OneEuroConfig

Array = npt.NDArray[Any]


def smoothing_factor(cutoff_hz: Array | float, dt_s: float) -> Any:
    """Return a of the low pass: 1 passes everything, 0 nothing."""
    turn = 2 * math.pi * cutoff_hz * dt_s
    return turn / (1 + turn)


class OneEuroFilter:
    """Filter of an array of any shape; each element has its own cutoff."""

    def __init__(self, config: OneEuroConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next value passes as it is."""
        self._time_ns = 0
        self._value: Array | None = None
        self._speed: Array | float = 0.0

    def filter(self, value: Array, time_ns: int, unit: float = 1.0) -> Array:
        """Return the smoothed `value` of the instant `time_ns`.

        unit: what counts as 1 for the speed, in the units of `value` (px per cm makes beta one for cm/s).
        """
        value = np.asarray(value, np.float64)
        if self._value is None:
            self._value, self._time_ns = value, time_ns
            return value
        dt_s = (time_ns - self._time_ns) / 1e9
        if dt_s <= 0:
            return self._value
        step = value - self._value
        self._speed = self._speed + smoothing_factor(self.config.speed_cutoff_hz, dt_s) * (step / dt_s - self._speed)
        self._value = self._value + smoothing_factor(self.cutoff_hz(unit), dt_s) * step
        self._time_ns = time_ns
        return self._value

    def cutoff_hz(self, unit: float = 1.0) -> Array | float:
        """Return the cutoff that the present speed asks for, one for each element."""
        return self.config.min_cutoff_hz + self.config.beta * np.abs(self._speed) / unit

    def lag_ms(self, unit: float = 1.0) -> float:
        """Return the present delay, mean over the elements."""
        return float(np.mean(1000 / (2 * math.pi * self.cutoff_hz(unit))))


class RotationFilter:
    """One Euro filter of a rotation: the step is the turn from the last output, the speed its rate in rad/s.

    No angles, so nothing wraps; q and -q are the same input, and the output never changes sign from frame to frame.
    """

    def __init__(self, config: OneEuroConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next rotation passes as it is."""
        self._time_ns = 0
        self._quaternion: Array | None = None
        self._speed_rad_s: Array = np.zeros(3)

    def filter(self, quaternion: Array, time_ns: int) -> Array:
        """Return the smoothed (4,) unit quaternion (w, x, y, z) of the instant `time_ns`."""
        quaternion = np.asarray(quaternion, np.float64)
        if self._quaternion is None:
            self._quaternion, self._time_ns = quaternion, time_ns
            return quaternion
        dt_s = (time_ns - self._time_ns) / 1e9
        if dt_s <= 0:
            return self._quaternion
        turn_rad = rotation_vector(multiply(conjugate(self._quaternion), quaternion))
        follow = smoothing_factor(self.config.speed_cutoff_hz, dt_s)
        self._speed_rad_s = self._speed_rad_s + follow * (turn_rad / dt_s - self._speed_rad_s)
        part = smoothing_factor(self.cutoff_hz(), dt_s) * turn_rad
        self._quaternion = multiply(self._quaternion, quaternion_from_rotation_vector(part))
        self._quaternion = self._quaternion / np.linalg.norm(self._quaternion)
        self._time_ns = time_ns
        return self._quaternion

    def cutoff_hz(self) -> float:
        """Return the cutoff that the present speed asks for."""
        return self.config.min_cutoff_hz + self.config.beta * float(np.linalg.norm(self._speed_rad_s))

    def lag_ms(self) -> float:
        """Return the present delay."""
        return 1000 / (2 * math.pi * self.cutoff_hz())


def multiply(first: Array, second: Array) -> Array:
    """Return the product of two (4,) quaternions (w, x, y, z): `second` in the frame that `first` has turned."""
    w, vector = first[0], first[1:]
    v, other = second[0], second[1:]
    return np.concatenate([[w * v - vector @ other], w * other + v * vector + np.cross(vector, other)])


def conjugate(quaternion: Array) -> Array:
    """Return the inverse of a (4,) unit quaternion."""
    return quaternion * np.array([1.0, -1.0, -1.0, -1.0])


def rotation_vector(quaternion: Array) -> Array:
    """Return axis times angle, (3,) rad, of a (4,) unit quaternion, the shorter way round."""
    quaternion = quaternion if quaternion[0] >= 0 else -quaternion
    sine = float(np.linalg.norm(quaternion[1:]))
    if sine < 1e-9:
        return 2 * quaternion[1:]
    return quaternion[1:] * (2 * math.atan2(sine, quaternion[0]) / sine)


def quaternion_from_rotation_vector(turn_rad: Array) -> Array:
    """Return the (4,) unit quaternion of axis times angle, (3,) rad."""
    angle = float(np.linalg.norm(turn_rad))
    factor = math.sin(angle / 2) / angle if angle > 1e-9 else 0.5
    return np.concatenate([[math.cos(angle / 2)], factor * turn_rad])


def matrix_from_quaternion(quaternion: Array) -> Array:
    """Return the (3, 3) rotation of a (4,) unit quaternion."""
    w, x, y, z = (float(part) for part in quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
