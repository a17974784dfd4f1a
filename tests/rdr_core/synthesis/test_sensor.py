"""What webcams do to pictures: mostly little, sometimes a lot, and never does a landmark move."""

from __future__ import annotations

from dataclasses import fields

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdr_core.errors import ConfigError, DataError
from rdr_core.synthesis.sensor import SensorConfig, develop
from rdr_core.types import Float32, UInt8

SIZE = 160
NOTHING = {field.name: 0.0 for field in fields(SensorConfig)} | {"badness": 0.01}


@pytest.fixture(scope="module")
def portrait() -> UInt8:
    """Return soft blobs of colour with edges and a fine pattern, in the tones of a portrait."""
    rng = np.random.default_rng(5)
    picture = cv2.resize(rng.integers(40, 210, (6, 6, 3), np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    cv2.ellipse(picture, (80, 85), (38, 50), 0, 0, 360, (205, 160, 135), -1)
    cv2.circle(picture, (65, 75), 5, (40, 30, 25), -1)
    picture[110:130, 60:100] //= np.where(np.indices((20, 40)).sum(axis=0) % 4 < 2, 1, 2).astype(np.uint8)[..., None]
    return picture


def difference(first: UInt8, second: UInt8) -> float:
    return float(np.abs(first.astype(np.int16) - second).mean())


def detail(picture: UInt8) -> float:
    return float(cv2.Laplacian(picture, cv2.CV_32F).std())


@given(st.integers(0, 2**32 - 1), st.integers(16, 200))
@settings(max_examples=40)
def test_same_size_and_repeatable(seed: int, size: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    before = rgb.copy()
    first, second = (develop(np.random.default_rng(seed), rgb) for _ in range(2))
    assert first.shape == rgb.shape
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(rgb, before)


def test_most_are_decent_and_some_are_bad(portrait: UInt8) -> None:
    rng = np.random.default_rng(1)
    developed = [develop(rng, portrait) for _ in range(300)]
    off = np.array([difference(picture, portrait) for picture in developed])
    assert 3 < np.median(off) < 14
    assert 0.03 < (off > 30).mean() < 0.25
    sharpness = np.array([detail(picture) for picture in developed]) / detail(portrait)
    assert np.median(sharpness) > 0.6
    assert (sharpness < 0.35).mean() > 0.03
    assert 0.002 < np.mean([np.ptp(picture.astype(np.int16), axis=2).max() < 4 for picture in developed]) < 0.06


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_nothing_moves(seed: int) -> None:
    """A bright disc keeps its centre through every fault at its worst."""
    rgb = np.full((SIZE, SIZE, 3), 90, np.uint8)
    cv2.circle(rgb, (60, 96), 14, (170, 170, 170), -1)
    config = SensorConfig(badness=0.6, lens=1, motion=1, low_light=0, coarse=1, sharpen=1, compress=1, gray=0)
    developed = develop(np.random.default_rng(seed), rgb, config).astype(np.float32).mean(axis=2)
    excess = developed - np.median(developed)
    excess[excess < 0.35 * excess.max()] = 0
    window = excess[66:127, 30:91]
    rows, columns = np.indices(window.shape)
    center = np.array([(columns * window).sum(), (rows * window).sum()]) / window.sum() + [30, 66]
    np.testing.assert_allclose(center, [60, 96], atol=0.8)


def mean_of(portrait: UInt8, count: int = 25, **options: float) -> tuple[Float32, list[UInt8]]:
    rng = np.random.default_rng(2)
    pictures = [develop(rng, portrait, SensorConfig(**{**NOTHING, **options})) for _ in range(count)]
    return np.mean(pictures, axis=0), pictures


def test_a_perfect_camera_changes_little(portrait: UInt8) -> None:
    _, pictures = mean_of(portrait)
    assert np.median([difference(picture, portrait) for picture in pictures]) < 11
    assert np.median([detail(picture) for picture in pictures]) > 0.85 * detail(portrait)


@pytest.mark.parametrize(
    ("options", "softer"),
    [({"coarse": 1.0}, True), ({"motion": 1.0}, True), ({"lens": 1.0}, True), ({"sharpen": 1.0}, False)],
)
def test_each_fault_has_its_effect_on_detail(portrait: UInt8, options: dict[str, float], softer: bool) -> None:
    usual = np.median([detail(picture) for picture in mean_of(portrait)[1]])
    got = np.median([detail(picture) for picture in mean_of(portrait, **options)[1]])
    assert got < 0.95 * usual if softer else got > 1.05 * usual


def test_low_light_is_dark_and_noisy() -> None:
    flat = np.full((SIZE, SIZE, 3), 128, np.uint8)
    lit, dim = mean_of(flat), mean_of(flat, low_light=1.0)
    assert dim[0].mean() < lit[0].mean() - 20
    assert np.median([picture.std() for picture in dim[1]]) > 3 * np.median([picture.std() for picture in lit[1]])


def test_compression_makes_blocks(portrait: UInt8) -> None:
    def blockiness(picture: UInt8) -> float:
        step = np.abs(np.diff(picture.astype(np.float32).mean(axis=2), axis=1)).mean(axis=0)
        return float(step[7::8].mean() / np.delete(step, np.arange(7, len(step), 8)).mean())

    usual = np.mean([blockiness(picture) for picture in mean_of(portrait)[1]])
    assert np.mean([blockiness(picture) for picture in mean_of(portrait, compress=1.0, badness=0.9)[1]]) > usual * 1.03


@pytest.mark.parametrize("options", [{"lens": 1.5}, {"gray": -0.1}, {"badness": 0.0}, {"badness": 1.0}])
def test_impossible_cameras_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        SensorConfig(**options)


@pytest.mark.parametrize(
    "picture",
    [np.zeros((SIZE, SIZE, 3), np.float32), np.zeros((SIZE, SIZE), np.uint8), np.zeros((20, 30, 3), np.uint8),
     np.zeros((8, 8, 3), np.uint8)],
)  # fmt: skip
def test_other_pictures_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(DataError, match="square RGB"):
        develop(np.random.default_rng(0), picture)
