"""From what a session saw to a user model: identity, ranges, how good both are, and the skin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from calibration.focal import fit_with_focal
from calibration.identity import IdentityConfig, PersonFit, fit_person
from calibration.iris import iris_color
from calibration.observation import Observation, landmarks_of
from calibration.poses import POSES
from calibration.quality import QualityReport
from calibration.ranges import TURNS, Ranges, ranges_of
from calibration.session import CalibrationSession
from calibration.skin import make_skin
from calibration.user_model import UserModel
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.types import Float32, UInt8

CameraModel = Literal["auto", "weak"]
"""auto: a focal length is searched and kept where it explains the frames better; weak: weak perspective."""
_COUNTS: Final = 0.5
"""A frame of less weight was left out."""


def calibrate(
    name: str,
    model: DynamicExpressionModel,
    session: CalibrationSession,
    camera: CameraModel = "auto",
    config: IdentityConfig | None = None,
    say: Callable[[str], object] = lambda text: None,
    base_skin: UInt8 | None = None,
) -> UserModel:
    """Make the user model of a finished session. `say` is told what is being done.

    With `base_skin`, (s, s, 3) RGB, the person's own skin is made of the pictures that the session kept, and filled up
    with that one.

    Raises:
        SessionError: too little was seen of a face.
    """
    session.finish()
    frames = session.selection.frames
    say(f"fitting one identity to {len(frames)} frames")
    fit = fit_frames(model, frames, camera, config)
    say("comparing with the mean face and with frames that were held back")
    quality = _quality(model, frames, fit, session, config)
    user = UserModel.of_identity(name, model, fit.alpha_id, session_ranges(session), quality)
    if base_skin is None:
        return user
    say("laying the pictures on the face")
    made = make_skin(model, frames, fit, base_skin)
    if made.rgb is None:
        say(f"the avatar keeps the default skin: {made.problem}")
        return user
    say(f"the avatar has {name}'s own skin: {100 * made.seen:.0f} % of the face was seen well")
    return replace(user.with_skin(made.rgb), iris_rgb=iris_color(model, frames, fit))


def fit_frames(
    model: DynamicExpressionModel,
    frames: Sequence[Observation],
    camera: CameraModel = "auto",
    config: IdentityConfig | None = None,
) -> PersonFit:
    """Fit one identity to observations."""
    landmarks, trust = landmarks_of(frames)
    if camera == "weak":
        return fit_person(model, landmarks, trust, config)
    return fit_with_focal(model, landmarks, trust, config)


def session_ranges(session: CalibrationSession) -> Ranges:
    """Measure rest and full strength from what was held."""
    if not session.at_rest:
        return Ranges.whole()
    held = {
        shape: np.stack([frame.alpha_exp for frame in session.held[pose.key]])
        for pose in POSES
        for shape in pose.shapes
        if pose.key in session.held
    }
    turned = {
        pose.key: (np.stack([frame.alpha_exp for frame in frames]), float(np.median([*map(pose.angle_rad, frames)])))
        for pose in POSES
        if pose.key in TURNS and (frames := session.held.get(pose.key))
    }
    return ranges_of(np.stack([frame.alpha_exp for frame in session.at_rest]), held, turned)


def _quality(
    model: DynamicExpressionModel,
    frames: Sequence[Observation],
    fit: PersonFit,
    session: CalibrationSession,
    config: IdentityConfig | None,
) -> QualityReport:
    landmarks, trust = landmarks_of(frames)
    mean_face = fit_person(model, landmarks, trust, config, fit.focal_px, alpha_id=model.identity_mean)
    held_out = _held_out_error(model, landmarks, trust, fit, config)
    away = (fit.alpha_id - model.identity_mean) / model.identity_std
    yaws = [frame.yaw_deg for frame in frames]
    return QualityReport(
        frames=len(frames),
        left_out=int((fit.weights < _COUNTS).sum()),
        yaw_range_deg=(round(min(yaws), 1), round(max(yaws), 1)),
        error_percent=round(100 * float(np.median(fit.errors)), 3),
        mean_face_error_percent=round(100 * float(np.median(mean_face.errors)), 3),
        held_out_error_percent=round(100 * held_out, 3),
        distance_from_mean=round(float(np.sqrt(np.mean(away**2))), 3),
        focal_length_px=None if fit.focal_px is None else round(fit.focal_px, 1),
        shown=tuple(session.shown),
        missed=tuple(session.missed),
    )


def _held_out_error(
    model: DynamicExpressionModel, landmarks: Float32, trust: Float32, fit: PersonFit, config: IdentityConfig | None
) -> float:
    """Fit every other frame, and see how well that identity explains the rest: the test against overfitting."""
    even, odd = slice(0, None, 2), slice(1, None, 2)
    half = fit_person(model, landmarks[even], trust[even], config, fit.focal_px)
    rest = fit_person(model, landmarks[odd], trust[odd], config, fit.focal_px, alpha_id=half.alpha_id)
    return float(np.median(rest.errors))
