"""The fitter of Q*: pictures of one person share one identity; a single picture is a group of one.

Each pass: pose in closed form, contour landmarks marched anew, expressions by bounded least squares, identity by MAP.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdr_core.errors import ConfigError, DataError
from rdr_core.face_model.core_tensor import CoreTensor
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine
from rdr_core.fitting.contour import (
    INNER_ONLY,
    LandmarkVertices,
    frontal_landmarks,
    own_landmarks,
    visible_landmarks,
)
from rdr_core.fitting.expression import expression_std, fit_expression
from rdr_core.fitting.identity import fit_identity
from rdr_core.fitting.pose import Camera
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, JAW, N_LANDMARKS
from rdr_core.types import Float32, Pose


@dataclass(frozen=True)
class FitConfig:
    """Weights and passes of the fit."""

    passes: int = 6
    """Outer passes; the contour takes part from the second on."""
    noise_cm: float = 0.2
    """Standard deviation of the inner landmarks' annotation and model noise, cm at the face."""
    eye_noise_cm: float = 0.1
    """The same for the eyelids, small and clicked with care: a loose fit would leave closed eyes half open."""
    contour_noise_cm: float = 0.3
    """The same for the contour, which annotators place less surely along the outline."""
    expression_scale: float = 1.0
    """Scales the spread of expression coefficients about neutral (`expression_std`): the prior of the last pass."""
    prior_decay: float = 0.6
    """The expression prior is stronger in earlier passes by this factor a pass."""
    max_error: float = 0.20
    """Fits over this error (share of the face box) are dropped (Sec. 5.1)."""

    def __post_init__(self) -> None:
        if (
            self.passes < 1
            or min(self.noise_cm, self.eye_noise_cm, self.contour_noise_cm, self.expression_scale, self.max_error) <= 0
        ):
            raise ConfigError(f"fitting needs positive passes, noises and limits, got {self}")


@dataclass(frozen=True)
class Fit:
    """Q* of one picture."""

    pose: Pose
    alpha_id: Float32
    """(I,)."""
    alpha_exp: Float32
    """(E,) in [0, 1]."""
    projected_shape: Float32
    """(68, 2) S_p of the fit, image px, jaw on the visible contour."""
    landmarks_3d: Float32
    """(68, 3) the head's own points, jaw at fixed vertices; x, y, depth px."""
    error: float
    """Mean distance to the annotation over sqrt(w h) of the annotated box."""


def face_box_size(points: Float32) -> float:
    """sqrt(w h) of the box of (L, 2) points."""
    width, height = points.max(axis=0) - points.min(axis=0)
    return float(np.sqrt(width * height))


def fit_group(
    model: DynamicExpressionModel, landmarks_px: Float32, config: FitConfig | None = None, contour: bool = True
) -> list[Fit]:
    """Fit pictures of one person.

    Args:
        landmarks_px: (G, 68, 2) annotated landmarks, image px.
        contour: True where the jaw is annotated on the visible outline (300-W), False where at the head's own points.

    Returns:
        One Fit a picture, all with the same alpha_id.
    """
    config = config or FitConfig()
    points = np.asarray(landmarks_px, np.float32)
    if points.ndim != 3 or points.shape[1:] != (N_LANDMARKS, 2) or not np.isfinite(points).all():
        raise DataError(f"fitting needs finite landmarks (G, 68, 2), got shape {points.shape}")
    if min(face_box_size(p) for p in points) < 1:
        raise DataError("fitting needs landmarks that span at least a pixel, got a collapsed face")
    return _Fitter(model, points, config, contour).run()


