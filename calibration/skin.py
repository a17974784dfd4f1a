"""A person's own skin out of the pictures of their calibration, laid on the face model's texture.

Frames are laid on the texels (`skin_views.py`), light is taken out (`skin_light.py`), and what they agree on is kept:
low frequencies from their median, detail from the best few. What no frame shows well is taken from the other half of
the face, or from the skin that comes with the program, in the person's tone (`skin_fill.py`).

n: texels.  G: frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from calibration.identity import PersonFit
from calibration.observation import Observation
from calibration.skin_fill import fill
from calibration.skin_light import evened, flattened
from calibration.skin_views import SkinView, skin_views
from calibration.texels import Texels
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.types import Float32, UInt8

_LEAST_VIEWS: Final = 3
_LEAST_SEEN: Final = 0.6
"""Share of the face that must be seen well."""
_LEAST_PX_PER_CM: Final = 5.0
"""A face of 70 px from chin to brow is no texture."""
_TRUSTED: Final = 0.06
"""Weight of the best frame at a texel from which it counts as seen well."""
_LOW: Final = 0.012
"""Spread of what counts as low frequencies, share of the texture's side: 12 texels of 1024."""
_UNLIKE: Final = 12.0
"""Of 255: a frame that is so far from the median somewhere counts half there."""
_FEW: Final = 4.0
"""Weights are taken to this power for detail: the best frames count alone, so that nothing is blurred."""


@dataclass(frozen=True, eq=False)
class SkinResult:
    """A skin, or why there is none."""

    rgb: UInt8 | None
    """(s, s, 3) sRGB."""
    problem: str
    """Empty where there is one."""
    seen: float
    """Share of the face that frames showed well."""


def make_skin(
    model: DynamicExpressionModel, frames: Sequence[Observation], fit: PersonFit, base_rgb: UInt8
) -> SkinResult:
    """Make a person's skin of the frames that their identity was fitted to.

    What they do not show is filled from base_rgb, (s, s, 3), a skin in even light.

    CalibrationError where the face model has no texture coordinates.
    """
    scale = np.median([c.flat.scale_px_per_cm for c in fit.cameras])
    if scale < _LEAST_PX_PER_CM:
        return SkinResult(None, f"the face was too small: {scale:.1f} px a cm, {_LEAST_PX_PER_CM:.0f} are needed", 0.0)
    texels = Texels.of_model(model, len(base_rgb))
    views = list(skin_views(model, texels, frames, fit))
    if len(views) < _LEAST_VIEWS:
        return SkinResult(None, f"{len(views)} pictures were kept, {_LEAST_VIEWS} are needed", 0.0)
    base = texels.of_picture(base_rgb).astype(np.float32)
    colors, trust = merged(texels, evened(views, base))
    colors = flattened(texels, colors, trust, base)
    seen = float((trust > _TRUSTED)[face_texels(model, texels)].mean())
    if seen < _LEAST_SEEN:
        return SkinResult(
            None, f"only {100 * seen:.0f} % of the face was seen well: turn to both sides, in even light", seen
        )
    filled = fill(model, texels, colors, np.clip(trust / _TRUSTED - 0.5, 0, 1), base)
    return SkinResult(texels.over(base_rgb, filled), "", seen)


def merged(texels: Texels, views: Sequence[SkinView]) -> tuple[Float32, Float32]:
    """Return what views agree on: colours (n, 3), and (n,) how far the best of them is to be believed."""
    middle = _median(views)
    seen = np.max([view.weights for view in views], axis=0)
    total, weight = np.zeros_like(middle), np.zeros(len(middle), np.float32)
    trust = np.zeros_like(weight)
    for view in views:
        apart = texels.blurred(middle - view.colors, view.weights * (seen > 0), _LOW)
        colors = view.colors + apart
        unlike = np.linalg.norm(texels.blurred(colors - middle, view.weights, _LOW / 6), axis=1) / _UNLIKE
        agreed = view.weights / (1 + unlike**2) ** 2
        few = agreed**_FEW
        total += few[:, None] * colors
        weight += few
        np.maximum(trust, agreed, out=trust)
    return np.clip(total / np.maximum(weight, 1e-12)[:, None], 0, 255), trust


def _median(views: Sequence[SkinView]) -> Float32:
    """(n, 3) weighted median of the views' colours, channel by channel."""
    some = np.flatnonzero(np.max([view.weights for view in views], axis=0) > 0)
    weights = np.sqrt(np.stack([view.weights[some] for view in views]))  # a middle needs many
    middle = np.zeros_like(views[0].colors)
    for channel in range(3):
        values = np.stack([view.colors[some, channel] for view in views])
        order = np.argsort(values, axis=0)
        summed = np.cumsum(np.take_along_axis(weights, order, 0), axis=0)
        at = (summed < summed[-1] / 2).sum(axis=0).clip(max=len(views) - 1)
        middle[some, channel] = np.take_along_axis(values, np.take_along_axis(order, at[None], 0), 0)[0]
    return middle


def face_texels(model: DynamicExpressionModel, texels: Texels) -> np.ndarray:
    """(n,) bool: texels within the outline of the landmarks."""
    topology = model.topology
    assert topology.uv is not None  # `Texels` has seen to that
    outline = cv2.convexHull((topology.uv[topology.landmarks] * texels.size).round().astype(np.int32))
    mask = np.zeros((texels.size, texels.size), np.uint8)
    cv2.fillConvexPoly(mask, outline, 1)
    return texels.of_picture(mask).astype(bool)
