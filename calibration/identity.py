"""Unified identity: one alpha_id over frames of one person, with pose and expression of each (Cao 2013, 2014).

First in turn, from nothing: pose in closed form, expressions by bounded least squares, identity by MAP under the
Gaussian prior. Then all together (`joint.py`), the contour marched and the frames weighted anew before each step.

G: frames.  I: identity dimensions.  E: expressions.  n: vertices of the landmark subset.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from calibration.camera import NearCamera
from calibration.errors import CalibrationError
from calibration.joint import FrameEquations, moved, pose_rows, solve_together
from rdr_core.face_model.core_tensor import CoreTensor
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine
from rdr_core.fitting.contour import INNER_ONLY, LandmarkVertices, frontal_landmarks, landmarks_on_outline
from rdr_core.fitting.expression import expression_std, fit_expression
from rdr_core.fitting.fit_group import face_box_size
from rdr_core.fitting.identity import fit_identity
from rdr_core.landmarks import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, JAW, N_LANDMARKS, NOSE_BASE, NOSE_BRIDGE
from rdr_core.types import Float32


@dataclass(frozen=True, slots=True)
class Noise:
    """What a network's landmarks are off the face, cm at the face: standard deviations of each coordinate."""

    frame_cm: float
    """From frame to frame: it averages out."""
    person_cm: float
    """In all frames of a person alike: it does not."""


@dataclass(frozen=True)
class IdentityConfig:
    """How identity is fitted.

    The noise is that of the shipped network on rendered people (brows 0.08 and 0.09 cm, eyes 0.08 and 0.08, nose 0.06
    and 0.08, mouth 0.09 and 0.06, jaw 0.21 and 0.14), half as large again and more: neighbours err together.
    """

    passes: int = 3
    """Passes in turn; the contour takes part from the second on."""
    steps: int = 6
    """Steps with everything together."""
    jaw: Noise = Noise(0.40, 0.25)
    brow: Noise = Noise(0.14, 0.13)
    nose: Noise = Noise(0.09, 0.10)
    eye: Noise = Noise(0.14, 0.12)
    mouth: Noise = Noise(0.17, 0.09)
    prior_decay: float = 0.6
    """The expression prior is stronger in earlier passes by this factor a pass."""
    tuning: float = 2.0
    """A frame whose error is over so many times the median counts less (Huber), over twice that hardly."""

    def __post_init__(self) -> None:
        noises = [value for noise in self.noises() for value in (noise.frame_cm, noise.person_cm)]
        if self.passes < 2 or self.steps < 1 or min(noises) <= 0 or not 0 < self.prior_decay <= 1 or self.tuning < 1:
            raise CalibrationError(f"identity needs two passes or more, positive noise and tuning from 1, got {self}")

    def noises(self) -> tuple[Noise, ...]:
        """Return those of jaw, brow, nose, eye and mouth."""
        return (self.jaw, self.brow, self.nose, self.eye, self.mouth)

    def noise_cm(self) -> tuple[Float32, Float32]:
        """(68,) standard deviation of each landmark from frame to frame, and (68,) that of a person, cm."""
        mouth = np.arange(48, N_LANDMARKS)
        groups = (JAW, [*BROW_RIGHT, *BROW_LEFT], [*NOSE_BRIDGE, *NOSE_BASE], [*EYE_RIGHT, *EYE_LEFT], mouth)
        frame, person = np.empty(N_LANDMARKS), np.empty(N_LANDMARKS)
        for noise, group in zip(self.noises(), groups, strict=True):
            frame[np.asarray(group)], person[np.asarray(group)] = noise.frame_cm, noise.person_cm
        return frame, person

    def weights(self, frames: float) -> Float32:
        """(68,) weight of each landmark in one of so many frames: 1 / standard deviation, cm."""
        frame, person = self.noise_cm()
        return ((frame**2 + frames * person**2) ** -0.5).astype(np.float32)  # what is off in all alike counts once


