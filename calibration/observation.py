"""One frame as calibration sees it: what the network says of a face, how sharp the picture is, and the face in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from rdr_core.data.crop import Crop, crop_from_landmarks
from rdr_core.types import FacePrediction, Float32, UInt8

_SIDE_PX: Final = 96
_KEPT_PX: Final = 640
_KEPT_MARGIN: Final = 1.9
"""Side of the kept picture over that of the landmarks' box: forehead, ears and throat are in it."""


@dataclass(frozen=True, eq=False)
class FacePicture:
    """The part of a frame's picture that shows the face."""

    image_bgr: UInt8
    """(s, s, 3), never larger than it was."""
    square: Crop
    """Where that lies in the frame."""


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
    picture: FacePicture | None = None
    """Kept only where the skin is wanted, and only in memory."""

    @property
    def yaw_deg(self) -> float:
        """Turn of the head, degrees; over 0 to the subject's left."""
        return float(np.degrees(self.euler_rad[1]))

    @property
    def pitch_deg(self) -> float:
        """Nod of the head, degrees; over 0 up."""
        return float(np.degrees(self.euler_rad[0]))

    def without_picture(self) -> Observation:
        """Return it without the picture."""
        return self if self.picture is None else replace(self, picture=None)


def observe(prediction: FacePrediction, image_bgr: UInt8, time_ns: int, keep_picture: bool = False) -> Observation:
    """Return a frame's observation; image (H, W, 3) BGR."""
    return Observation(
        time_ns,
        prediction.shape,
        np.asarray(prediction.pose.euler_rad),
        prediction.alpha_exp,
        prediction.confidence,
        sharpness_of(image_bgr, prediction.shape),
        face_picture(image_bgr, prediction.shape) if keep_picture else None,
    )


def face_picture(image_bgr: UInt8, landmarks_px: Float32) -> FacePicture:
    """Cut a face, (68, 2) landmarks, out of a picture (H, W, 3)."""
    side_px = crop_from_landmarks(landmarks_px, _KEPT_PX, margin=_KEPT_MARGIN).side_px
    square = crop_from_landmarks(landmarks_px, min(_KEPT_PX, max(2, round(side_px))), margin=_KEPT_MARGIN)
    return FacePicture(square.warp(image_bgr), square)


def sharpness_of(image_bgr: UInt8, landmarks_px: Float32) -> float:
    """Return the energy of the Laplacian over the contrast in the face's crop: blur lowers it, dim light does not."""
    crop = crop_from_landmarks(landmarks_px, _SIDE_PX).warp(image_bgr)
    gray = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32)
    contrast = float(gray.var())
    return float(cv2.Laplacian(gray, cv2.CV_32F).var()) / contrast if contrast > 1 else 0.0


def landmarks_of(frames: Sequence[Observation]) -> tuple[Float32, Float32]:
    """(G, 68, 2) px and (G,) how far each frame is trusted."""
    return np.stack([frame.landmarks_px for frame in frames]), np.array([frame.confidence for frame in frames])
