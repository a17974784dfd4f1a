from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_bridge.config import OneEuroConfig
from avatar_bridge.one_euro import OneEuroFilter, RotationFilter
from avatar_bridge.quaternions import matrix_from_quaternion, multiply, quaternion_from_rotation_vector

START_NS = 1_700_000_000_000_000_000
NAN, INF = float("nan"), float("inf")


def times_ns(count: int, rate_hz: float) -> list[int]:
    return [START_NS + round(i * 1e9 / rate_hz) for i in range(count)]


def filtered(smooth: OneEuroFilter, samples: list[float], rate_hz: float, weight: float = 1.0) -> list[float]:
    times = times_ns(len(samples), rate_hz)
    return [smooth.filter([x], time_ns, weight)[0] for x, time_ns in zip(samples, times, strict=True)]


def yaw(angle_rad: float) -> list[float]:
    return [math.cos(angle_rad / 2), 0.0, math.sin(angle_rad / 2), 0.0]


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
    ours = filtered(OneEuroFilter(config), samples, rate_hz)
    np.testing.assert_allclose(ours, published_filter(samples, rate_hz, config), rtol=1e-9, atol=1e-9)


def test_step_response_without_beta_is_the_exponential() -> None:
    rate_hz = 50.0
    ours = filtered(OneEuroFilter(OneEuroConfig(1.0, 0.0)), [0.0] + [1.0] * 30, rate_hz)
    alpha = 1 / (1 + rate_hz / (2 * math.pi))
    np.testing.assert_allclose(ours, 1 - (1 - alpha) ** np.arange(31), rtol=1e-9)


@pytest.mark.parametrize("rate_hz", [25.0, 60.0])
def test_a_ramp_is_late_by_lag_ms(rate_hz: float) -> None:
    config = OneEuroConfig(1.5, 2.0, 2.0)
    smooth, speed = OneEuroFilter(config), 3.0
    assert smooth.lag_ms() == config.lag_ms()
    out = filtered(smooth, [speed * i / rate_hz for i in range(200)], rate_hz)
    late_ms = (speed * 199 / rate_hz - out[-1]) / speed * 1000
    assert late_ms == pytest.approx(smooth.lag_ms(), rel=1e-3)
    assert late_ms < config.lag_ms(speed) < config.lag_ms()
    # The measured speed is (slope * late + slope * dt) / dt, late the time constant of the cutoff that follows from it.
    measured = speed * (late_ms / 1000 * rate_hz + 1)
    assert late_ms == pytest.approx(config.lag_ms(measured), rel=1e-3)


@given(
    value=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5),
    steps_ms=st.lists(st.integers(-50, 200), max_size=20),
    weights=st.lists(st.floats(0, 1), min_size=21, max_size=21),
)
def test_a_constant_stays_constant(value: list[float], steps_ms: list[int], weights: list[float]) -> None:
    smooth = OneEuroFilter(OneEuroConfig(1.0, 0.5))
    for time_ms, weight in zip(np.cumsum([0, *steps_ms]), weights, strict=False):
        assert smooth.filter(value, START_NS + int(time_ms) * 1_000_000, weight) == value


@given(
    samples=st.lists(st.floats(-1, 1), min_size=2, max_size=30),
    steps_us=st.lists(st.integers(-100_000, 400_000), min_size=30, max_size=30),
    weights=st.lists(st.floats(0, 1), min_size=30, max_size=30),
)
def test_never_overshoots_whatever_times_and_weights(
    samples: list[float], steps_us: list[int], weights: list[float]
) -> None:
    smooth, time_ns, out = OneEuroFilter(OneEuroConfig(1.0, 3.0)), START_NS, []
    for x, step_us, weight in zip(samples, steps_us, weights, strict=False):
        time_ns += 1000 * step_us
        out.append(smooth.filter([x], time_ns, weight)[0])
    assert min(samples) - 1e-12 <= min(out)
    assert max(out) <= max(samples) + 1e-12


def test_each_number_has_a_cutoff_of_its_own() -> None:
    both, one = OneEuroFilter(OneEuroConfig(1.0, 5.0)), OneEuroFilter(OneEuroConfig(1.0, 5.0))
    for i, time_ns in enumerate(times_ns(10, 30)):
        assert both.filter([0.1 * i, i % 2], time_ns)[0] == one.filter([0.1 * i], time_ns)[0]


def test_reset_starts_anew() -> None:
    smooth = OneEuroFilter(OneEuroConfig(1.0))
    smooth.filter([0.0], START_NS)
    assert 0 < smooth.filter([1.0], START_NS + 40_000_000)[0] < 1
    smooth.reset()
    assert smooth.filter([5.0], START_NS) == [5.0]


@pytest.mark.parametrize(
    ("value", "step_ms", "weight"),
    [(5.0, 0, 1.0), (5.0, -40, 1.0), (NAN, 40, 1.0), (INF, 40, 1.0), (5.0, 40, 0.0), (5.0, 40, NAN), (5.0, 40, -1.0)],
)
def test_what_does_not_count_leaves_no_trace(value: float, step_ms: int, weight: float) -> None:
    numbers, rotation = OneEuroFilter(OneEuroConfig(1.0, 2.0)), RotationFilter(OneEuroConfig(1.0, 2.0))
    plain, plain_rotation = OneEuroFilter(OneEuroConfig(1.0, 2.0)), RotationFilter(OneEuroConfig(1.0, 2.0))
    for i, time_ns in enumerate(times_ns(4, 25)):
        last, last_turn = plain.filter([0.1 * i, 0.0], time_ns), plain_rotation.filter(yaw(0.1 * i), time_ns)
        assert numbers.filter([0.1 * i, 0.0], time_ns) == last
        assert rotation.filter(yaw(0.1 * i), time_ns) == last_turn
        assert numbers.filter([1.0, value], time_ns + step_ms * 500_000, weight) == last
        turned = [value, 0.0, 0.0, 0.0] if not math.isfinite(value) else yaw(1.0)
        assert rotation.filter(turned, time_ns + step_ms * 500_000, weight) == last_turn


