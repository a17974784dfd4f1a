"""What the shipped smoothing promises: lag of each region, jitter that is left, blinks that are kept."""

from __future__ import annotations

import math

import pytest

from avatar_bridge.config import REGIONS, OneEuroConfig, SmoothingConfig
from avatar_bridge.filter_trials import TRIALS, blink_kept, jitter_left, region_lags_ms, stroke_lag_ms

LEVELS = [SmoothingConfig.of(level) for level in ("light", "normal", "strong")]
FILTERS = [name for names in REGIONS.values() for name in names]


def test_every_filter_has_a_trial() -> None:
    assert sorted(TRIALS) == sorted(FILTERS)


@pytest.mark.parametrize("level", ["light", "normal", "strong"])
@pytest.mark.parametrize("rate_hz", [25.0, 30.0, 60.0])
def test_a_blink_of_100_ms_keeps_nine_tenths_of_its_depth(level: str, rate_hz: float) -> None:
    eyes = SmoothingConfig.of(level).eyes
    for depth in (1.0, 0.5) if level == "strong" else (1.0, 0.5, 0.2):
        assert blink_kept("eyes", eyes, rate_hz, depth) >= 0.9
    assert blink_kept("eye_landmarks", SmoothingConfig().eye_landmarks, rate_hz, 0.8) >= 0.9


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("rate_hz", [25.0, 60.0])
def test_jitter_is_left_less_the_stronger(name: str, rate_hz: float) -> None:
    left = [jitter_left(name, getattr(config, name), rate_hz) for config in LEVELS]
    assert left[2] < left[1] < left[0] < 0.75
    assert left[1] < (0.5 if name == "eyes" else 0.6 if name == "eye_landmarks" else 0.4)


@pytest.mark.parametrize("rate_hz", [25.0, 30.0, 60.0])
def test_lag_of_the_shipped_smoothing(rate_hz: float) -> None:
    lags = region_lags_ms(SmoothingConfig(), rate_hz)
    assert list(lags) == list(REGIONS)
    assert 0 < lags["eyes"] < 2
    assert all(5 < lags[region] < 15 for region in REGIONS if region != "eyes")
    assert all(lag < lags[region] for region, lag in region_lags_ms(SmoothingConfig.of("light"), rate_hz).items())
    assert set(region_lags_ms(SmoothingConfig.of("off"), rate_hz).values()) == {0.0}


def test_lag_is_the_time_constant_of_a_plain_low_pass() -> None:
    """A slow stroke through a fixed low pass is late by its time constant, at any rate."""
    for rate_hz in (30.0, 60.0):
        for name in ("translation", "rotation"):
            lag_ms = stroke_lag_ms(name, OneEuroConfig(8.0, 0.0), rate_hz)
            assert lag_ms == pytest.approx(1000 / (2 * math.pi * 8.0), rel=0.1)


def test_a_plain_low_pass_leaves_what_theory_says_of_noise_and_blinks() -> None:
    config, rate_hz = OneEuroConfig(4.0, 0.0), 60.0
    a = 1 / (1 + rate_hz / (2 * math.pi * 4.0))
    assert jitter_left("mouth", config, rate_hz) == pytest.approx(math.sqrt(a / (2 - a)), rel=0.05)
    assert blink_kept("eyes", config, rate_hz) == pytest.approx(blink_kept("eyes", config, rate_hz, 0.2))
    assert blink_kept("eyes", config, rate_hz) < 0.8


def test_off_changes_nothing() -> None:
    for name in FILTERS:
        trial = (stroke_lag_ms(name, None, 30), jitter_left(name, None, 30), blink_kept(name, None, 30))
        assert trial == (0.0, 1.0, 1.0)
