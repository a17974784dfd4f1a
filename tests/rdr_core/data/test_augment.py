"""Augmentation: repeatable, within its limits, and targets follow the pixels."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.data.augment import AugmentConfig, Stray, jitter_crop, misalign_crop, photometric
from rdr_core.data.crop import crop_from_landmarks
from rdr_core.errors import ConfigError

SHAPE = (np.random.default_rng(1).uniform(-50, 50, (68, 2)) + [160, 140]).astype(np.float32)


def test_same_seed_same_crop_and_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    config = AugmentConfig(blur=0.5, gray=0.5, occlusion=0.9)
    for seed in range(20):
        crops = [jitter_crop(np.random.default_rng(seed), SHAPE, 0.3, 64, config) for _ in range(2)]
        assert crops[0].to_crop.tobytes() == crops[1].to_crop.tobytes()
        pixels = [photometric(np.random.default_rng(seed), picture, config) for _ in range(2)]
        np.testing.assert_array_equal(pixels[0], pixels[1])
        assert pixels[0].shape == picture.shape
        assert pixels[0].dtype == np.uint8
    assert picture.sum() == np.random.default_rng(0).integers(0, 256, (64, 64, 3)).sum()  # the picture itself is kept


def test_jitter_keeps_the_face_in_the_crop() -> None:
    config = AugmentConfig()
    rolls = []
    for seed in range(200):
        crop = jitter_crop(np.random.default_rng(seed), SHAPE, 0.5, 64, config)
        inside = crop.points_to_crop(SHAPE)
        assert ((inside > -8) & (inside < 72)).all()
        ideal = crop_from_landmarks(SHAPE, 64, crop.roll_rad)
        assert 0.77 < crop.side_px / ideal.side_px < 1.36
        rolls.append(crop.roll_rad)
    assert 0.1 < np.std(rolls) < 0.25
    assert 0.36 < np.mean(rolls) < 0.48  # upright but for 60 % of the loose crops, a quarter of all


def test_no_jitter_is_the_ideal_crop() -> None:
    none = Stray(0, 0, 0, 0)
    config = AugmentConfig(tracked=none, detected=none, loose=Stray(1, 0, 0, 0, upright=0))
    crop = jitter_crop(np.random.default_rng(0), SHAPE, 0.5, 64, config)
    np.testing.assert_allclose(crop.to_crop, crop_from_landmarks(SHAPE, 64).to_crop)
    config = AugmentConfig(tracked=Stray(1, 0, 0, 0, scale_mean=0.1), detected=none, loose=none)
    upright = jitter_crop(np.random.default_rng(0), SHAPE, 0.5, 64, config)
    assert upright.roll_rad == 0.5
    assert upright.side_px == pytest.approx(crop_from_landmarks(SHAPE, 64, 0.5).side_px * np.exp(0.1))


def test_crops_are_of_each_kind_as_often_as_its_share_says() -> None:
    config = AugmentConfig(tracked=Stray(3, 0, 0, 0), detected=Stray(0, 0.1, 0, 0), loose=Stray(1, 0.2, 0, 0))
    rng = np.random.default_rng(0)
    drawn = [config.stray(rng).shift_std for _ in range(2000)]
    assert drawn.count(0) == pytest.approx(1500, abs=80)
    assert drawn.count(0.1) == 0


def test_misaligned_crops_do_not_show_the_face_as_they_should() -> None:
    kinds = set()
    for seed in range(200):
        crop = misalign_crop(np.random.default_rng(seed), SHAPE, 64)
        ideal = crop_from_landmarks(SHAPE, 64, crop.roll_rad)
        shift = np.linalg.norm(crop.center_px - ideal.center_px) / ideal.side_px
        scale = crop.side_px / ideal.side_px
        turn = abs((crop.roll_rad + np.pi) % (2 * np.pi) - np.pi)
        shifted, scaled, turned = shift > 0.28, scale < 0.7 or scale > 1.6, turn > 0.6
        assert shifted or scaled or turned
        kinds.add((shifted, scaled, turned))
    assert len(kinds) >= 3


def test_pixels_change_but_stay_recognisable() -> None:
    ramp = np.repeat(np.linspace(40, 200, 64, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    config = AugmentConfig(occlusion=0)
    correlations = []
    for seed in range(50):
        pixels = photometric(np.random.default_rng(seed), ramp, config)
        correlations.append(np.corrcoef(pixels.mean(axis=(0, 2)), ramp.mean(axis=(0, 2)))[0, 1])
    assert min(correlations) > 0.9
    assert len({photometric(np.random.default_rng(s), ramp, config).mean().round(1) for s in range(20)}) > 10


@pytest.mark.parametrize("wrong", [{"flip": 1.5}, {"blur": -0.1}, {"gray": 2}, {"occlusion": np.nan}])
def test_configuration(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="probabilities lie in"):
        AugmentConfig(**wrong)


def test_strays() -> None:
    for wrong in ({"shift_std": -1.0}, {"upright": 1.5}, {"share": np.nan}):
        with pytest.raises(ConfigError, match="shares and spreads are not negative"):
            Stray(**{"share": 1.0, "shift_std": 0.0, "scale_std": 0.0, "roll_std_rad": 0.0} | wrong)
    none = Stray(0, 0, 0, 0)
    with pytest.raises(ConfigError, match="must be positive"):
        AugmentConfig(tracked=none, detected=none, loose=none)
