"""Skins: charts are widened, lips shut, eyebrows moved under their landmarks, tones varied."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rdr_core.errors import AssetError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.landmarks import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT
from rdr_core.synthesis.skin import (
    align_brows,
    chart_mask,
    fill_outside,
    find_brow,
    nearest_inside,
    read_atlas,
    vary_tone,
)
from rdr_core.synthesis.wardrobe import Wardrobe
from rdr_core.types import Float32, UInt8

SIZE = 512


def face_with_brows(landmarks_px: Float32, off_px: float) -> UInt8:
    """Return plain skin with a dark bar `off_px` below each brow's landmarks, and dark lids."""
    image = np.full((SIZE, SIZE, 3), (200, 160, 130), np.uint8)
    for group, shift, width in ((BROW_RIGHT, off_px, 5), (BROW_LEFT, off_px, 5), (EYE_RIGHT, 0, 2), (EYE_LEFT, 0, 2)):
        points = (landmarks_px[group] + [0, shift]).round().astype(np.int32)
        cv2.polylines(image, [points], group is EYE_LEFT or group is EYE_RIGHT, (60, 40, 30), width, cv2.LINE_AA)
    return image


@pytest.fixture
def landmarks_px(face_model: DynamicExpressionModel) -> Float32:
    topology = face_model.topology
    assert topology.uv is not None
    return topology.uv[topology.landmarks] * SIZE


@pytest.mark.parametrize("off_px", [-7, -3, 0, 4, 8])
def test_a_painted_brow_is_found_and_moved(landmarks_px: Float32, off_px: float) -> None:
    image = face_with_brows(landmarks_px, off_px)
    points = landmarks_px[BROW_RIGHT]
    above_eye = float(points[:, 1].mean() - landmarks_px[EYE_RIGHT, 1].mean())
    assert find_brow(image, points, above_eye) - points[:, 1].mean() == pytest.approx(off_px, abs=1.5)
    moved = align_brows(image, landmarks_px)
    assert abs(find_brow(moved, points, above_eye) - points[:, 1].mean()) < max(1.5, 0.4 * abs(off_px))


def test_skin_without_brows_stays_as_it_is(landmarks_px: Float32) -> None:
    image = np.full((SIZE, SIZE, 3), (200, 160, 130), np.uint8)
    np.testing.assert_array_equal(align_brows(image, landmarks_px), image)


def test_tones_differ_and_are_repeatable() -> None:
    image = np.full((8, 8, 3), (180, 130, 100), np.uint8)
    tones = np.stack([vary_tone(image, np.random.default_rng(seed))[0, 0] for seed in range(40)]).astype(float)
    assert tones.mean(axis=1).std() > 8
    np.testing.assert_array_equal(
        vary_tone(image, np.random.default_rng(3)), vary_tone(image, np.random.default_rng(3))
    )
    assert (tones[:, 0] > tones[:, 2]).all(), "skin stays redder than it is blue"


def test_every_measured_skin_can_be_worn(wardrobe: Wardrobe) -> None:
    for name in wardrobe.names[::7]:
        skin = wardrobe.skin(name)
        assert skin.shape == (512, 512, 3)
        cheek = skin[tuple((wardrobe.model.topology.uv[wardrobe.model.topology.landmarks[30]][::-1] * 512).astype(int))]
        assert cheek[0] > cheek[2]


def test_a_missing_atlas_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"nobody\.webp"):
        read_atlas(tmp_path / "nobody.webp", 64)


def test_fill_outside_takes_the_nearest_colour() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, :10], image[:, 10:] = (10, 20, 30), (90, 80, 70)
    mask = np.zeros((20, 20), np.uint8)
    mask[8:12, 3:5] = mask[8:12, 15:17] = 255
    image[mask == 0] = 255
    filled = fill_outside(image, nearest_inside(mask))
    np.testing.assert_array_equal(filled[0, 0], (10, 20, 30))
    np.testing.assert_array_equal(filled[19, 19], (90, 80, 70))
    np.testing.assert_array_equal(filled[mask > 0], image[mask > 0])


def test_chart_mask_keeps_away_from_the_rim() -> None:
    mask = chart_mask(np.array([[[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]]], np.float32), 100)
    assert mask[30, 30] == 255
    assert mask[11, 11] == 0
    assert mask[80, 80] == 0
