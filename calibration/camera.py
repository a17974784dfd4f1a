"""The camera of a face that may be near: weak perspective, made stronger where the focal length is known.

A weak perspective camera sees all of a face at one distance. At arm's length the nose is a tenth nearer than the ears:
fitted without it, an identity gets a long nose and a narrow jaw. Here each landmark is magnified by how near it is, and
taking that out of the picture again ("flattening") leaves a weak perspective problem, which has closed forms (POSIT,
DeMenthon and Davis 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.fitting.pose import Camera
from rdr_core.types import Float32

_ROUNDS: Final = 3
_NEAREST: Final = 0.6
"""1 - z / distance is kept over it: a face that touches the lens is no face."""


@dataclass(frozen=True)
class NearCamera:
    """P of Eq. (3), and how far the face is."""

    flat: Camera
    """As seen from far away."""
    pivot_cm: Float32
    """(3,) the model point that is `distance_cm` away, and towards which the camera looks."""
    distance_cm: float
    """Infinite: weak perspective."""

    @classmethod
    def from_landmarks(
        cls,
        landmarks_cm: Float32,
        points_px: Float32,
        weights: Float32,
        pivot_cm: Float32,
        focal_px: float | None = None,
    ) -> NearCamera:
        """(68, 3) model landmarks, (68, 2) image points and (68,) weights -> camera; focal None: weak perspective."""
        camera = cls(Camera.from_landmarks(landmarks_cm, points_px, weights), pivot_cm, np.inf)
        for _ in range(_ROUNDS if focal_px else 0):
            camera = cls(camera.flat, pivot_cm, float(focal_px or 0) / camera.flat.scale_px_per_cm)
            flattened = camera.flatten(points_px, landmarks_cm)
            camera = cls(Camera.from_landmarks(landmarks_cm, flattened, weights), pivot_cm, camera.distance_cm)
        return camera

    @property
    def center_px(self) -> Float32:
        """(2,) where the pivot is seen."""
        return self.flat.project(self.pivot_cm)

    def magnification(self, points_cm: Float32) -> Float32:
        """(..., 3) model points -> (...) how much larger each is seen than what is as far as the pivot."""
        if np.isinf(self.distance_cm):
            return np.ones(points_cm.shape[:-1])
        depth_cm = (points_cm - self.pivot_cm) @ self.flat.rotation[2]
        return 1 / np.maximum(1 - depth_cm / self.distance_cm, _NEAREST)

    def project(self, points_cm: Float32) -> Float32:
        """(..., 3) cm -> (..., 2) image px."""
        center = self.center_px
        return center + (self.flat.project(points_cm) - center) * self.magnification(points_cm)[..., None]

    def flatten(self, points_px: Float32, points_cm: Float32) -> Float32:
        """(..., 2) image points of (..., 3) model points -> where the camera would see them from far away."""
        center = self.center_px
        return center + (points_px - center) / self.magnification(points_cm)[..., None]
