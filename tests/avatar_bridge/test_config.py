from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import pytest

from avatar_bridge.config import LEVELS, REGIONS, OneEuroConfig, SmoothingConfig
from avatar_bridge.errors import BridgeError


def test_every_filter_is_in_one_region() -> None:
    names = [name for filters in REGIONS.values() for name in filters]
    assert sorted(names) == sorted(f.name for f in fields(SmoothingConfig) if "OneEuro" in str(f.type))


def test_levels() -> None:
    assert SmoothingConfig.of("normal") == SmoothingConfig()
    light, strong, off = (SmoothingConfig.of(level) for level in ("light", "strong", "off"))
    normal = SmoothingConfig()
    for name in (name for filters in REGIONS.values() for name in filters):
        lags = [getattr(config, name).lag_ms(0.3) for config in (light, normal, strong)]
        assert lags[1] == pytest.approx(2 * lags[0])
        assert lags[2] == pytest.approx(2 * lags[1])
        assert getattr(off, name) is None
    assert not off.enabled
    assert light.enabled


def test_regions_have_levels_of_their_own_and_later_words_count() -> None:
    normal, config = SmoothingConfig(), SmoothingConfig.of("strong, eyes=light,head=off")
    assert normal.eyes is not None
    assert config.eyes == normal.eyes.times(2)
    assert (config.rotation, config.translation, config.scale) == (None, None, None)
    assert config.jaw == SmoothingConfig.of("strong").jaw
    assert config.eye_landmarks == SmoothingConfig.of("strong").eye_landmarks
    assert SmoothingConfig.of("eyes=light,strong") == SmoothingConfig.of("strong")
    assert SmoothingConfig.of("off,jaw=normal").enabled


@pytest.mark.parametrize(
    "text", ["", "much", "eye=light", "eyes=", "eyes=much", "=light", "normal,,light", "eyes=a=off"]
)
def test_what_is_no_smoothing_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(BridgeError, match="no smoothing") as error:
        SmoothingConfig.of(text)
    assert all(name in str(error.value) for name in (*LEVELS, *REGIONS))


@pytest.mark.parametrize("bad", [{"min_cutoff_hz": 0}, {"speed_cutoff_hz": -1}, {"beta": float("nan")}, {"beta": -0.1}])
def test_impossible_filters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BridgeError, match=next(iter(bad))):
        OneEuroConfig(**bad)


@pytest.mark.parametrize(
    "bad",
    [{"max_gap_ms": 0}, {"max_gap_ms": float("inf")}, {"confidence_power": -1}, {"confidence_power": float("nan")}],
)
def test_impossible_smoothing_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BridgeError, match=next(iter(bad))):
        SmoothingConfig(**bad)


def test_weight_falls_smoothly_with_confidence() -> None:
    weights = [SmoothingConfig().weight(confidence / 100) for confidence in range(101)]
    assert weights == sorted(weights)
    assert weights[100] == 1
    assert weights[99] > 0.95
    assert weights[50] == 1 / 16
    assert max(b - a for a, b in pairwise(weights)) < 0.05
    assert SmoothingConfig(confidence_power=0).weight(0.1) == 1
