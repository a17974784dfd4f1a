"""A face over the frames of a clip, as arrays: what steadiness is measured on.

T: frames of the clip.  L: landmarks (68).  E: expressions (46).  I: identity dimensions (50).  m: crops of one frame.
Rows of frames in which the face was not tracked are NaN. Frames are taken to be evenly spaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.landmarks import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    JAW,
    LIPS_INNER,
    LIPS_OUTER,
    NOSE_BASE,
    NOSE_BRIDGE,
)
from rdr_core.types import Float32

LANDMARK_GROUPS: Final = {
    "brows": np.concatenate([BROW_RIGHT, BROW_LEFT]),
    "eyes": np.concatenate([EYE_RIGHT, EYE_LEFT]),
    "nose": np.concatenate([NOSE_BRIDGE, NOSE_BASE]),
    "mouth": np.concatenate([LIPS_OUTER, LIPS_INNER]),
    "jaw": JAW,
}
"""Landmarks that move together."""
_PREFIXES: Final = {"brows": ("Brow",), "eyes": ("Eye",), "mouth": ("Mouth", "Lip"), "jaw": ("Jaw",)}
COEFFICIENT_GROUPS: Final = {
    group: np.array([i for i, name in enumerate(BLENDSHAPE_NAMES) if name.startswith(prefixes)])
    for group, prefixes in _PREFIXES.items()
}
"""Expression coefficients by the part of the face that they move; nose and cheeks are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceSeries:
    """What a tracker says of one face, frame by frame."""

    landmarks_px: Float32
    """(T, L, 2) S, image px."""
    euler_rad: Float32
    """(T, 3) pitch, yaw, roll."""
    translation_px: Float32
    """(T, 2) image position of the model's origin."""
    scale_px_per_cm: Float32
    """(T,)."""
    alpha_exp: Float32
    """(T, E) in [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Recrop:
    """One frame seen through several crops: none of the differences between the answers is the face's."""

    frame: int
    crop: Crop
    """The tracker's own."""
    offsets: Float32
    """(m, 4) of the crops from it: across and down in shares of its side, log side, roll in rad."""
    landmarks_px: Float32
    """(m, L, 2) image px."""
    euler_rad: Float32
    """(m, 3)."""
    alpha_exp: Float32
    """(m, E)."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipTrack:
    """A clip, tracked."""

    name: str
    person: str
    """Clips of one person share it."""
    rate_hz: float
    raw: FaceSeries
    """As the network says."""
    filtered: FaceSeries
    """As it is published."""
    inter_ocular_px: float
    """Distance of the outer corners of the eyes of the head itself, median over the clip: what turns px into %."""
    confidence: Float32
    """(T,)."""
    alpha_id: Float32
    """(T, I)."""
    crop_offsets: Float32
    """(T, 4) the crop that the tracker made from earlier frames against the one about the landmarks found in it:
    across, down, log side, roll; NaN where the face was just found."""
    recrops: tuple[Recrop, ...] = ()

    @property
    def tracked(self) -> np.ndarray:
        """(T,) bool."""
        return np.isfinite(self.confidence)
