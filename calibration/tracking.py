"""Tracking with a user's own face: B is fixed, so that size, pose and expression are told apart for this person.

E: expressions (46).  n: vertices of the landmark subset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from calibration.camera import NearCamera
from calibration.identity import IdentityConfig
from calibration.joint import N_POSE, FrameEquations, moved, pose_rows, solve_together
from calibration.observation import observe
from calibration.online import OnlineIdentity
from calibration.user_model import UserModel
from rdr_core.data.crop import Crop
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine
from rdr_core.fitting.contour import LandmarkVertices, landmarks_on_outline
from rdr_core.fitting.pose import Camera
from rdr_core.inference.eyes import GAZE_SHAPES
from rdr_core.types import FacePrediction, Float32, Pose, UInt8

EXPRESSION_STD: Final = 0.07
"""How far the network's coefficients are trusted to be off: the pull of the landmarks is as strong as this is large.
Chosen on rendered people (benchmarks/calibration.py): more makes errors of landmarks into expressions."""

_AT_ONCE: Final = 0.15
_SLOWEST: Final = 0.5
"""A step of the one is taken at once; of a small one, most of which is noise, this share a frame."""
_TURN_STD_RAD: Final = 0.05
"""How far the network's rotation is trusted to be off: it goes with another identity than the user's."""
_STEPS: Final = 2
_NEAREST_CM: Final = 35.0
"""Another camera than the calibrated one must not make a face that is nearer."""
_FRAME_NS: Final = 40_000_000


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
        self._model = model
        self._weights = IdentityConfig().weights(1)
        self._exp_weight = np.full(model.n_expressions, EXPRESSION_STD**-2)
        self._pivot = user.subset_neutral[model.topology.landmarks_in_subset].mean(axis=0)

    def changed(self, user: UserModel) -> UserFace:
        """Return the same for a user whose identity was refined."""
        return UserFace(user, self._model)

    def refine(self, prediction: FacePrediction, before: Float32 | None = None) -> FacePrediction:
        """Return the prediction with the user's identity, and with size, place, S_p and expression that go with it.

        The network's landmarks S stay. Rotation and expression are MAP estimates: near the network's, and such that the
        user's face lies on S; then the user's range is taken out. Gaze is no matter of the face: it passes. With
        `before`, (E,), the coefficients of the frame before, small steps are taken by half.
        """
        alpha = np.asarray(prediction.alpha_exp, np.float64)
        camera, alpha = self._fit(prediction, alpha)
        shape, seen = self._seen(camera, alpha)
        rested = followed(before, self.user.ranges.apply(alpha, prediction.pose.euler_rad))
        translation = np.append(camera.flat.translation_px, 0).astype(np.float32)
        pose = Pose(camera.flat.euler_rad.astype(np.float32), translation, camera.flat.scale_px_per_cm)
        return replace(
            prediction,
            projected_shape=camera.project(seen.on(shape)).astype(np.float32),
            pose=pose,
            alpha_exp=np.where(GAZE_SHAPES, prediction.alpha_exp, rested).astype(np.float32),
            alpha_id=self.user.alpha_id,
        )

    def _seen(self, camera: Camera | NearCamera, alpha: Float32) -> tuple[Float32, LandmarkVertices]:
        """The user's face with an expression, (n, 3) cm, and where a camera sees its landmarks."""
        shape = combine(self.user.subset_neutral, self.user.subset_offsets, alpha)
        return shape, landmarks_on_outline(self._topology, camera.project(shape))

    def _fit(self, prediction: FacePrediction, said: Float32) -> tuple[NearCamera, Float32]:
        """Size and place in closed form, then everything a little, near what the network says."""
        unit = Camera(np.asarray(prediction.pose.euler_rad, np.float64), np.zeros(2), 1.0)
        said_turn, points, alpha = unit.rotation, np.asarray(prediction.shape, np.float64), said
        shape, seen = self._seen(unit, alpha)
        camera = self._place(unit, seen.on(shape), points)
        for number in range(_STEPS):
            if number:  # where it begins, the outline is as good as that of the unit camera
                shape, seen = self._seen(camera, alpha)
            turned = _turn_between(said_turn, camera.flat.rotation)
            equations = self._equations(camera, seen, shape, points, alpha, turned)
            nothing = np.zeros(0)
            step = solve_together([equations], said[None], self._exp_weight, nothing, nothing)
            alpha = step.alpha_exp[0]
            camera = self._near(moved(camera.flat, step.pose[0]))
        return camera, alpha

    def _near(self, flat: Camera) -> NearCamera:
        focal_px = self.user.quality.focal_length_px
        distance_cm = np.inf if focal_px is None else max(focal_px / flat.scale_px_per_cm, _NEAREST_CM)
        return NearCamera(flat, self._pivot, distance_cm)

    def _place(self, unit: Camera, landmarks: Float32, points: Float32) -> NearCamera:
        """Give a camera the size and place at which (68, 3) landmarks lie on (68, 2) points."""
        model = unit.project(landmarks)
        weights = self._weights**2 / (self._weights**2).sum()
        middle, place = weights @ model, weights @ points
        spread = (weights[:, None] * (model - middle) ** 2).sum()
        scale = max(float((weights[:, None] * (model - middle) * (points - place)).sum() / spread), 1e-3)
        return self._near(Camera(unit.euler_rad, place - scale * middle, scale))

    def _equations(
        self,
        camera: NearCamera,
        seen: LandmarkVertices,
        shape: Float32,
        points: Float32,
        alpha: Float32,
        turned: Float32,
    ) -> FrameEquations:
        """Landmarks, and three more that hold the head's rotation near the network's; `turned` is how far it is off."""
        landmarks, weights = seen.on(shape), np.repeat(self._weights, 2)
        residual = camera.flat.residual_cm(landmarks, camera.flatten(points, landmarks)).ravel() * weights
        pose = pose_rows(camera.flat, landmarks).reshape(len(weights), -1) * weights[:, None]
        offsets = camera.flat.image_rows(seen.on(self.user.subset_offsets)).reshape(len(alpha), -1).T * weights[:, None]
        held = np.eye(3, N_POSE) / _TURN_STD_RAD
        return FrameEquations(
            np.concatenate([pose, held]),
            np.concatenate([offsets, np.zeros((3, len(alpha)))]),
            np.zeros((len(weights) + 3, 0)),
            np.concatenate([residual, -turned / _TURN_STD_RAD]),
            alpha,
            1.0,
        )


