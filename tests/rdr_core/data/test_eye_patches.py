"""Patches show the right eye, upright and of one size, whatever picture and pose; numbers go there and back."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.eye_patches import COLUMNS, N_TOLD, PATCH_PX, SIDES, eye_patches, read_of, told_of, with_gaze
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.fitting.pose import Camera
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.types import FacePrediction, Pose

EYES = {"L": EYE_LEFT, "R": EYE_RIGHT}


def seen(model: DynamicExpressionModel, scale: float, roll_deg: float) -> FacePrediction:
    camera = Camera(np.radians([0.0, 0.0, roll_deg]), np.array([400.0, 380.0]), scale)
    shape = camera.project(model.face()[model.topology.landmarks]).astype(np.float32)
    pose = Pose(camera.euler_rad.astype(np.float32), np.array([400, 380, 0], np.float32), scale)
    nothing = np.zeros(46, np.float32)
    return FacePrediction(shape, shape, np.pad(shape, ((0, 0), (0, 1))), pose, nothing, np.zeros(50, np.float32), 1.0)


@pytest.mark.parametrize(("scale", "roll_deg"), [(8.0, 0.0), (20.0, 0.0), (20.0, 40.0), (45.0, -25.0)])
def test_corners_of_the_eye_lie_level_and_ten_pixels_a_centimetre_apart(
    face_model: DynamicExpressionModel, scale: float, roll_deg: float
) -> None:
    said = seen(face_model, scale, roll_deg)
    for number, side in enumerate(SIDES):
        outer, inner = said.shape[EYES[side]][[3, 0] if side == "L" else [0, 3]]
        places = []
        for corner in (outer, inner):
            picture = np.zeros((900, 900, 3), np.uint8)
            cv2.circle(picture, corner.round().astype(int).tolist(), max(2, round(scale / 8)), (255,) * 3, -1)
            patch = eye_patches(picture, said)[number, ..., 0].astype(float)
            y, x = np.indices(patch.shape)
            places.append(np.array([(x * patch).sum(), (y * patch).sum()]) / patch.sum())
        across = places[0] - places[1]
        wide_cm = float(np.linalg.norm(outer - inner)) / scale
        assert across[0] == pytest.approx(10 * wide_cm, abs=1.0)  # the outer corner is on the right
        assert across[1] == pytest.approx(0, abs=3)
        middle = np.array(PATCH_PX) / 2 - 0.5
        np.testing.assert_allclose((places[0] + places[1]) / 2, middle, atol=2.5)


def test_a_margin_is_more_of_the_same(face_model: DynamicExpressionModel) -> None:
    said, rng = seen(face_model, 14.0, 10.0), np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 255, (800, 800, 3)).astype(np.uint8), (0, 0), 4)
    plain, wide = eye_patches(picture, said).astype(int), eye_patches(picture, said, 4).astype(int)
    assert plain.shape == (2, PATCH_PX[1], PATCH_PX[0], 3)
    assert wide.shape == (2, PATCH_PX[1] + 8, PATCH_PX[0] + 8, 3)
    assert np.abs(wide[:, 4:-4, 4:-4] - plain).max() <= 3


def test_an_eye_outside_of_the_picture_is_black(face_model: DynamicExpressionModel) -> None:
    said = seen(face_model, 20.0, 0.0)
    away = replace(said, shape=said.shape + 5000)
    assert eye_patches(np.full((300, 300, 3), 200, np.uint8), away).max() == 0


@given(st.lists(st.tuples(*[st.floats(-1, 1)] * 2, st.floats(0, 1)), min_size=2, max_size=2))
def test_what_is_read_goes_there_and_back(rows: list[tuple[float, float, float]]) -> None:
    read, before = np.array(rows, np.float32), np.full(46, 0.25, np.float32)
    alpha_exp = with_gaze(before, read)
    np.testing.assert_allclose(read_of(alpha_exp)[:, :2], read[:, :2], atol=1e-6)
    others = np.setdiff1d(np.arange(46), [column for side in SIDES for column in COLUMNS[side][:4]])
    np.testing.assert_array_equal(alpha_exp[others], before[others])
    assert alpha_exp.min() >= 0
    assert alpha_exp.max() <= 1


def test_the_other_network_is_heard(face_model: DynamicExpressionModel) -> None:
    said = seen(face_model, 20.0, 0.0)
    said.alpha_exp[BLENDSHAPE_NAMES.index("EyeSquint_R")] = 0.5
    told = told_of(said)
    assert told.shape == (N_TOLD,)
    assert told[2 + 7 + 5] == np.float32(0.5)
    assert np.count_nonzero(told) == 1