@dataclass(frozen=True, eq=False)
class PersonFit:
    """One identity and what it looks like in each frame."""

    alpha_id: Float32
    """(I,)."""
    alpha_exp: Float32
    """(G, E)."""
    cameras: tuple[NearCamera, ...]
    """(G,)."""
    errors: Float32
    """(G,) mean distance of the landmarks over sqrt(w h) of their box."""
    weights: Float32
    """(G,) how much each frame counted, 0..1."""
    cost: float
    """Negative logarithm of the posterior: what a focal length is chosen by."""
    focal_px: float | None = field(default=None)


def fit_person(
    model: DynamicExpressionModel,
    landmarks_px: Float32,
    frame_weights: Float32 | None = None,
    config: IdentityConfig | None = None,
    focal_px: float | None = None,
    alpha_id: Float32 | None = None,
) -> PersonFit:
    """Fit one person's frames.

    Args:
        model: face model.
        landmarks_px: (G, 68, 2) landmarks, jaw on the visible contour, image px.
        frame_weights: (G,) 0..1, how much each is trusted beforehand, as by its confidence; default 1.
        config: noise and passes.
        focal_px: focal length of the camera; None: weak perspective.
        alpha_id: (I,) keep this identity and fit the rest; None: fit it.

    Raises:
        CalibrationError: no frame, or landmarks that are no face.
    """
    points = np.asarray(landmarks_px, np.float64)
    if points.ndim != 3 or points.shape[1:] != (N_LANDMARKS, 2) or not len(points) or not np.isfinite(points).all():
        raise CalibrationError(f"identity needs finite landmarks (G, 68, 2) of one frame or more, got {points.shape}")
    if min(face_box_size(face) for face in points) < 1:
        raise CalibrationError("identity needs landmarks that span at least a pixel, got a collapsed face")
    trust = np.ones(len(points)) if frame_weights is None else np.asarray(frame_weights, np.float64)
    return _Fitter(model, points, trust, config or IdentityConfig(), focal_px, alpha_id).run()


def refine_person(
    model: DynamicExpressionModel,
    landmarks_px: Float32,
    frame_weights: Float32,
    alpha_id: Float32,
    alpha_exp: Float32,
    focal_px: float | None = None,
    config: IdentityConfig | None = None,
) -> Float32:
    """Take one step with everything together from where one is; arguments as for `fit_person`.

    The work is that of one pass over the frames, without searches. alpha_exp is (G, E), where expressions begin.

    Returns:
        alpha_id (I,).
    """
    config, points = config or IdentityConfig(), np.asarray(landmarks_px, np.float64)
    fitter = _Fitter(model, points, np.asarray(frame_weights, np.float64), config, focal_px, None)
    fitter.alpha_id, fitter.alpha_exp = np.asarray(alpha_id, np.float32), np.array(alpha_exp, np.float32)
    fitter.warm_start()
    return fitter.alpha_id


