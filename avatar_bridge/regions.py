"""Regions of the face: which coefficients and landmarks move together and are smoothed alike."""

from __future__ import annotations

from typing import Final

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, N_LANDMARKS

_PREFIXES: Final = {
    "brows": ("Brow",),
    "eyes": ("Eye",),
    "mouth": ("Mouth", "Lip", "Cheek", "Nose"),
    "jaw": ("Jaw",),
}
COEFFICIENTS: Final = {
    region: tuple(i for i, name in enumerate(BLENDSHAPE_NAMES) if name.startswith(prefixes))
    for region, prefixes in _PREFIXES.items()
}
"""Region -> indices into alpha_exp; each of the 46 in one region."""
_LIDS: Final = tuple(sorted(int(i) for i in (*EYE_LEFT, *EYE_RIGHT)))
LANDMARKS: Final = {
    "landmarks": tuple(i for i in range(N_LANDMARKS) if i not in _LIDS),
    "eye_landmarks": _LIDS,
}
"""Filter -> indices into the 68 landmarks."""
