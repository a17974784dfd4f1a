"""Both eyes of a face as the eye network sees them: upright, ten pixels a centimetre, the left one mirrored."""

from __future__ import annotations

from typing import Final

import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.types import FacePrediction, Float32, UInt8

PATCH_PX: Final = (48, 32)
"""Width and height of a patch."""
SIDES: Final = ("L", "R")
"""Of the person, in the order of patches."""
_PX_PER_CM: Final = 10.0
_LIDS: Final = {"L": EYE_LEFT, "R": EYE_RIGHT}
_SHAPES: Final = ("EyeLookUp", "EyeLookDown", "EyeLookIn", "EyeLookOut", "EyeClose", "EyeSquint", "EyeWide")
COLUMNS: Final = {side: [BLENDSHAPE_NAMES.index(f"{name}_{side}") for name in _SHAPES] for side in SIDES}
"""Of an eye's shapes in alpha_exp: up, down, in, out, closed, squinting, wide."""
N_TOLD: Final = 2 + 2 * len(_SHAPES)


def eye_patches(image_bgr: UInt8, prediction: FacePrediction, margin_px: int = 0) -> UInt8:
    """Cut both eyes out of a picture (H, W, 3): (2, h + 2 m, w + 2 m, 3) BGR, `SIDES` in order, with a margin m.

    An eye's outer corner is on the right in both, so that one network serves either.
    """
    width, height = (side + 2 * margin_px for side in PATCH_PX)
    scale, roll = prediction.pose.scale_px_per_cm, float(prediction.pose.euler_rad[2])
    top = (width - height) // 2
    patches = np.empty((2, height, width, 3), np.uint8)
    for number, side in enumerate(SIDES):
        middle = prediction.shape[_LIDS[side]].mean(axis=0)
        square = Crop(middle, max(width / _PX_PER_CM * scale, 2.0), width, roll).warp(image_bgr)[top : top + height]
        patches[number] = square if side == "L" else square[:, ::-1]
    return patches


def told_of(prediction: FacePrediction) -> Float32:
    """(N_TOLD,) what the network of the whole face says: pitch and yaw in rad, and each eye's shapes."""
    eyes = [prediction.alpha_exp[COLUMNS[side]] for side in SIDES]
    return np.concatenate([prediction.pose.euler_rad[:2], *eyes]).astype(np.float32)


def read_of(alpha_exp: Float32) -> Float32:
    """(E,) -> (2, 3) what the eye network should say of them: outward, up, closed."""
    return _as_read(np.stack([alpha_exp[COLUMNS[side]] for side in SIDES]))


def read_of_told(told: Float32) -> Float32:
    """(N, N_TOLD) -> (N, 2, 3) what the network of the whole face says, in the eye network's terms."""
    return _as_read(told[:, 2:].reshape(len(told), 2, -1))


def _as_read(eyes: Float32) -> Float32:
    """(..., shapes of an eye) -> (..., 3) outward, up, closed."""
    up, down, inward, outward, closed = np.moveaxis(eyes[..., :5], -1, 0)
    return np.stack([outward - inward, up - down, closed], axis=-1).astype(np.float32)


def with_gaze(alpha_exp: Float32, read: Float32) -> Float32:
    """(E,) with the gaze of (2, 2 or more): outward, up of each eye."""
    result = np.array(alpha_exp, np.float32)
    for side, (outward, up) in zip(SIDES, read[:, :2], strict=True):
        result[COLUMNS[side][:4]] = np.clip([up, -up, -outward, outward], 0, 1)
    return result