def test_before_the_first_good_sample_all_passes() -> None:
    smooth, rotation = OneEuroFilter(OneEuroConfig(1.0)), RotationFilter(OneEuroConfig(1.0))
    assert math.isnan(smooth.filter([NAN], START_NS)[0])
    assert smooth.filter([2.0], START_NS, 0.0) == [2.0]
    assert smooth.filter([3.0], START_NS - 1) == [3.0]  # nothing has been taken up yet
    assert rotation.filter([0.0] * 4, START_NS) == [0.0] * 4
    assert rotation.filter(yaw(1.0), START_NS) == yaw(1.0)


@given(weight=st.floats(0.01, 1), step=st.floats(-2, 2))
def test_a_sample_moves_the_output_as_far_as_it_counts(weight: float, step: float) -> None:
    config = OneEuroConfig(1.0)
    outputs = []
    for counts in (1.0, weight):
        smooth, rotation = OneEuroFilter(config), RotationFilter(config)
        smooth.filter([0.0], START_NS)
        rotation.filter(yaw(0.0), START_NS)
        (moved,) = smooth.filter([step], START_NS + 33_000_000, counts)
        turned = rotation.filter(yaw(step), START_NS + 33_000_000, counts)
        outputs.append((moved, 2 * math.atan2(turned[2], turned[0])))
    np.testing.assert_allclose(outputs[1], weight * np.array(outputs[0]), atol=1e-9)


def test_an_uncertain_outlier_hardly_shows() -> None:
    config = OneEuroConfig(1.0, 12.0, 12.0)
    certain, uncertain = OneEuroFilter(config), OneEuroFilter(config)
    highest = [0.0, 0.0]
    for i, time_ns in enumerate(times_ns(60, 30)):
        for k, (smooth, weight) in enumerate(((certain, 1.0), (uncertain, 0.5**4 if i == 30 else 1.0))):
            highest[k] = max(highest[k], smooth.filter([0.8 if i == 30 else 0.0], time_ns, weight)[0])
    assert highest[0] > 0.7
    assert highest[1] < 0.05


def test_unit_makes_the_size_of_the_picture_not_matter() -> None:
    small, large = OneEuroFilter(OneEuroConfig(1.0, 0.3)), OneEuroFilter(OneEuroConfig(1.0, 0.3))
    path = np.cumsum(np.random.default_rng(1).normal(0, 5, 30))
    for x, t in zip(path, times_ns(30, 30), strict=True):
        (a,), (b,) = small.filter([x], t, unit=10), large.filter([4 * x], t, unit=40)
        assert b == pytest.approx(4 * a, rel=1e-9)


UNIT_QUATERNIONS = hnp.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.05)
TURNS = hnp.arrays(np.float64, 3, elements=st.floats(-1.8, 1.8))


@given(UNIT_QUATERNIONS, TURNS, st.lists(st.booleans(), min_size=12, max_size=12))
def test_signs_of_quaternions_do_not_matter(start: np.ndarray, rate: np.ndarray, flips: list[bool]) -> None:
    start = start / np.linalg.norm(start)
    plain, flipped = RotationFilter(OneEuroConfig(1.0, 1.0)), RotationFilter(OneEuroConfig(1.0, 1.0))
    previous = start
    for i, (flip, time_ns) in enumerate(zip(flips, times_ns(12, 30), strict=True)):
        quaternion = multiply(start.tolist(), quaternion_from_rotation_vector((rate * i / 30).tolist()))
        out = np.array(plain.filter(quaternion, time_ns))
        other = flipped.filter([-value for value in quaternion] if flip else quaternion, time_ns)
        np.testing.assert_allclose(matrix_from_quaternion(out), matrix_from_quaternion(other), atol=1e-9)
        assert out @ previous > 0.9
        assert np.linalg.norm(out) == pytest.approx(1, abs=1e-12)
        previous = out


def test_rotation_about_one_axis_is_the_filter_of_the_angle() -> None:
    config = OneEuroConfig(1.5, 2.0, 2.0)
    of_rotation, of_angle = RotationFilter(config), OneEuroFilter(config)
    rng = np.random.default_rng(2)
    yaws = np.cumsum(rng.normal(0, 0.2, 60))  # runs through the wrap at pi as if it were not there
    for angle, time_ns, weight in zip(yaws, times_ns(60, 30), rng.uniform(0.1, 1, 60), strict=True):
        quaternion = of_rotation.filter(yaw(angle), time_ns, weight)
        (smooth,) = of_angle.filter([angle], time_ns, weight)
        np.testing.assert_allclose(quaternion, yaw(smooth), atol=1e-9)
    assert of_rotation.lag_ms() == pytest.approx(of_angle.lag_ms())
