"""From our 68 landmarks to the points of sets that have others.

Groups are tuples of 68-landmark indices, 0-based: a point is the mean of its group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from rdr_core.errors import DataError
from rdr_core.landmarks import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER, N_LANDMARKS
from rdr_core.types import Float32

Groups = tuple[tuple[int, ...], ...]

AFLW21: Final[Groups] = tuple(
    tuple(number - 1 for number in group)
    for group in (
        ((18,), (20,), (22,), (23,), (25,), (27,))  # brows
        + ((37,), tuple(range(37, 43)), (40,), (43,), tuple(range(43, 49)), (46,))  # eyes: corner, centre, corner
        + ((3,), (32,), (31,), (36,), (15,))  # ear, nose, ear
        + ((49,), tuple(range(61, 69)), (55,), (9,))  # mouth: corner, centre, corner; chin
    )
)
"""AFLW's 21 points as 3DDFA's benchmark takes them from 68 (counted from 1 there); an ear is the jaw point near it."""
AFLW21_ON_THE_JAW: Final = (12, 16, 20)
"""Which of the 21 are ears and chin."""

CANDIDATES: Final[Groups] = (
    *((index,) for index in range(N_LANDMARKS)),
    *(tuple(map(int, part)) for part in (EYE_RIGHT, EYE_LEFT, BROW_RIGHT, BROW_LEFT, LIPS_INNER, LIPS_OUTER)),
)
"""What a point of an unknown scheme may be: a landmark, or the middle of an eye, a brow or the mouth."""
MAX_MISMATCH: Final = 0.1
"""Share of the box by which a point may lie off its match on average."""
_LEAST_SEEN: Final = 5
"""Faces on which a point must be visible before it can be told what it is."""


def to_scheme(landmarks: Float32, groups: Groups) -> Float32:
    """Average landmarks (..., 68, 2) into points (..., len(groups), 2)."""
    return np.stack([landmarks[..., list(group), :].mean(axis=-2) for group in groups], axis=-2)


def to_aflw21(shape: Float32, landmarks_3d: Float32) -> Float32:
    """AFLW's points of S (..., 68, 2) and of the head's own points (..., 68, 2 or 3) -> (..., 21, 2).

    AFLW's annotators marked what they saw, so the inner points are those of S. Ears and chin are places on the head,
    not on its outline as S's jaw is, so these three are the head's own points.
    """
    points = to_scheme(shape, AFLW21)
    own = to_scheme(landmarks_3d[..., :2], AFLW21)
    jaw = list(AFLW21_ON_THE_JAW)
    points[..., jaw, :] = own[..., jaw, :]
    return points


def recover_groups(points: Float32, visible: np.ndarray, landmarks: Float32, size: Float32) -> Groups:
    """Tell which of `CANDIDATES` each point of an unknown scheme is, by where 68 landmarks lie on the same faces.

    Args:
        points: (M, n, 2) image px.
        visible: (M, n) bool.
        landmarks: (M, 68, 2) image px, NaN where no face was found.
        size: (M,) px of each face.

    Raises:
        DataError: a point is never near any landmark, or hardly ever visible.
    """
    candidates = to_scheme(landmarks, CANDIDATES)
    known = visible & np.isfinite(landmarks[:, :1, 0])
    counts = known.sum(axis=0)
    if counts.min() < _LEAST_SEEN:
        raise DataError(
            f"point {int(counts.argmin()) + 1} is visible on {counts.min()} faces: too few to say what it is"
        )
    cost = np.empty((points.shape[1], len(CANDIDATES)))
    for point in range(points.shape[1]):
        rows = known[:, point]
        distance = np.linalg.norm(candidates[rows] - points[rows, None, point], axis=-1) / size[rows, None]
        cost[point] = distance.mean(axis=0)
    order, matched = linear_sum_assignment(cost)
    worst = int(cost[order, matched].argmax())
    if cost[worst, matched[worst]] > MAX_MISMATCH:
        raise DataError(
            f"point {worst + 1} lies {cost[worst, matched[worst]]:.0%} of the box off any landmark: its meaning cannot "
            "be told; are pictures and lists those of one release, and is the network trained?"
        )
    return tuple(CANDIDATES[index] for index in matched)


def describe(groups: Sequence[tuple[int, ...]]) -> str:
    """Groups as text, counted from 1 as is custom: "37, 37..42"."""
    return ", ".join(str(g[0] + 1) if len(g) == 1 else f"{g[0] + 1}..{g[-1] + 1}" for g in groups)
