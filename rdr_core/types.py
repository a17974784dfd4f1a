"""Values that pass between the parts of rdr_core and out to its users.

L: number of landmarks (68).  E: number of expression blendshapes (46).  I: identity dimensions (50).
Image frame: pixels, origin top left, x right, y down, pixel centres at .5.
Pose angles: rad; yaw > 0 looks to the right of the image, pitch > 0 up, roll > 0 clockwise in the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Float32 = npt.NDArray[Any]
"""An array of float32. For the reader: numpy's promotions make it not worth checking statically."""
UInt8 = npt.NDArray[Any]
"""An array of uint8, i.e. a picture."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Rigid head pose and camera scale under weak perspective (Eq. 1, 3)."""

    euler_rad: Float32
    """(3,) pitch, yaw, roll; Euler Y-X-Z."""
    translation_px: Float32
    """(3,) image position of the model's origin, px; the third (depth) is unobservable and 0."""
    scale_px_per_cm: float
    """f of Eq. (3)."""


@dataclass(frozen=True, slots=True, eq=False)
class FacePrediction:
    """What the network says of one face, in the pixels of the whole picture. Equal to itself alone."""

    shape: Float32
    """(L, 2) S^K, landmarks, jaw on the visible contour."""
    projected_shape: Float32
    """(L, 2) S_p^K, landmarks of the projected 3D face."""
    landmarks_3d: Float32
    """(L, 3) the same points of the head itself, hidden or not: jaw at fixed vertices, inner ones moved half as S; x, y
    px, depth px (larger is nearer)."""
    pose: Pose
    alpha_exp: Float32
    """(E,) expression coefficients in [0, 1]."""
    alpha_id: Float32
    """(I,) identity coefficients."""
    confidence: float
    """0..1: is this crop a face, and well aligned."""


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """One face of one frame under a stable id."""

    face_id: int
    """Stays with a face as long as it is not lost; never reused within a session."""
    tracked: bool
    """False while the face is lost; `prediction` then is the last good one."""
    prediction: FacePrediction
    milliseconds: float
    """Time spent on this face (crop, network, decode), without the detector."""
