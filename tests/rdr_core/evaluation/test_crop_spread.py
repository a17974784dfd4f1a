"""Offsets between crops, and what is made of answers seen through them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.crop import Crop
from rdr_core.errors import ConfigError
from rdr_core.evaluation.crop_spread import (
    RecropConfig,
    draw_offsets,
    moved_crop,
    pull,
    recrop,
    recrop_samples,
)
from rdr_core.evaluation.face_series import ClipTrack, FaceSeries, Recrop
from rdr_core.types import FacePrediction, Float32, Pose

CROP = Crop(np.array([160.0, 120.0], np.float32), 140.0, 128, 0.3)
FACE_PX = np.random.default_rng(5).uniform(100, 220, (68, 2))
ANGLES_RAD = np.array([0.1, -0.2, 0.3])
small = st.floats(-0.3, 0.3)


def clip_with(looks: list[Recrop]) -> ClipTrack:
    nothing = FaceSeries(*(np.empty((0, *shape)) for shape in ((68, 2), (3,), (2,), (), (46,))))
    return ClipTrack(
        "clip", "who", 25.0, nothing, nothing, 50.0, np.empty(0), np.empty((0, 50)), np.empty((0, 4)), tuple(looks)
    )


def seen(offsets: Float32, landmarks: Float32, roll_rad: Float32, alpha_exp: Float32) -> Recrop:
    def prediction(points: Float32, roll: float, alpha: Float32) -> FacePrediction:
        pose = Pose(np.array([*ANGLES_RAD[:2], roll]), np.zeros(3), 10.0)
        return FacePrediction(points, points, np.zeros((68, 3)), pose, alpha, np.zeros(50), 1.0)

    return recrop(0, CROP, offsets, [prediction(*one) for one in zip(landmarks, roll_rad, alpha_exp, strict=True)])


@given(small, small, small, small)
def test_offset_and_back(across: float, down: float, log_side: float, roll: float) -> None:
    offset = np.array([across, down, log_side, roll])
    assert np.allclose(moved_crop(CROP, offset).offset_from(CROP), offset, atol=1e-6)


def test_offset_is_along_the_ideal_crops_axes() -> None:
    upright = Crop(np.array([100.0, 100.0], np.float32), 200.0, 128)
    lower = Crop(np.array([100.0, 120.0], np.float32), 200.0, 128, 3.0)
    assert np.allclose(lower.offset_from(upright), [0, 0.1, 0, 3.0])
    lying = Crop(np.array([100.0, 100.0], np.float32), 200.0, 128, np.pi / 2)  # its right is down in the image
    assert np.allclose(lower.offset_from(lying)[:3], [0.1, 0, 0], atol=1e-7)
    turned = Crop(np.array([100.0, 100.0], np.float32), 100.0, 128, -3.0)
    assert np.allclose(lower.offset_from(turned)[2:], [np.log(2), 6 - 2 * np.pi])


def test_drawn_offsets_have_their_spreads() -> None:
    offsets = draw_offsets(np.random.default_rng(0), RecropConfig(1, 4000, 0.01, 0.02, 0.05))
    assert np.allclose(offsets.std(axis=0), [0.01, 0.01, 0.02, 0.05], rtol=0.05)
    assert np.allclose(offsets.mean(axis=0), 0, atol=0.003)


@pytest.mark.parametrize("options", [{"every": 0}, {"crops": 1}, {"shift_std": -0.1}, {"roll_std_rad": 0.5}], ids=str)
def test_recrop_config_is_checked(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="another look needs 2 crops"):
        RecropConfig(**options)


def test_spreads_are_those_of_the_noise() -> None:
    rng, crops = np.random.default_rng(0), 50
    looks = [
        seen(
            np.zeros((crops, 4)),
            FACE_PX + rng.normal(0, 0.5, (crops, 68, 2)),
            np.pi + rng.normal(0, 0.01, crops),  # about where angles wrap
            0.5 + rng.normal(0, 0.02, (crops, 46)),
        )
        for _ in range(20)
    ]
    rms = {name: np.sqrt((values**2).mean()) for name, values in recrop_samples(clip_with(looks)).items()}
    assert rms["landmarks_px"] == pytest.approx(0.5 * np.sqrt(2), rel=0.02)
    assert rms["landmarks_percent"] == pytest.approx(np.sqrt(2), rel=0.02)  # of 50 px
    assert rms["roll_deg"] == pytest.approx(np.degrees(0.01), rel=0.05)
    assert rms["yaw_deg"] == pytest.approx(0, abs=1e-9)
    for part in ("", "brows_", "eyes_", "mouth_", "jaw_"):
        assert rms[f"coefficients_{part}percent"] == pytest.approx(2.0, rel=0.05)


def test_pull_of_a_network_that_goes_along() -> None:
    """Answers that follow half of the shift, a fifth of the size, and all of the turn."""
    offsets = draw_offsets(np.random.default_rng(0), RecropConfig(1, 30, 0.02, 0.03, 0.05))
    shifts = np.stack([moved_crop(CROP, offset).center_px - CROP.center_px for offset in offsets])
    middle = FACE_PX.mean(axis=0)
    grown = middle + (FACE_PX - middle) * np.exp(0.2 * offsets[:, 2, None, None])
    look = seen(offsets, grown + 0.5 * shifts[:, None], 0.3 + offsets[:, 3], np.zeros((30, 46)))
    found = pull([clip_with([look, look])])
    assert found["shift"] == pytest.approx(0.5, abs=1e-4)
    assert found["size"] == pytest.approx(0.2, abs=1e-6)
    assert found["turn"] == pytest.approx(1.0, abs=1e-6)


def test_pull_of_a_network_that_does_not_care() -> None:
    offsets = draw_offsets(np.random.default_rng(0), RecropConfig())
    same = seen(offsets, np.tile(FACE_PX, (8, 1, 1)), np.full(8, 0.3), np.zeros((8, 46)))
    assert pull([clip_with([same])]) == pytest.approx({"shift": 0, "size": 0, "turn": 0}, abs=1e-9)


def test_nothing_was_looked_at_again() -> None:
    assert all(values.size == 0 for values in recrop_samples(clip_with([])).values())
    assert np.isnan(list(pull([clip_with([])]).values())).all()
