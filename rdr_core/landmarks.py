"""The 68 landmarks of iBUG 300-W (0-based): their groups, mirror order and drawing order."""

from __future__ import annotations

from typing import Final

import numpy as np

N_LANDMARKS: Final = 68

JAW: Final = np.arange(0, 17)
"""Contour landmarks: on a 2D picture they lie on the visible outline (Sec. 4.5)."""
BROW_RIGHT: Final = np.arange(17, 22)
BROW_LEFT: Final = np.arange(22, 27)
NOSE_BRIDGE: Final = np.arange(27, 31)
NOSE_BASE: Final = np.arange(31, 36)
EYE_RIGHT: Final = np.arange(36, 42)
"""The subject's right eye (left in the image)."""
EYE_LEFT: Final = np.arange(42, 48)
LIPS_OUTER: Final = np.arange(48, 60)
LIPS_INNER: Final = np.arange(60, 68)
INNER: Final = np.arange(17, 68)
"""Landmarks with a fixed vertex each."""

MIRROR: Final = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    + [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)
"""MIRROR[i] is the landmark that landmark i becomes when the picture is flipped left to right."""

SPANS: Final = np.array(
    [(37, 41), (38, 40), (43, 47), (44, 46)]  # between the lids
    + [(61, 67), (62, 66), (63, 65), (60, 64), (51, 57), (48, 54)]  # between and along the lips
    + [(19, 37), (20, 38), (23, 43), (24, 44), (21, 22)]  # brows above the eyes, and apart
    + [(33, 51), (31, 48), (35, 54)]  # lips below the nose
)
"""(n, 2) pairs whose offsets show an expression; mirror images of one another."""

CURVES: Final = (
    (JAW, False),
    (BROW_RIGHT, False),
    (BROW_LEFT, False),
    (NOSE_BRIDGE, False),
    (NOSE_BASE, False),
    (EYE_RIGHT, True),
    (EYE_LEFT, True),
    (LIPS_OUTER, True),
    (LIPS_INNER, True),
)
"""Polylines for drawing: (landmark indices, closed)."""
