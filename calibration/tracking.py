"""Tracking with a user's own face: B is fixed, so that size, pose and expression are told apart for this person.

E: expressions (46).  n: vertices of the landmark subset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from calibration.gaze import GAZE_SHAPES, eyeballs_of, look
from calibration.identity import IdentityConfig
from calibration.user_model import UserModel
from rdr_core.data.crop import Crop
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine
from rdr_core.fitting.contour import LandmarkVertices, landmarks_on_outline
from rdr_core.fitting.pose import Camera
from rdr_core.types import FacePrediction, Float32, Pose, UInt8

EXPRESSION_STD: Final = 0.03
"""How far the network's coefficients are trusted to be off: the pull of the landmarks is as strong as this is large.
Chosen on rendered people (benchmarks/calibration.py): with more the landmarks' own errors become expressions."""

_BLINKING: Final = 4.0
"""A lid that moves by a tenth in a frame counts as so many tenths more closed: gaze is held through a blink."""
_LIDS: Final = np.array([name.startswith("EyeClose") for name in BLENDSHAPE_NAMES])


class Predictor(Protocol):
    """What finds a face in a crop."""

    crop_size: int

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Return one prediction per crop, image px."""


class UserFace:
    """A user's face, to be fitted to what the network says of a frame."""

    def __init__(self, user: UserModel, model: DynamicExpressionModel) -> None:
        """UserModelError where the user was calibrated with another face model."""
        user.check_face_model(model)
        self.user, self._topology = user, model.topology
        self._weights = IdentityConfig().weights(1)
        self._eyes = eyeballs_of(model, user.alpha_id)

    def refine(
        self, prediction: FacePrediction, image_bgr: UInt8 | None = None, before: Float32 | None = None
    ) -> FacePrediction:
        """Return the prediction with the user's identity, and with size, place, S_p and expression that go with it.

        The network's rotation and its landmarks S stay. Expression is a MAP estimate: near the network's, and such that
        the user's face lies on S; then the user's range is taken out. In the picture, (H, W, 3), gaze is read anew;
        behind closed lids it is that of `before`, (E,), the coefficients of the frame before.
        """
        euler = np.asarray(prediction.pose.euler_rad, np.float64)
        alpha = np.asarray(prediction.alpha_exp, np.float64)
        camera, seen = self._fit_place(euler, alpha, prediction)
        alpha = self._fit_expression(camera, seen, alpha, prediction.shape)
        camera, seen = self._fit_place(euler, alpha, prediction)
        shape = combine(self.user.subset_neutral, self.user.subset_offsets, alpha)
        translation = np.append(camera.translation_px, 0).astype(np.float32)
        return replace(
            prediction,
            projected_shape=camera.project(seen.on(shape)).astype(np.float32),
            pose=Pose(prediction.pose.euler_rad, translation, camera.scale_px_per_cm),
            alpha_exp=self._look(image_bgr, camera, prediction, self.user.ranges.apply(alpha), before),
            alpha_id=self.user.alpha_id,
        )

    def _look(
        self,
        image_bgr: UInt8 | None,
        camera: Camera,
        prediction: FacePrediction,
        alpha_exp: Float32,
        before: Float32 | None,
    ) -> Float32:
        if image_bgr is None or not self._eyes:
            return alpha_exp
        closed = float(alpha_exp[_LIDS].mean())
        if before is not None:  # lids on their way hide more than their place says
            closed += _BLINKING * abs(closed - float(before[_LIDS].mean()))
        seen = look(image_bgr, camera, prediction.shape, prediction.alpha_exp, self._eyes, closed, before)
        return np.where(GAZE_SHAPES, seen, alpha_exp).astype(np.float32)

    def _fit_place(self, euler: Float32, alpha: Float32, prediction: FacePrediction) -> tuple[Camera, LandmarkVertices]:
        """Size and place in closed form under the network's rotation, landmarks on the outline that it gives."""
        shape = combine(self.user.subset_neutral, self.user.subset_offsets, alpha)
        unit = Camera(euler, np.zeros(2), 1.0)
        seen = landmarks_on_outline(self._topology, unit.project(shape))
        weights = self._weights**2 / (self._weights**2).sum()
        model, image = unit.project(seen.on(shape)), np.asarray(prediction.shape, np.float64)
        middle, place = weights @ model, weights @ image
        scale = (weights[:, None] * (model - middle) * (image - place)).sum() / (
            weights[:, None] * (model - middle) ** 2
        ).sum()
        scale = max(float(scale), 1e-3)
        return Camera(euler, place - scale * middle, scale), seen

    def _fit_expression(self, camera: Camera, seen: LandmarkVertices, alpha: Float32, points_px: Float32) -> Float32:
        shape = combine(self.user.subset_neutral, self.user.subset_offsets, alpha)
        weights = self._weights[:, None]
        residual = (camera.residual_cm(seen.on(shape), points_px) * weights).ravel()
        rows = (camera.image_rows(seen.on(self.user.subset_offsets)) * weights).reshape(len(alpha), -1)
        normal = rows @ rows.T + np.eye(len(alpha)) / EXPRESSION_STD**2
        return np.clip(alpha + np.linalg.solve(normal, rows @ residual), 0, 1)


class UserPredictor:
    """A network that knows whose face it looks at; takes the place of the network in a tracker of one face."""

    def __init__(self, predictor: Predictor, face: UserFace) -> None:
        self.crop_size = predictor.crop_size
        self._predictor, self._face = predictor, face
        self._before: Float32 | None = None

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Return one prediction per crop, image px."""
        predictions = self._predictor.predict(image_bgr, crops)
        refined = [self._face.refine(prediction, image_bgr, self._before) for prediction in predictions]
        self._before = refined[-1].alpha_exp if refined else None
        return refined
