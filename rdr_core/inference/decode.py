"""From a network's outputs in crop units to a prediction in the pixels of the picture. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.errors import DataError
from rdr_core.geometry.rotation import turn_in_image
from rdr_core.types import FacePrediction, Float32, Pose, UInt8

OUTPUTS: Final = ("shapes", "projected_shapes", "landmarks_3d", "pose", "alpha_exp", "alpha_id", "confidence")
"""Names of the exported network's outputs, crop units:
shapes, projected_shapes (B, K + 1, 68, 2) S and S_p after each step; landmarks_3d (B, 68, 3); pose (B, 7) rad, crop
units, crop units per cm; alpha_exp (B, E); alpha_id (B, I); confidence (B,) in [0, 1]."""


STEP_OUTPUTS: Final = ("step_pose", "step_alpha_exp")
"""What the reference inference in torch gives besides: pose (B, K + 1, 7) and alpha_exp (B, K + 1, E) after each
step."""

COMPENSATION: Final = 0.5
"""Share of S - S_p by which the inner ones of the head's own points are moved. The 3D face and the C-LSTM each say
where they are; their mean is nearer to AFLW2000-3D (re-annotated 3.08 %) than either (3.16 and 3.15 %)."""


def network_input(image_bgr: UInt8, crops: Sequence[Crop]) -> UInt8:
    """Crop a picture (H, W, 3) BGR -> (B, s, s, 3) BGR."""
    if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8 or 0 in image_bgr.shape:
        raise DataError(f"a picture must be (H, W, 3) uint8, got {image_bgr.shape} {image_bgr.dtype}")
    return crops[0].warp(image_bgr)[None] if len(crops) == 1 else np.stack([crop.warp(image_bgr) for crop in crops])


def in_floats(pixels: UInt8) -> Float32:
    """(B, s, s, 3) BGR -> (B, 3, s, s) RGB in [0, 1], what a network in single floats takes."""
    return cv2.dnn.blobFromImages(list(pixels), 1 / 255, swapRB=True)


def in_pairs(pixels: UInt8) -> UInt8:
    """(B, s, s, 3) BGR -> (B, s, s / 2, 8), what a network in bytes takes: BGRA, two pixels at a time."""
    batch, height, width, _ = pixels.shape
    rows = cv2.cvtColor(pixels.reshape(batch * height, width, 3), cv2.COLOR_BGR2BGRA)
    return rows.reshape(batch, height, width // 2, 8)


def decode(outputs: Mapping[str, np.ndarray], crops: Sequence[Crop]) -> list[FacePrediction]:
    """Map outputs (see OUTPUTS) of each crop into the picture."""
    return [_decode_one({name: outputs[name][b] for name in OUTPUTS}, crop) for b, crop in enumerate(crops)]


def decode_pose(pose: Float32, crop: Crop) -> Pose:
    """Map a pose (7,), crop units, into the picture."""
    pose = pose.astype(np.float64)
    translation = crop.points_to_image(pose[3:5] * crop.size)
    return Pose(
        turn_in_image(pose[:3], np.float64(crop.roll_rad)).astype(np.float32),
        np.array([*translation, 0], np.float32),
        float(pose[6] * crop.side_px),
    )


def _decode_one(output: Mapping[str, np.ndarray], crop: Crop) -> FacePrediction:
    own = output["landmarks_3d"]
    flat = np.stack([output["shapes"][-1], output["projected_shapes"][-1], own[:, :2]])
    shape, projected_shape, own_px = to_image(flat, crop)
    return FacePrediction(
        shape=shape,
        projected_shape=projected_shape,
        landmarks_3d=np.concatenate([own_px, own[:, 2:] * np.float32(crop.side_px)], axis=1),
        pose=decode_pose(output["pose"], crop),
        alpha_exp=output["alpha_exp"],
        alpha_id=output["alpha_id"],
        confidence=float(output["confidence"]),
    )


def to_image(points: Float32, crop: Crop) -> Float32:
    """Crop units (..., 2) -> image px."""
    return crop.points_to_image(points * np.float32(crop.size)).astype(np.float32)
