from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_bridge.config import OneEuroConfig, SmoothingConfig
from avatar_bridge.errors import BridgeError
from avatar_bridge.filters import (
    OneEuroFilter,
    RotationFilter,
    conjugate,
    matrix_from_quaternion,
    multiply,
    quaternion_from_rotation_vector,
    rotation_vector,
)

START_NS = 1_700_000_000_000_000_000


def times_ns(count: int, rate_hz: float) -> list[int]:
    return [START_NS + round(i * 1e9 / rate_hz) for i in range(count)]


def published_filter(samples: list[float], rate_hz: float, config: OneEuroConfig) -> list[float]:
    """Algorithm 1 of the paper, word by word, for one number at a fixed rate."""

    def alpha(cutoff: float) -> float:
        tau = 1 / (2 * math.pi * cutoff)
        te = 1 / rate_hz
        return 1 / (1 + tau / te)

    out: list[float] = []
    derivative = 0.0
    for x in samples:
        if not out:
            out.append(x)
            continue
        dx = (x - out[-1]) * rate_hz
        derivative = alpha(config.speed_cutoff_hz) * dx + (1 - alpha(config.speed_cutoff_hz)) * derivative
        a = alpha(config.min_cutoff_hz + config.beta * abs(derivative))
        out.append(a * x + (1 - a) * out[-1])
    return out


@given(
    samples=st.lists(st.floats(-100, 100), min_size=2, max_size=40),
    rate_hz=st.sampled_from([25.0, 50.0, 100.0]),  # whole ns a frame
    min_cutoff_hz=st.floats(0.1, 10),
    beta=st.floats(0, 5),
)
def test_agrees_with_the_published_algorithm(
    samples: list[float], rate_hz: float, min_cutoff_hz: float, beta: float
) -> None:
    config = OneEuroConfig(min_cutoff_hz, beta, 1.0)
    smooth = OneEuroFilter(config)
    ours = [float(smooth.filter(np.array(x), t)) for x, t in zip(samples, times_ns(len(samples), rate_hz), strict=True)]
    np.testing.assert_allclose(ours, published_filter(samples, rate_hz, config), rtol=1e-9, atol=1e-9)


def test_step_response_without_beta_is_the_exponential() -> None:
    config, rate_hz = OneEuroConfig(1.0, 0.0), 50.0
    smooth = OneEuroFilter(config)
    samples = [0.0] + [1.0] * 30
    ours = [float(smooth.filter(np.array(x), t)) for x, t in zip(samples, times_ns(31, rate_hz), strict=True)]
    alpha = 1 / (1 + rate_hz / (2 * math.pi))
    np.testing.assert_allclose(ours, 1 - (1 - alpha) ** np.arange(31), rtol=1e-9)


@pytest.mark.parametrize("rate_hz", [25.0, 60.0])
def test_a_ramp_is_late_by_lag_ms(rate_hz: float) -> None:
    config = OneEuroConfig(1.5, 2.0, 2.0)
    smooth, speed = OneEuroFilter(config), 3.0
    out = 0.0
    for i, time_ns in enumerate(times_ns(200, rate_hz)):
        out = float(smooth.filter(np.array(speed * i / rate_hz), time_ns))
    late_ms = (speed * 199 / rate_hz - out) / speed * 1000
    assert late_ms == pytest.approx(smooth.lag_ms(), rel=1e-3)
    assert late_ms < config.lag_ms(speed) < config.lag_ms()
    # The measured speed is (slope * late + slope * dt) / dt, late the time constant of the cutoff that follows from it.
    measured = speed * (late_ms / 1000 * rate_hz + 1)
    assert late_ms == pytest.approx(config.lag_ms(measured), rel=1e-3)


@given(
    value=hnp.arrays(np.float64, 5, elements=st.floats(-1e3, 1e3)),
    steps_ms=st.lists(st.integers(0, 200), max_size=20),
)
def test_a_constant_stays_constant(value: np.ndarray, steps_ms: list[int]) -> None:
    smooth = OneEuroFilter(OneEuroConfig(1.0, 0.5))
    for time_ms in np.cumsum([0, *steps_ms]):
        np.testing.assert_array_equal(smooth.filter(value, START_NS + int(time_ms) * 1_000_000), value)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_never_overshoots(samples: list[float]) -> None:
    smooth = OneEuroFilter(OneEuroConfig(1.0, 3.0))
    out = [float(smooth.filter(np.array(x), t)) for x, t in zip(samples, times_ns(len(samples), 30), strict=True)]
    assert min(samples) - 1e-12 <= min(out)
    assert max(out) <= max(samples) + 1e-12


@pytest.mark.parametrize("region", ["expression", "eyelids", "rotation", "translation", "scale", "landmarks"])
@pytest.mark.parametrize("rate_hz", [25.0, 60.0])
def test_defaults_take_jitter_away(region: str, rate_hz: float) -> None:
    config = getattr(SmoothingConfig(), region)
    noise = np.random.default_rng(0).normal(0, 0.02, (400, 20))
    smooth = OneEuroFilter(config)
    out = np.array([smooth.filter(x, t) for x, t in zip(noise, times_ns(400, rate_hz), strict=True)])[50:]
    assert out.std() < (0.75 if region == "eyelids" else 0.6) * noise.std()
    assert abs(out.mean()) < 0.002


