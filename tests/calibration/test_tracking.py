"""Tracking with a user: B is fixed, the face comes nearer to the landmarks, a blink moves nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import UserModelError
from calibration.ranges import Ranges
from calibration.tracking import UserFace, UserPredictor, followed
from calibration.user_model import UserModel
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.types import FacePrediction, Float32, Pose

PX_PER_CM = 10.0


def coefficients(values: Mapping[str, float]) -> Float32:
    alpha = np.zeros(46, np.float32)
    for name, value in values.items():
        alpha[BLENDSHAPE_NAMES.index(name)] = value
    return alpha


def said(person: object, alpha_exp: Float32, turn_deg: tuple[float, float, float] = (0, 0, 0)) -> FacePrediction:
    """What a network says that sees everything right but whose face it is."""
    points = person.landmarks(alpha_exp, turn_deg).astype(np.float32)  # type: ignore[attr-defined]
    turn = np.radians(turn_deg).astype(np.float32)
    model = person.model  # type: ignore[attr-defined]
    pose = Pose(turn, np.array([320, 240, 0], np.float32), PX_PER_CM * 1.1)
    depth = np.zeros((68, 1), np.float32)
    return FacePrediction(points, points + 3, np.hstack([points, depth]), pose, alpha_exp, model.identity_mean, 0.9)


@pytest.fixture
def face(anna: UserModel, model: DynamicExpressionModel) -> UserFace:
    return UserFace(anna, model)


@pytest.mark.parametrize("turn_deg", [(0, 0, 0), (8, 30, -5), (-10, -40, 10)])
def test_the_users_face_lies_on_the_landmarks(face: UserFace, somebody: Callable, turn_deg: tuple) -> None:
    prediction = said(somebody(1), coefficients({"JawOpen": 0.5, "MouthSmile_L": 0.4}), turn_deg)
    refined = face.refine(prediction)
    away = np.linalg.norm(refined.projected_shape - prediction.shape, axis=1)
    assert away.mean() < 0.3
    assert refined.pose.scale_px_per_cm == pytest.approx(PX_PER_CM, rel=0.01)
    np.testing.assert_allclose(refined.pose.euler_rad, prediction.pose.euler_rad, atol=0.01)
    np.testing.assert_array_equal(refined.shape, prediction.shape)


def test_identity_is_the_users_in_every_frame(face: UserFace, somebody: Callable) -> None:
    for seed in (1, 2, 3):
        refined = face.refine(said(somebody(seed), coefficients({})))
        np.testing.assert_array_equal(refined.alpha_id, face.user.alpha_id)


def test_a_blink_moves_nothing_else(face: UserFace, somebody: Callable) -> None:
    frames = [
        face.refine(said(somebody(1), coefficients({"EyeClose_L": shut, "EyeClose_R": shut}))).alpha_exp
        for shut in np.linspace(0, 1, 9)
    ]
    moved = np.ptp(np.stack(frames), axis=0)
    lids = [BLENDSHAPE_NAMES.index(f"EyeClose_{side}") for side in "LR"]
    assert (moved[lids] > 0.9).all()
    assert np.delete(moved, lids).max() < 0.1


def test_rest_and_range_are_taken_out(anna: UserModel, somebody: Callable, model: DynamicExpressionModel) -> None:
    rest, full = coefficients({"BrowInnerUp": 0.2}), np.ones(46, np.float32)
    jaw, brow = (BLENDSHAPE_NAMES.index(name) for name in ("JawOpen", "BrowInnerUp"))
    full[jaw] = 0.7
    user = replace(anna, ranges=Ranges(rest, full))
    refined = UserFace(user, model).refine(said(somebody(1), coefficients({"BrowInnerUp": 0.2, "JawOpen": 0.7})))
    assert refined.alpha_exp[brow] < 0.03
    assert refined.alpha_exp[jaw] > 0.95


def test_a_user_of_another_face_model_is_refused(model: DynamicExpressionModel, anna: UserModel) -> None:
    with pytest.raises(UserModelError, match="another face model"):
        UserFace(replace(anna, face_model="f" * 16), model)


def test_it_takes_the_place_of_the_network(face: UserFace, somebody: Callable) -> None:
    class Network:
        crop_size = 128

        def predict(self, image_bgr: np.ndarray, crops: object) -> list[FacePrediction]:
            return [said(somebody(1), coefficients({}))] * len(crops)  # type: ignore[arg-type]

    predictor = UserPredictor(Network(), face)
    picture = np.full((480, 640, 3), 128, np.uint8)
    assert predictor.crop_size == 128
    assert predictor.predict(picture, []) == []
    (found,) = predictor.predict(picture, [object()])  # type: ignore[list-item]
    np.testing.assert_array_equal(found.alpha_id, face.user.alpha_id)
    assert np.isfinite(found.alpha_exp).all()


def test_large_steps_are_taken_at_once_and_small_ones_by_half() -> None:
    before = np.full(46, 0.3, np.float32)
    steps = np.linspace(-0.3, 0.7, 46).astype(np.float32)
    now = followed(before, before + steps)
    assert followed(None, before) is before
    large, small = np.abs(steps) > 0.15, np.abs(steps) < 0.07
    np.testing.assert_allclose(now[large], (before + steps)[large], atol=1e-6)
    np.testing.assert_allclose(now[small], (before + steps / 2)[small], atol=1e-6)


def test_a_blink_keeps_its_depth_and_trembling_is_halved() -> None:
    """A blink of 100 ms at 30 pictures a second; noise of 0.02."""
    lids = [0.05, 0.05, 0.6, 1.0, 0.5, 0.1, 0.05]
    seen, value = [], None
    for lid in lids:
        value = followed(value, np.full(46, lid, np.float32))
        seen.append(float(value[0]))
    assert max(seen) >= 0.9 * max(lids)
    assert seen.index(max(seen)) == lids.index(max(lids)), "nothing is late"
    noise = 0.3 + 0.02 * np.random.default_rng(0).normal(size=(300, 46)).astype(np.float32)
    still = [noise[0]]
    for row in noise[1:]:
        still.append(followed(still[-1], row))
    trembling = [np.diff(rows, 2, axis=0).std() for rows in (noise, np.array(still))]
    assert trembling[1] < 0.6 * trembling[0]
