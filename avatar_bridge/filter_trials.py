"""What smoothing costs and gives, tried on made-up motion: lag of a stroke, depth that a blink keeps, jitter left.

A stroke is a smooth move from one place to another (minimum jerk, as hands, heads and faces move). Its lag is how much
later the filtered stroke is half way. A blink is a raised cosine, 100 ms from open to open, the shortest that people
make; what counts is its deepest frame. Jitter is white noise about as strong as the live network's on a still face.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from avatar_bridge.config import REGIONS, OneEuroConfig, SmoothingConfig
from avatar_bridge.one_euro import OneEuroFilter, RotationFilter

BLINK_S: Final = 0.1
PHASES: Final = 8
"""A motion begins anywhere between two frames: so many places are tried."""
_REST_S: Final = 1.0
_JITTER_S: Final = 20.0

Signal = Callable[[float], float]
Smooth = Callable[[float, int], float]


@dataclass(frozen=True, slots=True)
class Trial:
    """A typical stroke of one filter's signal, and the noise in it."""

    size: float
    """In the unit of the signal: coefficients 0..1, rad, cm, or the logarithm of the size."""
    seconds: float
    """From start to end."""
    noise: float
    """Standard deviation, in the same unit."""
    words: str
    """Region and stroke, for people."""


TRIALS: Final = {
    "brows": Trial(0.5, 0.25, 0.003, "brows: raised by 0.5 in 250 ms"),
    "eyes": Trial(0.8, 0.10, 0.003, "eyes: lids closed by 0.8 in 100 ms"),
    "mouth": Trial(0.5, 0.25, 0.003, "mouth: a smile of 0.5 in 250 ms"),
    "jaw": Trial(0.4, 0.15, 0.003, "jaw: open by 0.4 in 150 ms"),
    "rotation": Trial(math.radians(30), 0.5, math.radians(0.1), "head: turned by 30 degrees in 500 ms"),
    "translation": Trial(5.0, 0.5, 0.015, "head: moved by 5 cm in 500 ms"),
    "scale": Trial(math.log(1.2), 0.5, 0.001, "head: 20 % nearer in 500 ms"),
    "landmarks": Trial(5.0, 0.5, 0.02, "landmarks: moved by 5 cm in 500 ms"),
    "eye_landmarks": Trial(0.8, 0.10, 0.02, "landmarks: lids closed by 8 mm in 100 ms"),
}
"""Filter (a field of SmoothingConfig) -> its trial."""


def stroke_lag_ms(name: str, config: OneEuroConfig | None, rate_hz: float) -> float:
    """Return the lag of a filter's stroke, half way, mean over when it begins between two frames."""
    trial = TRIALS[name]
    if config is None:
        return 0.0
    lags = []
    for phase in range(PHASES):

        def stroke(time_s: float, start_s: float = phase / PHASES / rate_hz) -> float:
            return trial.size * _minimum_jerk((time_s - start_s) / trial.seconds)

        late = _responses(name, config, stroke, rate_hz, trial.seconds + _REST_S)
        middle_s = phase / PHASES / rate_hz + trial.seconds / 2
        lags.append(1e3 * (_crossing_s(late, trial.size / 2, rate_hz) - middle_s))
    return sum(lags) / PHASES


def blink_kept(name: str, config: OneEuroConfig | None, rate_hz: float, depth: float = 1.0) -> float:
    """Return the share of a blink's deepest frame that is left after smoothing, the least over where frames fall."""
    if config is None:
        return 1.0
    kept = []
    for phase in range(PHASES):

        def blink(time_s: float, middle_s: float = 0.5 + phase / PHASES / rate_hz) -> float:
            part = (time_s - middle_s) / BLINK_S
            return depth * (1 + math.cos(2 * math.pi * part)) / 2 if abs(part) < 0.5 else 0.0

        seen = [blink(k / rate_hz) for k in range(round(rate_hz))]
        kept.append(max(_responses(name, config, blink, rate_hz, 1.0)) / max(seen))
    return min(kept)


def jitter_left(name: str, config: OneEuroConfig | None, rate_hz: float) -> float:
    """Return the share of a still face's noise that is left, by standard deviation."""
    if config is None:
        return 1.0
    noise = random.Random(0)
    values = [noise.gauss(0, TRIALS[name].noise) for _ in range(round(_JITTER_S * rate_hz))]
    smooth = _smoother(name, config)
    left = [smooth(value, round(k * 1e9 / rate_hz)) for k, value in enumerate(values)]
    settled = round(_REST_S * rate_hz)
    return _root_mean_square(left[settled:]) / _root_mean_square(values[settled:])


def region_lags_ms(config: SmoothingConfig, rate_hz: float) -> dict[str, float]:
    """Return the lag of each region's stroke; the head's is that of its rotation, the landmarks' that of the whole."""
    return {region: stroke_lag_ms(names[0], getattr(config, names[0]), rate_hz) for region, names in REGIONS.items()}


def _responses(name: str, config: OneEuroConfig, signal: Signal, rate_hz: float, seconds: float) -> list[float]:
    smooth = _smoother(name, config)
    return [smooth(signal(k / rate_hz), round(k * 1e9 / rate_hz)) for k in range(round(seconds * rate_hz))]


def _smoother(name: str, config: OneEuroConfig) -> Smooth:
    """Return the filter of one number at a time; a rotation is one about a fixed axis."""
    if name != "rotation":
        one_euro = OneEuroFilter(config)
        return lambda value, time_ns: one_euro.filter([value], time_ns)[0]
    rotation = RotationFilter(config)

    def turn(angle_rad: float, time_ns: int) -> float:
        w, _, y, _ = rotation.filter([math.cos(angle_rad / 2), 0.0, math.sin(angle_rad / 2), 0.0], time_ns)
        return 2 * math.atan2(y, w)

    return turn


def _minimum_jerk(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return part**3 * (10 - 15 * part + 6 * part**2)


def _crossing_s(values: Sequence[float], level: float, rate_hz: float) -> float:
    after = next(k for k, value in enumerate(values) if value >= level)
    return (after - (values[after] - level) / (values[after] - values[after - 1])) / rate_hz


def _root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))
