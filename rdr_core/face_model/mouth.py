"""The inside of the mouth as it is drawn: what has which colour, teeth that are seen between open lips, and cheeks
that begin where the lips end.

V: vertices of gums, tongue, teeth and the walls around them.  E: expressions.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.types import Float32

_TOOTH: Final = 0.6
"""Accessories as bright as that, in the face model's colours, are teeth ..."""
_WALL: Final = 0.3
"""... and those as dark are the walls, which join the lips."""
_TOOTH_RGB: Final = (0.8, 0.76, 0.67)
_GUM_RGB: Final = (0.42, 0.15, 0.14)
_CHEEK_RGB: Final = (0.19, 0.055, 0.055)
_TONGUE_RGB: Final = (0.34, 0.12, 0.115)
"""Linear light."""
_GUM_WIDTH_CM: Final = (0.25, 0.55)
"""So far from the teeth gums become tongue."""
_MIDDLE_Z_CM: Final = 6.0
_DEPTH_CM: Final = (5.0, 10.5)
"""z of the dark throat and of the lit front teeth on the mean face."""
_THROAT_LIGHT: Final = 0.05
_INCISOR_CM: Final = (0.5, 1.5)
"""Teeth no farther than that from the middle of the face, and behind the foremost of them, are the middle incisors."""
_SHOWN_CM: Final = 0.28
"""So much of both rows is seen from ahead in a wide open mouth."""
_GAP_CM: Final = 0.5
"""No wider than this the walls of the mouth and the lips are apart where they belong together."""
_MOST_CM: Final = 0.5
"""A mouth that would need more is not made like ours, and gets no more."""


def mouth_colors(mean: Float32, offsets: Float32, colors: Float32) -> Float32:
    """Colour by what it is, darker the deeper it lies: (V, 3) the mean face's, cm, (E, V, 3), (V, 3) the face model's
    colours -> (V, 3) RGB in [0, 1], linear light."""
    tooth, wall = colors.min(axis=1) > _TOOTH, colors.max(axis=1) < _WALL
    painted = np.tile(np.array(_GUM_RGB, np.float32), (len(mean), 1))
    painted[tooth], painted[wall] = _TOOTH_RGB, _CHEEK_RGB
    follows = _follows_jaw(offsets)
    teeth, soft = mean[tooth & (follows > 0.3)], np.flatnonzero(~tooth & ~wall & (follows > 0.1))
    if len(teeth):
        away, nearest = cKDTree(teeth).query(mean[soft])
        tongue = smoothstep(*_GUM_WIDTH_CM, away) * (_off_middle(mean[soft]) < _off_middle(teeth[nearest]))
        painted[soft] += tongue[:, None] * (np.array(_TONGUE_RGB, np.float32) - painted[soft])
    far, near = _DEPTH_CM
    light = _THROAT_LIGHT + (1 - _THROAT_LIGHT) * np.clip((mean[:, 2:] - far) / (near - far), 0, 1) ** 1.5
    return (painted * light).astype(np.float32)


def show_teeth(neutral: Float32, offsets: Float32, colors: Float32, lips_y: tuple[float, float]) -> Float32:
    """Let JawOpen take the teeth into the opening: the face model's teeth end exactly where its open lips do, so that
    not one would be seen from ahead.

    (V, 3) cm, (E, V, 3), (V, 3) the face model's colours, and how high upper and lower inner lip are at JawOpen = 1,
    cm -> (E, V, 3).
    """
    number = BLENDSHAPE_NAMES.index("JawOpen")
    jaw, follows = offsets[number], _follows_jaw(offsets)
    tooth, wall = colors.min(axis=1) > _TOOTH, colors.max(axis=1) < _WALL
    if not tooth.any():
        return offsets
    beside, behind = _INCISOR_CM
    middle = tooth & (np.abs(neutral[:, 0]) < beside) & (neutral[:, 2] > neutral[tooth, 2].max() - behind)
    upper, lower = middle & (follows < 0.1), middle & (follows > 0.3)
    opened = neutral[:, 1] + jaw[:, 1]
    edge = np.flatnonzero(lower)[opened[lower].argmax()]
    down = np.clip(_SHOWN_CM - (lips_y[0] - opened[upper].min()), 0, _MOST_CM)
    up = np.clip(_SHOWN_CM - (opened[edge] - lips_y[1]), 0, _MOST_CM)
    moved = jaw * (1 + up / jaw[edge, 1])
    moved[:, 1] -= (1 - follows) * down
    changed = offsets.copy()
    changed[number] = np.where(wall[:, None], jaw, moved)
    return changed


def join_lips(
    neutral: Float32, offsets: Float32, triangles: np.ndarray, colors: Float32, lips: tuple[Float32, Float32]
) -> tuple[Float32, Float32]:
    """Put the rim of the walls where the lips end: between the two one would look through the head.

    (V, 3) cm, (E, V, 3), (T, 3), (V, 3) the face model's colours, and where the face ends, its rims, (n, 3) and
    (E, n, 3) -> (V, 3) and (E, V, 3).
    """
    wall = colors.max(axis=1) < _WALL
    edge = rim(triangles[wall[triangles].all(axis=1)])
    number = BLENDSHAPE_NAMES.index("JawOpen")  # closed, what belongs to the upper lip is as near to the lower
    places, wanted = (np.hstack([shape[0], shape[1][number]]) for shape in (lips, (neutral[edge], offsets[:, edge])))
    away = cdist(wanted, places)
    ours, theirs = linear_sum_assignment(away)
    near = away[ours, theirs] < _GAP_CM
    edge, nearest = edge[ours[near]], theirs[near]
    neutral, offsets = neutral.copy(), offsets.copy()
    neutral[edge], offsets[:, edge] = lips[0][nearest], lips[1][:, nearest]
    return neutral, offsets


def rim(triangles: np.ndarray) -> np.ndarray:
    """(T, 3) -> (n,) vertices at which a surface ends."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    edges, count = np.unique(edges, axis=0, return_counts=True)
    return np.unique(edges[count == 1])


def _follows_jaw(offsets: Float32) -> Float32:
    """(E, V, 3) -> (V,) 0 fixed to the skull, 1 to the front of the jaw."""
    distance = np.linalg.norm(offsets[BLENDSHAPE_NAMES.index("JawOpen")], axis=1)
    return distance / max(float(distance.max(initial=0)), 1e-6)


def _off_middle(vertices: Float32) -> Float32:
    """(n, 3) -> (n,) how far from the middle of the mouth, seen from above."""
    return np.hypot(vertices[:, 0], vertices[:, 2] - _MIDDLE_Z_CM)
