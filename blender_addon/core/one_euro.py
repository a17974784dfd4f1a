"""One Euro filter (Casiez, Roussel and Vogel, CHI 2012) of numbers, and of rotations on SO(3), weighted.

x^ = lowpass(x, fc), fc = min_cutoff + beta * |dx^|, dx^ = lowpass((x - x^_prev) / dt, speed_cutoff),
lowpass(y, fc) = y^_prev + w a (y - y^_prev), a = 1 / (1 + 1 / (2 pi fc dt)). Times are capture times in ns.
w is the weight of the sample, 0..1: the published filter has 1 throughout. A sample of weight w moves the output, and
the measured speed, w of the way that it would have.
A sample is left out (the last output is returned, and its time does not count) where its time is not after the last
one, its weight is not over 0, or one of its values is not finite.

The tracker's program has the same filters: tests/golden/one_euro_v1.csv keeps them the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .quaternions import conjugate, multiply, quaternion_from_rotation_vector, rotation_vector
from .smoothing_config import OneEuroConfig


def smoothing_factor(cutoff_hz: float, dt_s: float) -> float:
    """Return a of the low pass: 1 passes everything, 0 nothing."""
    turn = 2 * math.pi * cutoff_hz * dt_s
    return turn / (1 + turn)


def _counts(values: Sequence[float], weight: float) -> bool:
    return weight > 0 and all(map(math.isfinite, values))


class OneEuroFilter:
    """Filter of some numbers, always as many; each has its own cutoff."""

    def __init__(self, config: OneEuroConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next sample passes as it is."""
        self._time_ns = 0
        self._values: list[float] = []
        self._speeds: list[float] = []

    def filter(self, values: Sequence[float], time_ns: int, weight: float = 1.0, unit: float = 1.0) -> list[float]:
        """Return the smoothed `values` of the instant `time_ns`.

        weight: how much the sample counts, 0..1.
        unit: what counts as 1 for the speed, in the units of `values` (px per cm makes beta one for cm/s).
        """
        if not _counts(values, weight):
            return list(self._values or values)
        if not self._values:
            self._values, self._speeds, self._time_ns = list(values), [0.0] * len(values), time_ns
        elif time_ns > self._time_ns:
            self._follow(values, (time_ns - self._time_ns) / 1e9, min(weight, 1.0), unit)
            self._time_ns = time_ns
        return list(self._values)

    def _follow(self, values: Sequence[float], dt_s: float, weight: float, unit: float) -> None:
        notice = weight * smoothing_factor(self.config.speed_cutoff_hz, dt_s)
        for k, (value, before, speed) in enumerate(zip(values, self._values, self._speeds, strict=True)):
            step = value - before
            self._speeds[k] = speed + notice * (step / dt_s - speed)
            cutoff_hz = self.config.min_cutoff_hz + self.config.beta * abs(self._speeds[k]) / unit
            self._values[k] = before + weight * smoothing_factor(cutoff_hz, dt_s) * step

    def lag_ms(self, unit: float = 1.0) -> float:
        """Return the present delay, mean over the numbers; that at rest before the first sample."""
        lags = [self.config.lag_ms(speed / unit) for speed in self._speeds] or [self.config.lag_ms()]
        return sum(lags) / len(lags)


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
        self._quaternion: list[float] = []
        self._speed_rad_s = [0.0, 0.0, 0.0]

    def filter(self, quaternion: Sequence[float], time_ns: int, weight: float = 1.0) -> list[float]:
        """Return the smoothed unit quaternion (w, x, y, z) of the instant `time_ns`; `weight` as of OneEuroFilter."""
        if not (_counts(quaternion, weight) and any(quaternion)):
            return list(self._quaternion or quaternion)
        if not self._quaternion:
            self._quaternion, self._time_ns = list(quaternion), time_ns
        elif time_ns > self._time_ns:
            self._follow(quaternion, (time_ns - self._time_ns) / 1e9, min(weight, 1.0))
            self._time_ns = time_ns
        return list(self._quaternion)

    def _follow(self, quaternion: Sequence[float], dt_s: float, weight: float) -> None:
        turn_rad = rotation_vector(multiply(conjugate(self._quaternion), quaternion))
        notice = weight * smoothing_factor(self.config.speed_cutoff_hz, dt_s)
        self._speed_rad_s = [
            speed + notice * (turn / dt_s - speed) for turn, speed in zip(turn_rad, self._speed_rad_s, strict=True)
        ]
        cutoff_hz = self.config.min_cutoff_hz + self.config.beta * math.hypot(*self._speed_rad_s)
        part = weight * smoothing_factor(cutoff_hz, dt_s)
        turned = multiply(self._quaternion, quaternion_from_rotation_vector([part * turn for turn in turn_rad]))
        length = math.hypot(*turned)
        self._quaternion = [value / length for value in turned]

    def lag_ms(self) -> float:
        """Return the present delay."""
        return self.config.lag_ms(math.hypot(*self._speed_rad_s))