@pytest.mark.parametrize("rate_hz", [25.0, 30.0, 60.0])
def test_a_blink_survives_the_defaults(rate_hz: float) -> None:
    smooth = OneEuroFilter(SmoothingConfig().eyelids)
    blink = np.clip(1 - np.abs(np.arange(45) / rate_hz - 20 / rate_hz) / 0.1, 0, 1)  # 100 ms down, 100 ms up
    out = [float(smooth.filter(np.array(x), t)) for x, t in zip(blink, times_ns(45, rate_hz), strict=True)]
    assert max(out) > 0.93
    assert np.argmax(out) == np.argmax(blink)


def test_reset_starts_anew_and_time_standing_still_changes_nothing() -> None:
    smooth = OneEuroFilter(OneEuroConfig(1.0))
    smooth.filter(np.array(0.0), START_NS)
    first = float(smooth.filter(np.array(1.0), START_NS + 40_000_000))
    assert 0 < first < 1
    assert float(smooth.filter(np.array(5.0), START_NS + 40_000_000)) == first
    smooth.reset()
    assert float(smooth.filter(np.array(5.0), START_NS)) == 5


def test_unit_makes_the_size_of_the_picture_not_matter() -> None:
    small, large = OneEuroFilter(OneEuroConfig(1.0, 0.3)), OneEuroFilter(OneEuroConfig(1.0, 0.3))
    path = np.cumsum(np.random.default_rng(1).normal(0, 5, 30))
    for x, t in zip(path, times_ns(30, 30), strict=True):
        a, b = small.filter(np.array(x), t, unit=10), large.filter(np.array(4 * x), t, unit=40)
        assert float(b) == pytest.approx(4 * float(a), rel=1e-9)


@pytest.mark.parametrize("bad", [{"min_cutoff_hz": 0}, {"speed_cutoff_hz": -1}, {"beta": float("nan")}, {"beta": -0.1}])
def test_impossible_options_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BridgeError, match=next(iter(bad))):
        OneEuroConfig(**bad)


UNIT_QUATERNIONS = hnp.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.05)
TURNS = hnp.arrays(np.float64, 3, elements=st.floats(-1.8, 1.8))


@given(UNIT_QUATERNIONS, UNIT_QUATERNIONS)
def test_quaternion_product_is_the_product_of_matrices(first: np.ndarray, second: np.ndarray) -> None:
    first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
    both = matrix_from_quaternion(multiply(first, second))
    np.testing.assert_allclose(both, matrix_from_quaternion(first) @ matrix_from_quaternion(second), atol=1e-12)
    np.testing.assert_allclose(matrix_from_quaternion(conjugate(first)), matrix_from_quaternion(first).T, atol=1e-12)


@given(TURNS)
def test_rotation_vector_round_trip(turn_rad: np.ndarray) -> None:
    quaternion = quaternion_from_rotation_vector(turn_rad)
    expected = (
        turn_rad if np.linalg.norm(turn_rad) <= math.pi else turn_rad * (1 - 2 * math.pi / np.linalg.norm(turn_rad))
    )
    np.testing.assert_allclose(rotation_vector(quaternion), expected, atol=1e-7)
    np.testing.assert_allclose(rotation_vector(-quaternion), expected, atol=1e-7)


@given(UNIT_QUATERNIONS, TURNS, st.lists(st.booleans(), min_size=12, max_size=12))
def test_signs_of_quaternions_do_not_matter(start: np.ndarray, rate: np.ndarray, flips: list[bool]) -> None:
    start = start / np.linalg.norm(start)
    plain, flipped = RotationFilter(OneEuroConfig(1.0, 1.0)), RotationFilter(OneEuroConfig(1.0, 1.0))
    previous = start
    for i, (flip, time_ns) in enumerate(zip(flips, times_ns(12, 30), strict=True)):
        quaternion = multiply(start, quaternion_from_rotation_vector(rate * i / 30))
        out = plain.filter(quaternion, time_ns)
        other = flipped.filter(-quaternion if flip else quaternion, time_ns)
        np.testing.assert_allclose(matrix_from_quaternion(out), matrix_from_quaternion(other), atol=1e-9)
        assert out @ previous > 0.9
        assert np.linalg.norm(out) == pytest.approx(1, abs=1e-12)
        previous = out


def test_rotation_about_one_axis_is_the_filter_of_the_angle() -> None:
    config = OneEuroConfig(1.5, 2.0, 2.0)
    of_rotation, of_angle = RotationFilter(config), OneEuroFilter(config)
    yaws = np.cumsum(np.random.default_rng(2).normal(0, 0.2, 60))  # runs through the wrap at pi as if it were not there
    for yaw, time_ns in zip(yaws, times_ns(60, 30), strict=True):
        quaternion = of_rotation.filter(np.array([math.cos(yaw / 2), 0, math.sin(yaw / 2), 0]), time_ns)
        angle = float(of_angle.filter(np.array(yaw), time_ns))
        np.testing.assert_allclose(quaternion, [math.cos(angle / 2), 0, math.sin(angle / 2), 0], atol=1e-9)
