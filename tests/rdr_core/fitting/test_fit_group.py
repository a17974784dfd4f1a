"""The fitter of Q*: known faces come back from their landmarks; a person's pictures share one identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rdr_core.data.w300 import read_w300
from rdr_core.errors import ConfigError, DataError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine
from rdr_core.fitting.contour import frontal_landmarks, own_landmarks, visible_landmarks
from rdr_core.fitting.fit_group import Fit, FitConfig, face_box_size, fit_group
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.geometry.weak_perspective import project

JAW_OPEN, CLOSE_LEFT, CLOSE_RIGHT = (BLENDSHAPE_NAMES.index(n) for n in ("JawOpen", "EyeClose_L", "EyeClose_R"))
SCALE = 12.0


@dataclass(frozen=True)
class Known:
    """A face made from the model, in image px."""

    euler_rad: np.ndarray
    alpha_id: np.ndarray
    alpha_exp: np.ndarray
    points: np.ndarray
    """(68, 2) what an annotator would click."""
    own_points: np.ndarray
    """(68, 2) the head's own points."""


def known_face(
    model: DynamicExpressionModel, yaw_deg: float, seed: int | None, contour: bool = True, **alphas: float
) -> Known:
    """Face of a random person (the mean face where `seed` is None), pitch 10 and roll 15 degrees."""
    alpha_id = model.identity_mean
    if seed is not None:
        noise = np.random.default_rng(seed).standard_normal(model.n_identity)
        alpha_id = (alpha_id + 0.7 * model.identity_std * noise).astype(np.float32)
    alpha_exp = np.zeros(46, np.float32)
    for name, value in alphas.items():
        alpha_exp[BLENDSHAPE_NAMES.index(name)] = value
    euler = np.radians([10, yaw_deg, 15])
    face = combine(*model.landmark_tensor.contract_identity(alpha_id), alpha_exp)
    placed = project(face, euler, np.array([300.0, 250.0]), np.float64(SCALE))[:, :2].astype(np.float32)
    own = own_landmarks(model.topology)
    clicked = visible_landmarks(model.topology, face, euler) if contour else own
    return Known(euler, alpha_id, alpha_exp, clicked.on(placed), own.on(placed))


def turn_deg(fit: Fit, known: Known) -> float:
    """Angle between fitted and true head rotation."""
    relative = matrix_from_euler(fit.pose.euler_rad.astype(np.float64)).T @ matrix_from_euler(known.euler_rad)
    return float(np.degrees(np.arccos(np.clip((np.trace(relative) - 1) / 2, -1, 1))))


@pytest.mark.parametrize("contour", [True, False])
@pytest.mark.parametrize("yaw_deg", [0, -30, 45, 60, -75, 90])
def test_recovers_a_known_q_of_the_mean_face(face_model: DynamicExpressionModel, yaw_deg: float, contour: bool) -> None:
    """Where truth and prior agree, everything comes back."""
    known = known_face(face_model, yaw_deg, None, contour)
    (fit,) = fit_group(face_model, known.points[None], contour=contour)
    assert turn_deg(fit, known) < 1
    assert fit.pose.scale_px_per_cm == pytest.approx(SCALE, rel=0.02)
    np.testing.assert_allclose(fit.pose.translation_px, [300, 250, 0], atol=2)
    assert fit.alpha_exp.max() < 0.12
    assert np.abs((fit.alpha_id - face_model.identity_mean) / face_model.identity_std).max() < 0.5
    assert fit.error < 0.003
    assert np.abs(fit.landmarks_3d[:, :2] - known.own_points).max() < 4


@pytest.mark.parametrize("contour", [True, False])
@pytest.mark.parametrize("yaw_deg", [0, -30, 45, 60, -75, 90])
def test_recovers_a_known_q_of_a_person_with_an_expression(
    face_model: DynamicExpressionModel, yaw_deg: float, contour: bool
) -> None:
    """Another identity, mouth open and eyes shut: the prior pulls toward the mean, but nobody else smiles or frowns."""
    for seed in range(2):
        known = known_face(face_model, yaw_deg, seed, contour, JawOpen=0.6, EyeClose_L=0.8, EyeClose_R=0.8)
        (fit,) = fit_group(face_model, known.points[None], contour=contour)
        assert fit.error < 0.015
        assert turn_deg(fit, known) < 4
        assert fit.pose.scale_px_per_cm == pytest.approx(SCALE, rel=0.12)
        made = [JAW_OPEN, CLOSE_LEFT, CLOSE_RIGHT]
        assert fit.alpha_exp[made].min() > 0.3
        assert np.delete(fit.alpha_exp, made).max() < 0.4
        hidden = np.linalg.norm(fit.landmarks_3d[:, :2] - known.own_points, axis=1)
        assert hidden.mean() < 0.03 * face_box_size(known.own_points)


def test_an_open_mouth_grows_with_the_truth(face_model: DynamicExpressionModel) -> None:
    found = []
    for jaw in (0.0, 0.3, 0.6, 0.9):
        known = known_face(face_model, 20, None, JawOpen=jaw)
        found.append(fit_group(face_model, known.points[None])[0].alpha_exp[JAW_OPEN])
    assert (np.diff(found) > 0.1).all()


