"""One identity over frames: known people come back, bad frames do no harm, perspective is found where it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.focal import fit_with_focal
from calibration.identity import IdentityConfig, fit_person
from calibration.joint import moved, pose_rows
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.fitting.pose import Camera
from rdr_core.synthesis.expressions import sample_expression

TURNS = [(0, 0, 0), (5, 25, 3), (-5, -25, 0), (12, 5, -8), (-10, -12, 5), (3, 38, 0), (0, -38, 4), (8, 15, 0)]


def frames_of(person: object, count: int, distance_cm: float = np.inf, expressive: bool = True) -> np.ndarray:
    rng = np.random.default_rng(5)
    found = []
    for frame in range(count):
        alpha = sample_expression(rng) if frame and expressive else np.zeros(46, np.float32)
        found.append(person.landmarks(alpha, TURNS[frame % len(TURNS)], distance_cm))  # type: ignore[attr-defined]
    return np.stack(found)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_exact_landmarks_bring_the_person_back(model: DynamicExpressionModel, somebody: Callable, seed: int) -> None:
    person = somebody(seed)
    mean_face = person.error_mm(model.identity_mean)
    errors = [person.error_mm(fit_person(model, frames_of(person, n)).alpha_id) for n in (1, 16)]
    assert errors[1] < errors[0] < mean_face
    assert errors[1] < 0.5 * mean_face


def test_reprojection_and_expressions_agree(model: DynamicExpressionModel, somebody: Callable) -> None:
    points = frames_of(somebody(4), 10, expressive=False)
    fit = fit_person(model, points)
    assert np.median(fit.errors) < 0.004
    assert np.sqrt((fit.alpha_exp**2).mean()) < 0.06, "a face at rest was explained by expressions"
    for camera, turn in zip(fit.cameras, TURNS, strict=False):
        np.testing.assert_allclose(np.degrees(camera.flat.euler_rad), turn, atol=3.5)


def test_bad_frames_count_little(model: DynamicExpressionModel, somebody: Callable) -> None:
    person = somebody(2)
    good = frames_of(person, 14)
    bad = good.copy()
    rng = np.random.default_rng(0)
    bad[[3, 9]] += rng.normal(0, 25, bad[[3, 9]].shape)
    clean, dirty = (fit_person(model, points) for points in (good, bad))
    assert dirty.weights[[3, 9]].max() < 0.2
    assert np.delete(dirty.weights, [3, 9]).min() > 0.3
    assert person.error_mm(dirty.alpha_id) < 1.35 * person.error_mm(clean.alpha_id) + 0.1


def test_a_frame_of_no_trust_is_as_none(model: DynamicExpressionModel, somebody: Callable) -> None:
    points = frames_of(somebody(3), 8)
    points[5] = points[5][:, ::-1]
    trust = np.ones(8)
    trust[5] = 0
    with_it = fit_person(model, points, trust)
    without = fit_person(model, np.delete(points, 5, axis=0))
    np.testing.assert_allclose(with_it.alpha_id / model.identity_std, without.alpha_id / model.identity_std, atol=0.25)


def test_a_near_face_shows_its_camera(model: DynamicExpressionModel, somebody: Callable) -> None:
    person = somebody(6)
    points = frames_of(person, 8, distance_cm=32.0, expressive=False)
    near, weak = fit_with_focal(model, points), fit_person(model, points)
    assert near.focal_px is not None
    assert near.focal_px == pytest.approx(320, rel=0.3)
    assert person.error_mm(near.alpha_id) < person.error_mm(weak.alpha_id)


def test_a_far_face_stays_weak_perspective(model: DynamicExpressionModel, somebody: Callable) -> None:
    focal_px = fit_with_focal(model, frames_of(somebody(7), 8, expressive=False)).focal_px
    assert focal_px is None or focal_px > 900, "from 90 cm on perspective hardly differs from none"


def test_identity_can_be_given(model: DynamicExpressionModel, somebody: Callable) -> None:
    person = somebody(8)
    points = frames_of(person, 4)
    own, other = (fit_person(model, points, alpha_id=a) for a in (person.alpha_id, model.identity_mean))
    np.testing.assert_array_equal(own.alpha_id, person.alpha_id)
    assert own.errors.mean() < 0.7 * other.errors.mean()


@pytest.mark.parametrize(
    "points",
    [np.zeros((0, 68, 2)), np.zeros((3, 67, 2)), np.full((2, 68, 2), np.nan), np.ones((1, 68, 2))],
    ids=["none", "67", "nan", "collapsed"],
)
def test_what_is_no_face_is_refused(model: DynamicExpressionModel, points: np.ndarray) -> None:
    with pytest.raises(CalibrationError, match="identity needs"):
        fit_person(model, points)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(CalibrationError, match="two passes"):
        IdentityConfig(passes=1)


def test_pose_rows_are_the_derivative(model: DynamicExpressionModel) -> None:
    camera = Camera(np.radians([10.0, -20.0, 5.0]), np.array([30.0, 40.0]), 9.0)
    points = model.face()[model.topology.landmarks].astype(np.float64)
    rows = pose_rows(camera, points)
    step = 1e-5
    for k in range(6):
        change = (moved(camera, step * np.eye(6)[k]).project(points) - camera.project(points)) / step / 9.0
        np.testing.assert_allclose(rows[..., k], change, atol=5e-3)
