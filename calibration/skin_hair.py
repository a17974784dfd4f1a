"""What is no skin on a skin's texture: hair and clothes, on the person's as on the one that fills.

Hair that hangs before a face belongs on no skin, and none of the pictures shows the back of the head: so the hair is
that of the filling skin, in the person's colour. Beyond the inner face, hair is what is darker than the face; a fringe
reaches into it. What has another hue are clothes, or a wall beside the face.

n: texels. Colours are logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from calibration.texels import Texels
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.landmarks import BROW_LEFT, BROW_RIGHT, EYE_RIGHT, JAW
from rdr_core.types import Float32

_BEYOND: Final = 0.012
"""So far beyond brows and jaw, share of the side, all is face: brows, beard."""
_EYE_CORNER: Final = EYE_RIGHT[0]
_CHIN: Final = JAW[len(JAW) // 2]
_OUTLINE: Final = [*JAW[3:-3], *BROW_RIGHT, *BROW_LEFT]
"""Landmarks around the inner face; at the temples there may be hair."""
_DARKER: Final = (0.2, 0.4)
"""From the one, in logarithms below the inner face, a colour is hardly skin any more, from the other surely none."""
_HAIR: Final = (0.4, 0.7)
"""A shadow or a shaven beard is not as dark as hair."""
_BRIGHTER: Final = (0.3, 0.5)
"""Gloss, and a lit wall."""
_OTHER_HUE: Final = (0.35, 0.6)
_CLOTH_HUE: Final = (0.6, 0.9)
_BROW_WIDE: Final = 0.03
"""Share of the side."""
_LEAST: Final = 300
"""Texels that tell a colour."""


@dataclass(frozen=True, eq=False)
class Layers:
    """Where a texture shows what."""

    skin: Float32
    """(3,) usual colour of the inner face."""
    hair: Float32
    """(n,) 0..1."""
    foreign: Float32
    """(n,) 0..1, hair included."""
    cloth: Float32
    """(n,) 0..1, below the chin alone."""

    @classmethod
    def of(cls, model: DynamicExpressionModel, texels: Texels, logs: Float32, known: Float32) -> Layers:
        """Tell the layers of (n, 3) colours apart; known: (n,) 0..1."""
        inner = _inner_face(model, texels)
        some = np.flatnonzero(inner * known > 0.5)
        skin = np.median(logs[some], axis=0) if len(some) else logs.mean(axis=0)
        away = logs - skin
        hue = np.linalg.norm(away[:, [0, 2]] - away[:, [1]], axis=1)
        bright, height = away.mean(axis=1), texels.of_vertices(model.face()[:, 1])
        chin, eyes = (model.face()[model.topology.landmarks[at], 1] for at in (_CHIN, _EYE_CORNER))
        dark = smoothstep(*_DARKER, -bright)
        beyond = np.maximum(1 - inner, _hanging(texels, (dark * known > 0.5) & (height > eyes), inner))
        unlike = np.maximum(smoothstep(*_BRIGHTER, bright), smoothstep(*_OTHER_HUE, hue))
        cloth = smoothstep(*_CLOTH_HUE, hue) * (height < chin)
        hair = beyond * smoothstep(*_HAIR, -bright) * (height > chin)
        return cls(skin, hair, beyond * np.maximum(dark, unlike), cloth)


def tinted_hair(usual: Float32, other: Layers, skin: Float32, seen: Float32, trust: Float32, own: Layers) -> Float32:
    """(n, 3) the hair of the filling skin in the person's colour.

    At the hairline it is a mixture: what of it is skin becomes `skin`, (n, 3). Where too little hair of the person was
    seen, (n, 3) with trust (n,), it keeps its colour.
    """
    on_person, on_other = own.hair * trust > 0.5, other.hair > 0.9
    if on_other.sum() < _LEAST:
        return usual
    strand = np.median(usual[on_other], axis=0)
    tint = np.median(seen[on_person], axis=0) - strand if on_person.sum() >= _LEAST else np.zeros(3)
    depth = (other.skin - strand).mean()
    share = np.clip((other.skin.mean() - usual.mean(axis=1, keepdims=True)) / depth, 0, 1)
    return usual + share * tint + (1 - share) * (skin - other.skin)


def _hanging(texels: Texels, dark: np.ndarray, inner: Float32) -> Float32:
    """(n,) 1 on dark patches, (n,) bool, that lie beyond the inner face for the most part: a fringe, not a brow."""
    patches = texels.of_picture(cv2.connectedComponents(texels.to_picture(dark.astype(np.uint8)))[1])
    within, beyond = np.bincount(patches, inner), np.bincount(patches, 1 - inner)
    return (dark & (beyond > within)[patches]).astype(np.float32)


def brows(model: DynamicExpressionModel, texels: Texels) -> Float32:
    """(n,) 0..1 on the brows, soft about them."""
    topology = model.topology
    assert topology.uv is not None  # `Texels` has seen to that
    mask = np.zeros((texels.size, texels.size), np.uint8)
    for brow in (BROW_RIGHT, BROW_LEFT):
        points = (topology.uv[topology.landmarks[brow]] * texels.size).round().astype(np.int32)
        cv2.polylines(mask, [points], False, 1, max(1, round(_BROW_WIDE * texels.size)))
    soft = texels.of_picture(mask).astype(np.float32)
    return texels.blurred(soft[:, None], np.ones_like(soft), _BROW_WIDE / 4)[:, 0]


def _inner_face(model: DynamicExpressionModel, texels: Texels) -> Float32:
    """(n,) 1 from chin to brows, and a little beyond, else 0."""
    topology = model.topology
    assert topology.uv is not None  # `Texels` has seen to that
    outline = cv2.convexHull((topology.uv[topology.landmarks[_OUTLINE]] * texels.size).round().astype(np.int32))
    mask = np.zeros((texels.size, texels.size), np.uint8)
    cv2.fillConvexPoly(mask, outline, 1)
    side = 2 * round(_BEYOND * texels.size) + 1
    wide = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return texels.of_picture(wide).astype(np.float32)
