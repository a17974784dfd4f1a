"""Gaze from drawn eyes: the direction that was drawn comes back, closed lids hide it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.fitting.pose import Camera
from rdr_core.inference.gaze import GAZE_SHAPES, eyeballs_of, look
from rdr_core.types import Float32, UInt8

DrawEyes = Callable[..., tuple[UInt8, Float32]]
SCALE = 30.0
CENTER = np.array([320.0, 240.0])
NOBODY_SAYS = np.zeros(46, np.float32)


def value(alpha_exp: Float32, name: str) -> float:
    return float(alpha_exp[BLENDSHAPE_NAMES.index(name)])


def test_a_person_has_two_eyes(face_model: DynamicExpressionModel) -> None:
    eyes = eyeballs_of(face_model, face_model.identity_mean)
    assert sorted(eye.side for eye in eyes) == ["L", "R"]
    for eye in eyes:
        assert 1.0 < eye.radius_cm < 1.5
        assert (eye.center_cm[0] > 0) == (eye.side == "L")


@pytest.mark.parametrize("turn_deg", [(0, 0, 0), (5, 18, 8)])
@pytest.mark.parametrize("yaw_deg", [-20, 0, 20])
def test_the_direction_comes_back(
    face_model: DynamicExpressionModel, yaw_deg: float, turn_deg: tuple, draw_eyes: DrawEyes
) -> None:
    camera = Camera(np.radians(np.array(turn_deg, float)), CENTER, SCALE)
    picture, points = draw_eyes(face_model, yaw_deg, 0, camera)
    seen = look(picture, camera, points, NOBODY_SAYS, eyeballs_of(face_model, face_model.identity_mean))
    assert 35 * (value(seen, "EyeLookOut_L") - value(seen, "EyeLookIn_L")) == pytest.approx(yaw_deg, abs=9)
    assert 35 * (value(seen, "EyeLookIn_R") - value(seen, "EyeLookOut_R")) == pytest.approx(yaw_deg, abs=9)


@pytest.mark.parametrize("crossed_deg", [16, 24])
def test_crossed_eyes_are_crossed(face_model: DynamicExpressionModel, crossed_deg: float, draw_eyes: DrawEyes) -> None:
    camera = Camera(np.zeros(3), CENTER, SCALE)
    picture, points = draw_eyes(face_model, 0, 0, camera, crossed_deg)
    seen = look(picture, camera, points, NOBODY_SAYS, eyeballs_of(face_model, face_model.identity_mean))
    for side in "LR":
        assert 35 * value(seen, f"EyeLookIn_{side}") == pytest.approx(crossed_deg, abs=9)
        assert value(seen, f"EyeLookOut_{side}") == 0


def test_an_eye_that_is_hidden_goes_with_the_other(face_model: DynamicExpressionModel, draw_eyes: DrawEyes) -> None:
    camera = Camera(np.zeros(3), CENTER, SCALE)
    picture, points = draw_eyes(face_model, 20, 0, camera)
    picture[:, :320] = 150  # the right one, as behind hair
    seen = look(picture, camera, points, NOBODY_SAYS, eyeballs_of(face_model, face_model.identity_mean))
    assert 35 * value(seen, "EyeLookOut_L") == pytest.approx(20, abs=9)
    assert 35 * value(seen, "EyeLookIn_R") == pytest.approx(20, abs=9)


def test_behind_closed_lids_the_network_tells_up_and_down(
    face_model: DynamicExpressionModel, draw_eyes: DrawEyes
) -> None:
    camera = Camera(np.zeros(3), CENTER, SCALE)
    picture, points = draw_eyes(face_model, 25, 0, camera)
    says = np.zeros(46, np.float32)
    says[[BLENDSHAPE_NAMES.index(f"EyeLookDown_{side}") for side in "LR"]] = 0.5
    seen = look(picture, camera, points, says, eyeballs_of(face_model, face_model.identity_mean), closed=1.0)
    for side in "LR":
        assert value(seen, f"EyeLookDown_{side}") == pytest.approx(0.5, abs=0.06)
        assert value(seen, f"EyeLookIn_{side}") + value(seen, f"EyeLookOut_{side}") < 0.02


def test_twice_the_same_is_the_same(face_model: DynamicExpressionModel, draw_eyes: DrawEyes) -> None:
    camera = Camera(np.zeros(3), CENTER, SCALE)
    picture, points = draw_eyes(face_model, 15, 0, camera)
    eyes = eyeballs_of(face_model, face_model.identity_mean)
    first = look(picture, camera, points, NOBODY_SAYS, eyes)
    np.testing.assert_array_equal(first, look(picture.copy(), camera, points, NOBODY_SAYS, eyes))


def test_closed_lids_hold_the_gaze(face_model: DynamicExpressionModel, draw_eyes: DrawEyes) -> None:
    camera = Camera(np.zeros(3), CENTER, SCALE)
    picture, points = draw_eyes(face_model, 20, 0, camera)
    before = np.where(GAZE_SHAPES, 0.3, 0.0)
    seen = look(picture, camera, points, NOBODY_SAYS, eyeballs_of(face_model, face_model.identity_mean), 1.0, before)
    np.testing.assert_allclose(seen[GAZE_SHAPES], 0.3)


def test_only_gaze_changes_and_it_is_bounded(face_model: DynamicExpressionModel) -> None:
    camera = Camera(np.zeros(3), CENTER, SCALE)
    rng = np.random.default_rng(0)
    points = camera.project(face_model.face()[face_model.topology.landmarks])
    said = rng.uniform(0, 1, 46)
    for size in ((480, 640, 3), (40, 40, 3)):  # also where the eyes lie outside of the picture
        picture = rng.integers(0, 255, size).astype(np.uint8)
        seen = look(picture, camera, points, said, eyeballs_of(face_model, face_model.identity_mean))
        np.testing.assert_array_equal(seen[~GAZE_SHAPES], said[~GAZE_SHAPES])
        assert np.isfinite(seen).all()
        assert seen.min() >= 0
        assert seen.max() <= 1