class _Fitter:
    def __init__(self, model: DynamicExpressionModel, points: Float32, config: FitConfig, contour: bool) -> None:
        self.model, self.points, self.config, self.contour = model, points, config, contour
        self.topology = model.topology
        self.alpha_id = model.identity_mean
        self.alpha_exp = np.zeros((len(points), model.n_expressions), np.float32)
        start = frontal_landmarks(self.topology) if contour else own_landmarks(self.topology)
        self.vertices: list[LandmarkVertices] = [start] * len(points)
        self.cameras: list[Camera] = []
        noise = np.full(N_LANDMARKS, config.noise_cm)
        noise[JAW] = config.contour_noise_cm
        noise[EYE_RIGHT] = noise[EYE_LEFT] = config.eye_noise_cm
        self.weights = (1 / noise).astype(np.float32)
        self.prior_std = config.expression_scale * expression_std(model.names)

    def run(self) -> list[Fit]:
        for number in range(self.config.passes):
            first = number == 0 and self.contour
            weights = self.weights * INNER_ONLY if first else self.weights
            decay = self.config.prior_decay ** (self.config.passes - 1 - number)
            self._update_poses(weights)
            self._update_expressions(weights, 1 / (self.prior_std**2 * decay))
            self._update_identity(weights)
        self._update_poses(self.weights)
        return [self._result(g) for g in range(len(self.points))]

    def _shapes(self) -> tuple[Float32, Float32]:
        return self.model.landmark_tensor.contract_identity(self.alpha_id)

    def _update_poses(self, weights: Float32) -> None:
        neutral, offsets = self._shapes()
        started = bool(self.cameras)
        self.cameras = list(self.cameras) or [None] * len(self.points)  # type: ignore[list-item]
        for g, points in enumerate(self.points):
            shape = combine(neutral, offsets, self.alpha_exp[g])
            rounds = 2 if self.contour and started else 1  # a new pose moves the contour, which moves the pose
            for _ in range(rounds):
                if started and self.contour:
                    self.vertices[g] = visible_landmarks(self.topology, shape, self.cameras[g].euler_rad)
                self.cameras[g] = Camera.from_landmarks(self.vertices[g].on(shape), points, weights**2)

    def _update_expressions(self, weights: Float32, prior_weight: Float32) -> None:
        neutral, offsets = self._shapes()
        for g, points in enumerate(self.points):
            residual = self.cameras[g].residual_cm(self.vertices[g].on(neutral), points) * weights[:, None]
            rows = self.cameras[g].image_rows(self.vertices[g].on(offsets)) * weights[:, None]
            self.alpha_exp[g] = fit_expression(rows.reshape(len(rows), -1).T, residual.ravel(), prior_weight)

    def _update_identity(self, weights: Float32) -> None:
        n = self.model.n_identity
        normal, gradient = np.zeros((n, n)), np.zeros(n)
        for g, points in enumerate(self.points):
            modes = _identity_modes(self.model.landmark_tensor, self.alpha_exp[g])  # (I, n, 3)
            rows = self.cameras[g].image_rows(self.vertices[g].on(modes)) * weights[:, None]  # (I, 68, 2)
            mean = np.tensordot(self.model.identity_mean, self.vertices[g].on(modes), axes=1)
            residual = self.cameras[g].residual_cm(mean, points) * weights[:, None]
            flat = rows.reshape(n, -1).astype(np.float64)
            normal += flat @ flat.T
            gradient += flat @ residual.ravel()
        self.alpha_id = fit_identity(normal, gradient, self.model.identity_mean, self.model.identity_std)

    def _result(self, g: int) -> Fit:
        camera, points = self.cameras[g], self.points[g]
        shape = combine(*self._shapes(), self.alpha_exp[g])
        projected = camera.project(self.vertices[g].on(shape)).astype(np.float32)
        own = own_landmarks(self.topology).on(shape)
        landmarks_3d = np.concatenate([camera.project(own), camera.depth_px(own)[:, None]], axis=1).astype(np.float32)
        translation = np.append(camera.translation_px, 0).astype(np.float32)
        error = np.linalg.norm(projected - points, axis=1).mean() / face_box_size(points)
        pose = Pose(camera.euler_rad, translation, camera.scale_px_per_cm)
        return Fit(pose, self.alpha_id, self.alpha_exp[g].copy(), projected, landmarks_3d, float(error))


def _identity_modes(tensor: CoreTensor, alpha_exp: Float32) -> Float32:
    """C_B x3 alpha_exp: (I, n, 3), what each identity coefficient adds to the face with this expression, cm."""
    weights = np.append(np.float32(1), alpha_exp)
    modes = tensor.vertex_factor @ (tensor.core @ weights)
    return modes.T.reshape(tensor.n_identity, tensor.n_vertices, 3)
