"""Incremental calibration: a user's identity is refined while they are tracked, a little at a time.

A few telling frames are kept. Once in a while one joint step is taken on them, and the face in use moves towards what
it says: by a bounded amount, so that nobody sees it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from calibration.errors import CalibrationError
from calibration.frame_selection import FrameSelection, SelectionConfig
from calibration.identity import IdentityConfig, fit_person, refine_person
from calibration.observation import Observation, landmarks_of
from calibration.quality import QualityReport
from calibration.user_model import UserModel
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel

_BROKEN: Final = 6.0
"""An identity so many standard deviations (root mean square) from the mean face is none."""


@dataclass(frozen=True)
class OnlineConfig:
    """How much is done, and how fast the face may change."""

    frames: int = 8
    """Frames that are kept: the work of a step grows with them."""
    interval_frames: int = 25
    """A step is taken every so many frames."""
    most_step: float = 0.05
    """By how much a step may move the face in use: root mean square of alpha_id, in standard deviations of people."""

    def __post_init__(self) -> None:
        if self.frames < 2 or self.interval_frames < 1 or not 0 < self.most_step <= 1:
            raise CalibrationError(f"online needs 2 frames, an interval from 1 and a step in (0, 1], got {self}")


class OnlineIdentity:
    """Refines a user model from the frames that it is shown."""

    def __init__(self, user: UserModel, model: DynamicExpressionModel, config: OnlineConfig | None = None) -> None:
        """UserModelError where the user was calibrated with another face model."""
        user.check_face_model(model)
        self.user, self.config = user, config or OnlineConfig()
        self.steps = 0
        self._model = model
        self._target = user.alpha_id.astype(np.float64)
        self._calibrated = user.alpha_id
        """It has not seen the frames that come: what they say of it is a test."""
        self._selection = FrameSelection(SelectionConfig(capacity=self.config.frames))
        self._count = 0

    def add(self, frame: Observation) -> bool:
        """Look at a frame; True where `user` has become another (a little) by it."""
        self._count += 1
        self._selection.add(frame)
        if self._count % self.config.interval_frames or len(self._selection.frames) < self.config.frames:
            return False
        self._refine()
        std = self._model.identity_std
        away = (self._target - self.user.alpha_id) / std
        length = float(np.sqrt(np.mean(away**2)))
        share = min(1.0, self.config.most_step / max(length, 1e-9))
        self._use(self.user.alpha_id + share * away * std)
        return True

    def whole(self) -> UserModel:
        """Return the user model with the mesh of the identity that was reached, and how good it is: to be saved."""
        user = self.user
        whole = UserModel.of_identity(user.name, self._model, user.alpha_id, user.ranges, self._quality())
        return replace(whole, skin_jpeg=user.skin_jpeg, iris_rgb=user.iris_rgb)

    def _quality(self) -> QualityReport:
        """The report of the calibration with errors of the face in use on the frames that were kept meanwhile."""
        before, frames = self.user.quality, self._selection.frames
        if not self.steps:
            return before
        points, trust = landmarks_of(frames)
        own, mean, held_out = (
            fit_person(self._model, points, trust, None, before.focal_length_px, alpha_id=alpha_id).errors
            for alpha_id in (self.user.alpha_id, self._model.identity_mean, self._calibrated)
        )
        yaws = [*before.yaw_range_deg, *(round(frame.yaw_deg, 1) for frame in frames)]
        away = (self.user.alpha_id - self._model.identity_mean) / self._model.identity_std
        return replace(
            before,
            frames=before.frames + len(frames),
            yaw_range_deg=(min(yaws), max(yaws)),
            error_percent=round(100 * float(np.median(own)), 3),
            mean_face_error_percent=round(100 * float(np.median(mean)), 3),
            held_out_error_percent=round(100 * float(np.median(held_out)), 3),
            distance_from_mean=round(float(np.sqrt(np.mean(away**2))), 3),
        )

    def _refine(self) -> None:
        """Let the kept frames say where the face should go; the calibrated one counts as the prior's mean."""
        frames, focal = self._selection.frames, self.user.quality.focal_length_px
        points, trust = landmarks_of(frames)
        alpha_exp = np.stack([frame.alpha_exp for frame in frames])
        target = refine_person(self._model, points, trust, self._target, alpha_exp, focal, IdentityConfig())
        away = (target - self._model.identity_mean) / self._model.identity_std
        if np.isfinite(target).all() and np.sqrt(np.mean(away**2)) < _BROKEN:
            self._target = target
            self.steps += 1

    def _use(self, alpha_id: np.ndarray) -> None:
        alpha_id = alpha_id.astype(np.float32)
        neutral, offsets = self._model.landmark_tensor.contract_identity(alpha_id)
        self.user = replace(
            self.user,
            alpha_id=alpha_id,
            subset_neutral=neutral.astype(np.float32),
            subset_offsets=offsets.astype(np.float32),
        )
