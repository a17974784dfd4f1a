"""One frame as calibration sees it: what the network says of a face, and how sharp the picture is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from rdr_core.data.crop import crop_from_landmarks
from rdr_core.types import FacePrediction, Float32, UInt8

_SIDE_PX: Final = 96


@dataclass(frozen=True, eq=False)
class Observation:
    """One face in one frame."""

    time_ns: int
    """Capture time."""
    landmarks_px: Float32
    """(68, 2) S, jaw on the visible contour, image px."""
    euler_rad: Float32
    """(3,) pitch, yaw, roll."""
    alpha_exp: Float32
    """(46,) as the network gives it, without any correction."""
    confidence: float
    """0..1."""
    sharpness: float
    """Share of fine detail in the face's contrast, over 0; of one camera higher is sharper."""

    @property
    def yaw_deg(self) -> float:
        """Turn of the head, degrees; over 0 to the subject's left."""
        return float(np.degrees(self.euler_rad[1]))

    @property
    def pitch_deg(self) -> float:
        """Nod of the head, degrees; over 0 up."""
        return float(np.degrees(self.euler_rad[0]))


def observe(prediction: FacePrediction, image_bgr: UInt8, time_ns: int) -> Observation:
    """Return a frame's observation; image (H, W, 3) BGR."""
    return Observation(
        time_ns,
        prediction.shape,
        np.asarray(prediction.pose.euler_rad),
        prediction.alpha_exp,
        prediction.confidence,
        sharpness_of(image_bgr, prediction.shape),
    )


def sharpness_of(image_bgr: UInt8, landmarks_px: Float32) -> float:
    """Return the energy of the Laplacian over the contrast in the face's crop: blur lowers it, dim light does not."""
    crop = crop_from_landmarks(landmarks_px, _SIDE_PX).warp(image_bgr)
    gray = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32)
    contrast = float(gray.var())
    return float(cv2.Laplacian(gray, cv2.CV_32F).var()) / contrast if contrast > 1 else 0.0