class _Fitter:
    def __init__(
        self,
        model: DynamicExpressionModel,
        points: Float32,
        trust: Float32,
        config: IdentityConfig,
        focal_px: float | None,
        fixed: Float32 | None,
    ) -> None:
        self.model, self.points, self.trust, self.config, self.focal_px = model, points, trust, config, focal_px
        self.fixed = fixed is not None
        self.alpha_id = model.identity_mean if fixed is None else np.asarray(fixed, np.float32)
        self.alpha_exp = np.zeros((len(points), model.n_expressions), np.float32)
        self.vertices: list[LandmarkVertices] = [frontal_landmarks(model.topology)] * len(points)
        self.cameras: list[NearCamera] = []
        self.frame_weights = trust.copy()
        self.sizes = np.array([face_box_size(face) for face in points])
        self.prior_std = expression_std(model.names)
        mean, _ = model.landmark_tensor.contract_identity(model.identity_mean)
        self.bias = np.zeros(2 * N_LANDMARKS)
        """What the network's landmarks are off in all frames alike, cm in an upright picture."""
        self.pivot = mean[model.topology.landmarks_in_subset].mean(axis=0)

    def run(self) -> PersonFit:
        for number in range(self.config.passes):
            first = number == 0
            decay = self.config.prior_decay ** (self.config.passes - 1 - number)
            # poses and expressions know the person's own error no better than the frame's
            self._poses(self.config.weights(1) * (INNER_ONLY if first else 1), march=not first)
            self._expressions(self.config.weights(1) * (INNER_ONLY if first else 1), 1 / (self.prior_std**2 * decay))
            if not first:
                self._reweigh()
            if not self.fixed:
                weights = self.config.weights(max(1.0, float(self.frame_weights.sum())))
                self._identity(weights * (INNER_ONLY if first else 1))
        for _ in range(self.config.steps):
            self._march()
            self._step()
            self._reweigh()
        self._march()
        return PersonFit(
            self.alpha_id,
            self.alpha_exp,
            tuple(self.cameras),
            self._errors().astype(np.float32),
            (self.frame_weights / np.maximum(self.trust, 1e-9)).astype(np.float32),
            self._cost(),
            self.focal_px,
        )

    def warm_start(self) -> None:
        """Begin with a known face and expressions: poses in closed form, then one joint step."""
        self._poses(self.config.weights(1) * INNER_ONLY, march=False)
        self._poses(self.config.weights(1), march=True)
        self._reweigh()
        self._step()

    def _march(self) -> None:
        neutral, offsets = self._shapes()
        for g, camera in enumerate(self.cameras):
            shape = combine(neutral, offsets, self.alpha_exp[g])
            self.vertices[g] = landmarks_on_outline(self.model.topology, camera.project(shape))

    def _step(self) -> None:
        n = 0 if self.fixed else self.model.n_identity
        frames = [self._equations(g) for g in range(len(self.points))]
        own = 1 / self.model.identity_std[:n] ** 2
        person = 1 / np.repeat(self.config.noise_cm()[1], 2) ** 2
        toward = np.concatenate([(self.model.identity_mean - self.alpha_id)[:n], -self.bias])
        means = np.broadcast_to(np.zeros(1), self.alpha_exp.shape)
        step = solve_together(frames, means, 1 / self.prior_std**2, np.concatenate([own, person]), toward)
        if n:
            self.alpha_id = (self.alpha_id + step.shared[:n]).astype(np.float32)
        self.bias = self.bias + step.shared[n:]
        self.alpha_exp = step.alpha_exp.astype(np.float32)
        for g, camera in enumerate(self.cameras):
            flat = moved(camera.flat, step.pose[g])
            distance = np.inf if self.focal_px is None else self.focal_px / flat.scale_px_per_cm
            self.cameras[g] = NearCamera(flat, self.pivot, distance)

    def _equations(self, g: int) -> FrameEquations:
        vertices, camera = self.vertices[g], self.cameras[g].flat
        neutral, offsets = self._shapes()
        landmarks = vertices.on(combine(neutral, offsets, self.alpha_exp[g]))
        weights = np.repeat(1 / self.config.noise_cm()[0], 2)
        upright = _upright(float(camera.euler_rad[2]))
        bias = np.einsum("ij,kl->ikjl", np.eye(N_LANDMARKS), upright).reshape(2 * N_LANDMARKS, -1)
        shared = [] if self.fixed else [self._identity_rows(g)]
        residual = camera.residual_cm(landmarks, self._flat(g, landmarks)).ravel() - bias @ self.bias
        return FrameEquations(
            pose_rows(camera, landmarks).reshape(2 * N_LANDMARKS, -1) * weights[:, None],
            camera.image_rows(vertices.on(offsets)).reshape(len(offsets), -1).T * weights[:, None],
            np.concatenate([*shared, bias], axis=1) * weights[:, None],
            residual * weights,
            self.alpha_exp[g].astype(np.float64),
            float(self.frame_weights[g]),
        )

    def _identity_rows(self, g: int) -> Float32:
        modes = identity_modes(self.model.landmark_tensor, self.alpha_exp[g], self.vertices[g])
        return self.cameras[g].flat.image_rows(modes).reshape(self.model.n_identity, -1).T

    def _shapes(self) -> tuple[Float32, Float32]:
        return self.model.landmark_tensor.contract_identity(self.alpha_id)

    def _poses(self, weights: Float32, march: bool) -> None:
        neutral, offsets = self._shapes()
        cameras: list[NearCamera] = []
        for g, points in enumerate(self.points):
            shape = combine(neutral, offsets, self.alpha_exp[g])
            for _ in range(2 if march else 1):  # a new pose moves the contour, which moves the pose
                if march:
                    before = cameras[g] if g < len(cameras) else self.cameras[g]
                    self.vertices[g] = landmarks_on_outline(self.model.topology, before.project(shape))
                landmarks = self.vertices[g].on(shape)
                camera = NearCamera.from_landmarks(landmarks, points, weights**2, self.pivot, self.focal_px)
                cameras[g:] = [camera]
        self.cameras = cameras

    def _flat(self, g: int, landmarks_cm: Float32) -> Float32:
        return self.cameras[g].flatten(self.points[g], landmarks_cm)

    def _expressions(self, weights: Float32, prior_weight: Float32) -> None:
        neutral, offsets = self._shapes()
        for g, vertices in enumerate(self.vertices):
            flat = self._flat(g, vertices.on(combine(neutral, offsets, self.alpha_exp[g])))
            camera = self.cameras[g].flat
            residual = camera.residual_cm(vertices.on(neutral), flat) * weights[:, None]
            rows = camera.image_rows(vertices.on(offsets)) * weights[:, None]
            self.alpha_exp[g] = fit_expression(rows.reshape(len(rows), -1).T, residual.ravel(), prior_weight)

    def _identity(self, weights: Float32) -> None:
        n = self.model.n_identity
        neutral, offsets = self._shapes()
        normal, gradient = np.zeros((n, n)), np.zeros(n)
        for g, vertices in enumerate(self.vertices):
            modes = identity_modes(self.model.landmark_tensor, self.alpha_exp[g], vertices)  # (I, 68, 3)
            flat = self._flat(g, vertices.on(combine(neutral, offsets, self.alpha_exp[g])))
            camera = self.cameras[g].flat
            rows = (camera.image_rows(modes) * weights[:, None]).reshape(n, -1).astype(np.float64)
            mean = np.tensordot(self.model.identity_mean, modes, axes=1)
            residual = (camera.residual_cm(mean, flat) * weights[:, None]).ravel()
            normal += self.frame_weights[g] * rows @ rows.T
            gradient += self.frame_weights[g] * rows @ residual
        self.alpha_id = fit_identity(normal, gradient, self.model.identity_mean, self.model.identity_std)

    def _distances(self) -> Float32:
        """(G, 68) px."""
        neutral, offsets = self._shapes()
        seen = [
            camera.project(vertices.on(combine(neutral, offsets, exp)))
            for camera, vertices, exp in zip(self.cameras, self.vertices, self.alpha_exp, strict=True)
        ]
        return np.linalg.norm(np.stack(seen) - self.points, axis=2)

    def _errors(self) -> Float32:
        return self._distances().mean(axis=1) / self.sizes

    def _reweigh(self) -> None:
        """Huber's weights of the frames: one that is far worse than the usual one says little of the person."""
        errors = self._errors()
        limit = self.config.tuning * np.median(errors)
        robust = np.where(errors <= limit, 1.0, (limit / np.maximum(errors, 1e-12)) ** 2)
        self.frame_weights = self.trust * robust

    def _cost(self) -> float:
        scale = np.array([camera.flat.scale_px_per_cm for camera in self.cameras])
        squares = (self._distances() / scale[:, None] * self.config.weights(1)) ** 2
        exp = ((self.alpha_exp / self.prior_std) ** 2).sum(axis=1)
        own = (((self.alpha_id - self.model.identity_mean) / self.model.identity_std) ** 2).sum()
        return float((self.frame_weights * (squares.sum(axis=1) + exp)).sum() + own) / 2


def identity_modes(tensor: CoreTensor, alpha_exp: Float32, vertices: LandmarkVertices) -> Float32:
    """C_B x3 alpha_exp at landmarks: (I, 68, 3), what each identity coefficient adds to this expression, cm."""
    weights = np.append(np.float32(1), alpha_exp)
    modes = (tensor.vertex_factor @ (tensor.core @ weights)).T.reshape(tensor.n_identity, tensor.n_vertices, 3)
    return vertices.on(modes)


def _upright(roll_rad: float) -> Float32:
    """(2, 2) from an upright picture to one in which the face is rolled, clockwise, y down."""
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    return np.array([[cos, -sin], [sin, cos]])