def test_a_group_shares_one_identity(face_model: DynamicExpressionModel) -> None:
    """Three views of one person, different expressions: one alpha_id, nearer to the truth than one view's."""
    views = [known_face(face_model, 0, 4), known_face(face_model, 40, 4, JawOpen=0.7), known_face(face_model, -65, 4)]
    fits = fit_group(face_model, np.stack([view.points for view in views]))
    for fit, view in zip(fits, views, strict=True):
        np.testing.assert_array_equal(fit.alpha_id, fits[0].alpha_id)
        assert turn_deg(fit, view) < 4
        assert fit.error < 0.015
    assert fits[1].alpha_exp[JAW_OPEN] > 0.3 > max(fits[0].alpha_exp[JAW_OPEN], fits[2].alpha_exp[JAW_OPEN])
    alone = [fit_group(face_model, view.points[None])[0].alpha_id for view in views]
    assert np.abs(alone[0] - alone[2]).max() > 1e-3


def test_result_is_consistent(face_model: DynamicExpressionModel) -> None:
    """S_p of the fit is the projection of its Q, and the error is measured on it."""
    known = known_face(face_model, 35, 1)
    (fit,) = fit_group(face_model, known.points[None])
    face = combine(*face_model.landmark_tensor.contract_identity(fit.alpha_id), fit.alpha_exp)
    placed = project(face, fit.pose.euler_rad, fit.pose.translation_px, np.float32(fit.pose.scale_px_per_cm))
    inner = slice(17, 68)
    own = own_landmarks(face_model.topology).on(placed)
    frontal = frontal_landmarks(face_model.topology).on(placed)
    np.testing.assert_allclose(fit.projected_shape[inner], frontal[inner, :2], atol=0.01)
    np.testing.assert_allclose(fit.landmarks_3d, own, atol=0.01)
    error = np.linalg.norm(fit.projected_shape - known.points, axis=1).mean() / face_box_size(known.points)
    assert fit.error == pytest.approx(error, rel=1e-4)
    assert 0 <= fit.alpha_exp.min() <= fit.alpha_exp.max() <= 1


@pytest.mark.parametrize(("factor", "shift"), [(0.05, 0.0), (40.0, 0.0), (1.0, 5000.0)])
def test_size_and_place_of_the_picture_do_not_matter(
    face_model: DynamicExpressionModel, factor: float, shift: float
) -> None:
    known = known_face(face_model, 35, 1, JawOpen=0.4)
    (fit,) = fit_group(face_model, known.points[None])
    (other,) = fit_group(face_model, known.points[None] * np.float32(factor) + np.float32(shift))
    np.testing.assert_allclose(other.pose.euler_rad, fit.pose.euler_rad, atol=0.01)
    np.testing.assert_allclose(other.alpha_exp, fit.alpha_exp, atol=0.02)
    assert other.pose.scale_px_per_cm == pytest.approx(factor * fit.pose.scale_px_per_cm, rel=5e-3)


def broken(points: np.ndarray, value: float) -> np.ndarray:
    points = points.copy()
    points[0, 5, 1] = value
    return points


def test_unusable_landmarks(face_model: DynamicExpressionModel) -> None:
    points = known_face(face_model, 0, None).points[None]
    for value in (np.nan, np.inf):
        with pytest.raises(DataError, match="finite landmarks"):
            fit_group(face_model, broken(points, value))
    for wrong in (points[0], points[:, :21], points[..., :1]):
        with pytest.raises(DataError, match="finite landmarks"):
            fit_group(face_model, wrong)
    for collapsed in (np.zeros_like(points), points * [[[1, 0]]], 1e-3 * points):
        with pytest.raises(DataError, match="collapsed face"):
            fit_group(face_model, collapsed)


def test_landmarks_that_are_no_face_give_finite_numbers(face_model: DynamicExpressionModel) -> None:
    """A line, noise, a mirrored face: a fit of a large error that is dropped, not a crash."""
    line = np.repeat(np.linspace(0, 100, 68)[:, None], 2, axis=1)
    noise = np.random.default_rng(0).uniform(0, 100, (68, 2))
    for points in (line, noise):
        (fit,) = fit_group(face_model, points[None].astype(np.float32))
        assert np.isfinite(fit.projected_shape).all()
        assert np.isfinite(fit.pose.euler_rad).all()
        assert fit.error > 0.1


@pytest.mark.parametrize("wrong", [{"passes": 0}, {"noise_cm": 0.0}, {"contour_noise_cm": -1.0}, {"max_error": 0.0}])
def test_configuration(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="fitting needs positive"):
        FitConfig(**wrong)  # type: ignore[arg-type]


def test_real_faces_of_300w(face_model: DynamicExpressionModel, rdr_data: Path) -> None:
    """Under 3 % of the face box each; the paper's mean over its training set is 5.1 %."""
    samples = read_w300(rdr_data, "train")[::250]
    for sample in samples:
        assert sample.shape is not None
        (fit,) = fit_group(face_model, sample.shape[None])
        assert fit.error < 0.03, sample.name
        assert abs(fit.pose.euler_rad[0]) < 0.8, sample.name
        assert fit.pose.scale_px_per_cm > 0
