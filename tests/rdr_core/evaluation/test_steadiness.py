"""Jitter and lag of made-up tracks whose noise and delay are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.errors import ConfigError
from rdr_core.evaluation.face_series import COEFFICIENT_GROUPS, LANDMARK_GROUPS, FaceSeries
from rdr_core.evaluation.steadiness import (
    MOVING,
    Lag,
    RestConfig,
    describe,
    jitter_samples,
    lag,
    lags,
    pooled,
    pooled_lag,
    rest_frames,
    second_difference,
    smoothed,
    wrapped,
)
from rdr_core.types import Float32

RATE_HZ = 25.0
INTER_OCULAR_PX = 100.0
FACE_PX = np.random.default_rng(5).uniform(100, 250, (68, 2))


def still(frames: int) -> FaceSeries:
    """A face that does not move at all, turned by half a circle so that its roll may wrap."""
    return FaceSeries(
        np.tile(FACE_PX, (frames, 1, 1)),
        np.tile([0.1, -0.2, np.pi - 1e-4], (frames, 1)),
        np.tile([170.0, 160.0], (frames, 1)),
        np.full(frames, 11.0),
        np.full((frames, 46), 0.3),
    )


def noisy(rng: np.random.Generator, series: FaceSeries, std: float) -> FaceSeries:
    """White noise: `std` px on points, 0.01 std rad, 0.001 std of the size, 0.01 std of coefficients."""
    frames = len(series.alpha_exp)
    return FaceSeries(
        series.landmarks_px + rng.normal(0, std, (frames, 68, 2)),
        wrapped(series.euler_rad + rng.normal(0, 0.01 * std, (frames, 3))),
        series.translation_px + rng.normal(0, std, (frames, 2)),
        series.scale_px_per_cm * np.exp(rng.normal(0, 0.001 * std, frames)),
        series.alpha_exp + rng.normal(0, 0.01 * std, (frames, 46)),
    )


def curve(times_s: Float32, channels: int = 3) -> Float32:
    """A smooth motion, (T, k), with content up to 2 Hz."""
    rng = np.random.default_rng(1)
    hz, phase, size = rng.uniform(0.3, 2.0, (3, 6, channels)) * np.array([1, 3, 1])[:, None, None]
    return (size * np.sin(2 * np.pi * hz * times_s[:, None, None] + phase)).sum(axis=1)


def faster(speed: Float32, threshold: float) -> np.ndarray:
    """(T,) bool: which frames move."""
    return np.nan_to_num(np.abs(speed)).max(axis=1) > threshold


def test_white_noise_has_a_second_difference_of_root_six() -> None:
    frames, std = 2000, 0.5
    rest = np.ones(frames, bool)
    rms = {
        name: one["rms"]
        for name, one in describe(
            jitter_samples(noisy(np.random.default_rng(0), still(frames), std), rest, INTER_OCULAR_PX)
        ).items()
    }
    one_number, a_length = np.sqrt(6) * std, np.sqrt(12) * std
    assert rms["landmarks_px"] == pytest.approx(a_length, rel=0.02)
    assert rms["landmarks_percent"] == pytest.approx(a_length, rel=0.02)  # 100 px are 100 %
    assert rms["position_percent"] == pytest.approx(a_length, rel=0.05)
    for angle in ("pitch", "yaw", "roll"):  # the roll jumps between -pi and pi
        assert rms[f"{angle}_deg"] == pytest.approx(np.degrees(0.01 * one_number), rel=0.06)
    assert rms["turn_deg"] == pytest.approx(np.sqrt(3) * np.degrees(0.01 * one_number), rel=0.06)
    assert rms["size_percent"] == pytest.approx(0.1 * one_number, rel=0.06)
    for part in ("", *(f"{part}_" for part in COEFFICIENT_GROUPS)):
        assert rms[f"coefficients_{part}percent"] == pytest.approx(one_number, rel=0.05)
    for part in LANDMARK_GROUPS:
        assert rms[f"landmarks_{part}_percent"] == pytest.approx(a_length, rel=0.03)


def test_p95_of_noise() -> None:
    values = np.random.default_rng(2).normal(0, 1.0, 20_000)
    described = describe({"x": np.abs(second_difference(values, np.ones(len(values), bool)))})["x"]
    assert described["p95"] == pytest.approx(1.96 * np.sqrt(6), rel=0.03)  # normal: 95 % lie within 1.96 deviations
    assert np.isnan(describe({"x": np.empty((0, 3))})["x"]["rms"])


@given(st.floats(-5, 5), st.floats(-3, 3))
def test_a_steady_drift_is_no_jitter(start: float, speed: float) -> None:
    values = start + speed * np.arange(20.0)
    assert np.abs(second_difference(values, np.ones(20, bool))).max() < 1e-12


def test_differences_stay_within_rest() -> None:
    values = np.array([0.0, 0, 0, 9, 9, 9, 9])
    rest = np.array([1, 1, 1, 0, 1, 1, 1], bool)
    assert second_difference(values, rest).tolist() == [0, 0]
    assert second_difference(values[:2], rest[:2]).shape == (0,)


def test_rest_is_found_between_motions() -> None:
    frames, rng = 100, np.random.default_rng(3)
    series = noisy(rng, still(frames), 0.4)
    landmarks = series.landmarks_px.copy()
    landmarks[40:60] += 6 * np.sin(np.arange(20) / 20 * 4 * np.pi)[:, None, None]  # the whole head, to and fro
    rest = rest_frames(landmarks, INTER_OCULAR_PX, RATE_HZ, RestConfig())
    assert rest[:37].all()
    assert rest[63:].all()
    assert not rest[42:58].any()
    assert rest_frames(still(frames).landmarks_px, INTER_OCULAR_PX, RATE_HZ, RestConfig()).all()


@pytest.mark.parametrize("part", LANDMARK_GROUPS)
def test_a_part_that_moves_alone_is_no_rest(part: str) -> None:
    """A blink: three frames, after which everything is as before."""
    landmarks = still(60).landmarks_px
    landmarks[30:33, LANDMARK_GROUPS[part], 1] += 8
    rest = rest_frames(landmarks, INTER_OCULAR_PX, RATE_HZ, RestConfig())
    assert not rest[29:34].any()
    assert rest[:25].all()
    assert rest[38:].all()


def test_rest_needs_time_and_a_face() -> None:
    landmarks = still(40).landmarks_px
    assert not rest_frames(landmarks[:7], INTER_OCULAR_PX, RATE_HZ, RestConfig()).any()
    assert rest_frames(landmarks[:8], INTER_OCULAR_PX, RATE_HZ, RestConfig()).all()
    assert not rest_frames(landmarks[:12], INTER_OCULAR_PX, 60.0, RestConfig()).any()  # 0.3 s are 18 frames
    landmarks[20] = np.nan
    rest = rest_frames(landmarks, INTER_OCULAR_PX, RATE_HZ, RestConfig())
    assert rest.tolist() == [True] * 19 + [False] * 3 + [True] * 18  # a neighbour's average knows it, too


@pytest.mark.parametrize("options", [{"reach_percent": 0}, {"least_frames": 2}, {"least_s": float("nan")}], ids=str)
def test_rest_config_is_checked(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="rest needs a positive reach and time"):
        RestConfig(**options)


def test_smoothing_keeps_lines_and_ends() -> None:
    line = np.arange(12.0)
    assert np.allclose(smoothed(line, np.ones(3) / 3)[1:-1], line[1:-1])
    assert smoothed(np.ones((4, 2)), np.ones(5) / 5).tolist() == np.ones((4, 2)).tolist()


@given(st.floats(0, 6), st.sampled_from([25.0, 30.0, 60.0]))
def test_a_delay_is_found_to_parts_of_a_frame(delay_frames: float, rate_hz: float) -> None:
    times = np.arange(150) / rate_hz
    raw, late = (np.diff(curve(t), axis=0) * rate_hz for t in (times, times - delay_frames / rate_hz))
    found = lag(raw, late, faster(raw, 0.5), rate_hz)
    assert found is not None
    assert found.milliseconds == pytest.approx(1e3 * delay_frames / rate_hz, abs=0.06 * 1e3 / rate_hz)
    assert found.correlation > 0.99


def test_a_delay_is_found_in_noise() -> None:
    rng, times = np.random.default_rng(4), np.arange(400) / RATE_HZ
    raw = np.diff(curve(times) + rng.normal(0, 0.03, (400, 3)), axis=0) * RATE_HZ
    late = np.diff(curve(times - 0.1) + rng.normal(0, 0.03, (400, 3)), axis=0) * RATE_HZ
    found = lag(raw, late, faster(raw, 0.5), RATE_HZ)
    assert found is not None
    assert found.milliseconds == pytest.approx(100, abs=5)


def test_every_part_has_its_own_lag() -> None:
    """The series is delayed as a whole; parts that stand still tell nothing."""
    frames, delay_s = 200, 0.07
    times = np.arange(frames) / RATE_HZ

    def moving(at: Float32) -> FaceSeries:
        series, motion = still(frames), curve(at, 3)
        alpha_exp = series.alpha_exp.copy()
        alpha_exp[:, COEFFICIENT_GROUPS["jaw"][0]] += 0.02 * motion[:, 0]
        return replace(
            series,
            landmarks_px=series.landmarks_px + motion[:, None, :2],
            euler_rad=wrapped(series.euler_rad + 0.05 * motion),
            alpha_exp=alpha_exp,
        )

    found = lags(moving(times), moving(times - delay_s), INTER_OCULAR_PX, RATE_HZ)
    assert set(found) == set(MOVING)
    assert {part for part, one in found.items() if one is None} == {"position", "brows", "eyes", "mouth"}
    for part in ("head", "jaw", "landmarks"):
        assert found[part].milliseconds == pytest.approx(1e3 * delay_s, abs=2)


def test_a_lag_needs_motion_and_a_peak() -> None:
    times = np.arange(100) / RATE_HZ
    speed = np.diff(curve(times), axis=0) * RATE_HZ
    assert lag(speed, speed, faster(speed, 1e6), RATE_HZ) is None  # nothing moves that fast
    assert lag(speed, np.zeros_like(speed), faster(speed, 0.5), RATE_HZ) is None  # the filter is stuck
    noise, other = np.random.default_rng(6).normal(0, 1, (2, 200, 3))
    assert lag(noise, other, faster(noise, 0.5), RATE_HZ) is None  # nothing to do with each other
    slow = smoothed(noise, np.ones(31) / 31)
    assert lag(slow, np.roll(slow, 9, axis=0), faster(slow, 0.01), RATE_HZ) is None  # later than is looked for
    assert lag(slow, np.roll(slow, 6, axis=0), faster(slow, 0.01), RATE_HZ) is not None
    gaps = speed.copy()
    gaps[10:20] = np.nan
    known = lag(gaps, gaps, faster(gaps, 0.5), RATE_HZ)
    assert known is not None
    assert known.milliseconds == pytest.approx(0, abs=1)
    assert known.moving_frames < len(speed) - 10


def test_noise_is_no_motion() -> None:
    """About that of the shipped network."""
    rng, frames = np.random.default_rng(8), 400
    series = noisy(rng, still(frames), 0.5)
    assert set(lags(series, series, INTER_OCULAR_PX, RATE_HZ).values()) == {None}


def test_pooling() -> None:
    together = pooled([{"x": np.array([[1.0], [2.0]])}, {"x": np.array([[3.0]])}])
    assert together["x"].tolist() == [[1], [2], [3]]
    assert pooled_lag([None, None]) is None
    assert pooled_lag([Lag(10, 1.0, 30), None, Lag(40, 0.5, 10)]) == Lag(17.5, 0.875, 40)
