"""People made from the face model, and what a perfect network would say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from calibration.camera import NearCamera
from calibration.observation import Observation
from calibration.quality import QualityReport
from calibration.ranges import Ranges
from calibration.user_model import UserModel
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine, default_face_model
from rdr_core.fitting.contour import landmarks_on_outline
from rdr_core.fitting.pose import Camera
from rdr_core.types import Float32

SCALE_PX_PER_CM = 10.0
FRAME_NS = 40_000_000


def coefficients(values: Mapping[str, float]) -> Float32:
    """(46,) with these set."""
    alpha = np.zeros(46, np.float32)
    for name, value in values.items():
        alpha[BLENDSHAPE_NAMES.index(name)] = value
    return alpha


@dataclass(frozen=True, eq=False)
class Someone:
    """A person with exact landmarks."""

    model: DynamicExpressionModel
    alpha_id: Float32

    def landmarks(
        self, alpha_exp: Float32, turn_deg: Sequence[float] = (0, 0, 0), distance_cm: float = np.inf
    ) -> Float32:
        """(68, 2) px: pitch, yaw and roll in degrees; seen from so far away."""
        neutral, offsets = self.model.landmark_tensor.contract_identity(self.alpha_id)
        face = combine(neutral, offsets, alpha_exp)
        flat = Camera(np.radians(np.asarray(turn_deg, float)), np.array([320.0, 240.0]), SCALE_PX_PER_CM)
        middle = neutral[self.model.topology.landmarks_in_subset].mean(axis=0)
        camera = NearCamera(flat, middle, distance_cm)
        return camera.project(landmarks_on_outline(self.model.topology, camera.project(face)).on(face))

    def seen(
        self, frame: int, turn_deg: Sequence[float] = (0, 0, 0), confidence: float = 0.95, **shapes: float
    ) -> Observation:
        """Frame number `frame` of 25 a second, as a perfect network sees it."""
        alpha = coefficients(shapes)
        return Observation(
            frame * FRAME_NS,
            self.landmarks(alpha, turn_deg),
            np.radians(np.asarray(turn_deg, float)),
            alpha,
            confidence,
            1.0,
        )

    def error_mm(self, alpha_id: Float32) -> float:
        """RMS distance of the vertices of two neutral faces, middle on middle and at one size."""
        (one, other) = (self.model.face(np.asarray(a, np.float32)) for a in (alpha_id, self.alpha_id))
        one, other = one - one.mean(axis=0), other - other.mean(axis=0)
        one = one * (one * other).sum() / (one**2).sum()
        return float(10 * np.sqrt(((one - other) ** 2).sum(axis=1).mean()))


@pytest.fixture(scope="session")
def model() -> DynamicExpressionModel:
    return default_face_model()


@pytest.fixture(scope="session")
def somebody(model: DynamicExpressionModel) -> Callable[[int], Someone]:
    """Return a maker of people by number."""

    def make(seed: int) -> Someone:
        noise = np.random.default_rng(seed).standard_normal(model.n_identity)
        return Someone(model, (model.identity_mean + model.identity_std * np.clip(noise, -2, 2)).astype(np.float32))

    return make


def quality(**changes: object) -> QualityReport:
    values: dict[str, object] = {
        "frames": 20, "left_out": 1, "yaw_range_deg": (-30.0, 31.0), "error_percent": 0.6,
        "mean_face_error_percent": 0.9, "held_out_error_percent": 0.7, "distance_from_mean": 1.0,
    }  # fmt: skip
    return QualityReport(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def anna(somebody: Callable[[int], Someone], model: DynamicExpressionModel) -> UserModel:
    """Return a whole user model."""
    return UserModel.of_identity("anna", model, somebody(1).alpha_id, Ranges.whole(), quality())
