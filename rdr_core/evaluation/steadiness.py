"""How still a tracked face is while the person is at rest, and how late the filtered face is while it moves.

Jitter is the second difference x[t-1] - 2 x[t] + x[t+1] over frames at rest: a steady drift gives nothing, white noise
of standard deviation s gives sqrt(6) s a coordinate. It is the frame rate's, too: compare clips of one rate.
Lag is the delay at which the speed of the filtered signal correlates best with the speed of the raw one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.errors import ConfigError
from rdr_core.evaluation.face_series import COEFFICIENT_GROUPS, LANDMARK_GROUPS, FaceSeries
from rdr_core.geometry.rotation import wrapped
from rdr_core.types import Float32

LONGEST_LAG_S: Final = 0.3
"""A filter that is later than this is not found."""
LEAST_MOVING_FRAMES: Final = 12
"""Fewer frames of motion tell no lag."""
LEAST_CORRELATION: Final = 0.5
"""With less the one signal is not the other, delayed."""
_BINOMIAL: Final = np.array([1, 4, 6, 4, 1]) / 16
"""Takes the noise out of both signals alike, which leaves the delay between them as it is."""
MOVING: Final = {
    "head": np.radians(8.0),
    "position": 0.15,
    "brows": 0.2,
    "eyes": 0.15,
    "mouth": 0.15,
    "jaw": 0.2,
    "landmarks": 0.15,
}
"""Speed from which a part moves, a second: the head in rad, coefficients as they are, the rest in inter-ocular
distances; of the fastest angle, axis or coefficient, of landmarks the root mean square over all of them."""


@dataclass(frozen=True, slots=True)
class RestConfig:
    """When a face is at rest: every part of it stays where it is for a while."""

    reach_percent: float = 2.0
    """A part (brows, eyes, nose, mouth, jaw) stays when its landmarks, smoothed over three frames, are no farther than
    this from their mean over the window, root mean square over the part, in % of the inter-ocular distance."""
    least_frames: int = 8
    """A window has at least so many frames."""
    least_s: float = 0.3
    """A window is at least so long."""

    def __post_init__(self) -> None:
        if not (0 < self.reach_percent < np.inf and 0 < self.least_s < np.inf and self.least_frames >= 3):
            raise ConfigError(f"rest needs a positive reach and time and at least 3 frames, got {self}")


def rest_frames(landmarks_px: Float32, inter_ocular_px: float, rate_hz: float, config: RestConfig) -> np.ndarray:
    """Say which frames lie in a window of rest, (T, L, 2) image px, NaN where not tracked -> (T,) bool."""
    length = max(config.least_frames, round(config.least_s * rate_hz))
    rest = np.zeros(len(landmarks_px), bool)
    if len(rest) < length:
        return rest
    smooth = smoothed(landmarks_px / inter_ocular_px, np.ones(3) / 3)
    windows = np.lib.stride_tricks.sliding_window_view(smooth, length, axis=0)  # (T - length + 1, L, 2, length)
    distance_2 = ((windows - windows.mean(axis=-1, keepdims=True)) ** 2).sum(axis=2)
    reach = np.max(
        [np.sqrt(distance_2[:, part].mean(axis=1)).max(axis=-1) for part in LANDMARK_GROUPS.values()], axis=0
    )
    for start in np.flatnonzero(reach <= config.reach_percent / 100):  # False where a frame is NaN
        rest[start : start + length] = True
    return rest


def smoothed(values: Float32, kernel: np.ndarray) -> Float32:
    """Average (T, ...) over time with an odd, symmetric kernel; the first and last value go on beyond the ends."""
    half = len(kernel) // 2
    padded = np.concatenate([values[:1].repeat(half, axis=0), values, values[-1:].repeat(half, axis=0)])
    return sum(weight * padded[k : k + len(values)] for k, weight in enumerate(kernel))


def second_difference(values: Float32, rest: np.ndarray) -> Float32:
    """x[t-1] - 2 x[t] + x[t+1] of (T, ...) for every t that is at rest with its neighbours -> (n, ...)."""
    middle = 1 + np.flatnonzero(rest[:-2] & rest[1:-1] & rest[2:])
    return values[middle - 1] - 2 * values[middle] + values[middle + 1]


def jitter_samples(series: FaceSeries, rest: np.ndarray, inter_ocular_px: float) -> dict[str, Float32]:
    """Second differences at rest by quantity, (n,) or (n, k): lengths of those of landmarks, sizes of all others.

    Names end in their unit: px, percent (of the inter-ocular distance, of the size, or of a coefficient's range), deg.
    """
    distance = np.linalg.norm(second_difference(series.landmarks_px, rest), axis=-1)
    percent = 100 / inter_ocular_px
    samples = {"landmarks_px": distance, "landmarks_percent": percent * distance}
    samples |= {f"landmarks_{part}_percent": percent * distance[:, where] for part, where in LANDMARK_GROUPS.items()}
    turn = np.degrees(np.abs(wrapped(second_difference(series.euler_rad, rest))))
    samples |= {f"{angle}_deg": turn[:, k] for k, angle in enumerate(("pitch", "yaw", "roll"))}
    samples["turn_deg"] = np.linalg.norm(turn, axis=-1)
    samples["position_percent"] = percent * np.linalg.norm(second_difference(series.translation_px, rest), axis=-1)
    samples["size_percent"] = 100 * np.abs(second_difference(np.log(series.scale_px_per_cm), rest))
    change = 100 * np.abs(second_difference(series.alpha_exp, rest))
    samples["coefficients_percent"] = change
    return samples | {f"coefficients_{part}_percent": change[:, where] for part, where in COEFFICIENT_GROUPS.items()}


def describe(samples: Mapping[str, Float32]) -> dict[str, dict[str, float]]:
    """Root mean square and 95th percentile of each; NaN where there are none."""
    return {
        name: {"rms": float(np.sqrt(np.mean(values**2))), "p95": float(np.percentile(values, 95))}
        if values.size
        else {"rms": float("nan"), "p95": float("nan")}
        for name, values in samples.items()
    }


def pooled(samples: Sequence[Mapping[str, Float32]]) -> dict[str, Float32]:
    """Put the samples of several clips together."""
    return {name: np.concatenate([of_clip[name] for of_clip in samples]) for name in samples[0]}


@dataclass(frozen=True, slots=True)
class Lag:
    """Delay of a filtered signal."""

    milliseconds: float
    correlation: float
    """Of the speeds at that delay: near 1, the filter delays and does not change."""
    moving_frames: int
    """On how many frames it was measured."""


def lags(raw: FaceSeries, filtered: FaceSeries, inter_ocular_px: float, rate_hz: float) -> dict[str, Lag | None]:
    """Return the lag of each part of the face; None where it hardly moves or no delay fits."""
    before, after = (_speeds(series, inter_ocular_px, rate_hz) for series in (raw, filtered))
    found = {}
    for part, threshold in MOVING.items():
        pace = np.nan_to_num(np.abs(before[part])).max(axis=1)
        if part == "landmarks":  # of so many numbers some are always fast: noise
            pace = np.sqrt(2 * np.nan_to_num(before[part] ** 2).mean(axis=1))
        found[part] = lag(before[part], after[part], pace > threshold, rate_hz)
    return found


def _speeds(series: FaceSeries, inter_ocular_px: float, rate_hz: float) -> dict[str, Float32]:
    """Smoothed first differences by part, (T - 1, k), in the units of MOVING."""
    signals = {
        "position": series.translation_px / inter_ocular_px,
        "landmarks": series.landmarks_px.reshape(len(series.landmarks_px), -1) / inter_ocular_px,
    }
    signals |= {part: series.alpha_exp[:, where] for part, where in COEFFICIENT_GROUPS.items()}
    steps = {part: np.diff(values, axis=0) for part, values in signals.items()}
    steps["head"] = wrapped(np.diff(series.euler_rad, axis=0))
    return {part: rate_hz * smoothed(values, _BINOMIAL) for part, values in steps.items()}


def lag(raw_speed: Float32, filtered_speed: Float32, moves: np.ndarray, rate_hz: float) -> Lag | None:
    """Return the delay of one (T, k) speed after another, to parts of a frame; None where it cannot be told.

    Frames count that are within the longest lag of one that `moves`, (T,) bool.
    """
    longest = max(2, round(LONGEST_LAG_S * rate_hz))
    if moves.sum() < LEAST_MOVING_FRAMES:
        return None
    near = np.convolve(moves, np.ones(2 * longest + 1), "same")[: len(moves)] > 0.5
    shifts = np.arange(-2, longest + 1)
    times = np.arange(longest, len(moves) - 2)
    times = times[near[times]]
    delayed = raw_speed[times - shifts[:, None]]  # (shifts, n, k)
    known = np.isfinite(delayed).all(axis=(0, 2)) & np.isfinite(filtered_speed[times]).all(axis=1)
    delayed, after = delayed[:, known], filtered_speed[times[known]]
    energy = np.sqrt((delayed**2).sum(axis=(1, 2)) * (after**2).sum())
    if known.sum() < LEAST_MOVING_FRAMES or not (energy > 0).all():
        return None
    correlation = (delayed * after).sum(axis=(1, 2)) / energy
    best = int(correlation.argmax())
    if best in (0, len(shifts) - 1) or correlation[best] < LEAST_CORRELATION:
        return None
    left, peak, right = correlation[best - 1 : best + 2]
    part = 0.5 * (left - right) / (left - 2 * peak + right)  # the top of the parabola through the three
    return Lag(
        float(1e3 * (shifts[best] + part) / rate_hz),
        float(min(1.0, peak - 0.25 * (left - right) * part)),
        int(known.sum()),
    )


def pooled_lag(of_clips: Sequence[Lag | None]) -> Lag | None:
    """Return the mean over clips, each counted by its moving frames."""
    known = [lag for lag in of_clips if lag is not None]
    if not known:
        return None
    frames = [lag.moving_frames for lag in known]
    return Lag(
        float(np.average([lag.milliseconds for lag in known], weights=frames)),
        float(np.average([lag.correlation for lag in known], weights=frames)),
        sum(frames),
    )
