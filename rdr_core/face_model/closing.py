"""Closes what ICT-FaceKit leaves open: lids at EyeClose, and the lips at rest.

Its lids stop one to three millimetres short of each other at EyeClose = 1, and its neutral lips are a millimetre apart,
more on some identities. In a drawn face both show as a white line, and no closed eye of a picture could be fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.types import Float32

_UPPER_LID, _LOWER_LID = {"R": [37, 38], "L": [43, 44]}, {"R": [41, 40], "L": [47, 46]}
_UPPER_LIP, _LOWER_LIP = [61, 62, 63], [67, 66, 65]
_LID_OVERLAP: Final = 0.06
"""Part of the opened lid: lashes overlap."""
_MOST_LID_GAIN: Final = 1.6
_MOST_JAW: Final = 0.15
"""A model that would need more is not made like this one, and is left alone."""


@dataclass(frozen=True, eq=False)
class Closing:
    """How to change blendshapes so that lids and lips meet."""

    gains: Float32
    """(E,) factor on each expression's offsets, 1 except for EyeClose."""
    jaw: float
    """Weight of JawOpen to add to the neutral, 0 or less."""

    @classmethod
    def of(cls, neutral: Float32, offsets: Float32, landmarks: np.ndarray) -> Closing:
        """Read it off a face (N, 3), its offsets (E, N, 3), cm, and its landmark vertices (68,)."""
        gains = np.ones(len(offsets), np.float32)
        for side in ("L", "R"):
            gains[BLENDSHAPE_NAMES.index(f"EyeClose_{side}")] = _lid_gain(neutral, offsets, landmarks, side)
        return cls(gains, _lip_seal(neutral, offsets, landmarks))

    def apply(self, neutral: Float32, offsets: Float32) -> tuple[Float32, Float32]:
        """Change any vertices (N, 3) and offsets (E, N, 3) of the same face: skin, teeth, sockets."""
        closed = neutral + np.float32(self.jaw) * offsets[BLENDSHAPE_NAMES.index("JawOpen")]
        return closed, offsets * self.gains[:, None, None]


def _lid_gain(neutral: Float32, offsets: Float32, landmarks: np.ndarray, side: str) -> float:
    """At this factor the lids meet."""
    close = offsets[BLENDSHAPE_NAMES.index(f"EyeClose_{side}")]
    upper, lower = landmarks[_UPPER_LID[side]], landmarks[_LOWER_LID[side]]
    opening = neutral[upper, 1] - neutral[lower, 1]
    closed_by = close[lower, 1] - close[upper, 1]
    if (closed_by <= 0).any():
        return 1.0
    return float(np.clip((1 + _LID_OVERLAP) * (opening / closed_by).max(), 1, _MOST_LID_GAIN))


def _lip_seal(neutral: Float32, offsets: Float32, landmarks: np.ndarray) -> float:
    """At this weight of JawOpen the lips touch."""
    jaw_open = offsets[BLENDSHAPE_NAMES.index("JawOpen")]
    upper, lower = landmarks[_UPPER_LIP], landmarks[_LOWER_LIP]
    gap = float((neutral[upper, 1] - neutral[lower, 1]).mean())
    opened_by = float((jaw_open[upper, 1] - jaw_open[lower, 1]).mean())
    if gap <= 0 or opened_by <= 0 or gap / opened_by > _MOST_JAW:
        return 0.0
    return -gap / opened_by
