"""Pose step of the fit: closed form on the current landmark vertices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.geometry.weak_perspective import fit_pose
from rdr_core.types import Float32


@dataclass(frozen=True)
class Camera:
    """P of Eq. (3) without the unobservable depth."""

    euler_rad: Float32
    """(3,) pitch, yaw, roll."""
    translation_px: Float32
    """(2,)."""
    scale_px_per_cm: float

    @classmethod
    def from_landmarks(cls, landmarks_cm: Float32, points_px: Float32, weights: Float32) -> Camera:
        """(68, 3) model landmarks and (68, 2) image points -> camera."""
        euler, translation, scale = fit_pose(landmarks_cm, points_px, weights)
        return cls(euler, translation, max(scale, 1e-3))

    @cached_property
    def rotation(self) -> Float32:
        """(3, 3) of `euler_rad`."""
        return matrix_from_euler(self.euler_rad)

    def image_rows(self, offsets: Float32) -> Float32:
        """Turn model offsets (..., 3), cm, into image offsets (..., 2), cm, y down."""
        return offsets @ (self.rotation[:2] * [[1.0], [-1.0]]).T

    def residual_cm(self, landmarks_cm: Float32, points_px: Float32) -> Float32:
        """(68, 2) image points minus projected landmarks, in cm at the face, y down."""
        return (points_px - self.translation_px) / self.scale_px_per_cm - self.image_rows(landmarks_cm)

    def project(self, landmarks_cm: Float32) -> Float32:
        """(..., 3) cm -> (..., 2) image px."""
        return self.image_rows(landmarks_cm) * self.scale_px_per_cm + self.translation_px

    def depth_px(self, landmarks_cm: Float32) -> Float32:
        """(..., 3) cm -> (...) depth, px, larger is nearer."""
        return landmarks_cm @ self.rotation[2] * np.float32(self.scale_px_per_cm)