def followed(before: Float32 | None, now: Float32) -> Float32:
    """(E,) coefficients that go from those of the frame before to those of now: large steps at once, small ones in
    part."""
    if before is None:
        return now
    step = now - before
    return (before + np.clip(np.abs(step) / _AT_ONCE, _SLOWEST, 1) * step).astype(np.float32)


def _turn_between(first: Float32, second: Float32) -> Float32:
    """Small rotation vector (3,) that takes one rotation matrix to another."""
    both = second @ first.T
    return np.array([both[2, 1] - both[1, 2], both[0, 2] - both[2, 0], both[1, 0] - both[0, 1]]) / 2


class UserPredictor:
    """A network that knows whose face it looks at; takes the place of the network in a tracker of one face."""

    def __init__(self, predictor: Predictor, face: UserFace, online: OnlineIdentity | None = None) -> None:
        """`online`: refines the face meanwhile."""
        self.online = online
        self.crop_size = predictor.crop_size
        self._predictor, self._face = predictor, face
        self._before: Float32 | None = None
        self._frames = 0

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Return one prediction per crop, image px."""
        predictions = self._predictor.predict(image_bgr, crops)
        refined = [self._face.refine(prediction, self._before) for prediction in predictions]
        self._before = refined[-1].alpha_exp if refined else None
        if self.online is not None and len(predictions) == 1:
            self._frames += 1
            seen = observe(predictions[0], image_bgr, self._frames * _FRAME_NS)
            if self.online.add(seen):
                self._face = self._face.changed(self.online.user)
        return refined
