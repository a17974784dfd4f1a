"""Focal length of a camera from the faces that it saw: the one under which one identity explains all frames best."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from calibration.identity import IdentityConfig, PersonFit, fit_person
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.types import Float32

DISTANCES_CM: Final = (30.0, 42.0, 60.0, 85.0, 120.0)
"""The coarse grid: how far the face is from the camera. Beyond it perspective is hardly seen in a face."""
_GOLDEN: Final = (5**0.5 - 1) / 2
_ROUNDS: Final = 3
_USUAL_CM: Final = 55.0
_SPREAD: Final = 0.45
"""Most people sit so far from a webcam; spread of its logarithm."""
_TRUST: Final = 0.04
"""Landmarks err together, and tell less than their number says: what their agreement counts beside that."""


def fit_with_focal(
    model: DynamicExpressionModel,
    landmarks_px: Float32,
    frame_weights: Float32 | None = None,
    config: IdentityConfig | None = None,
) -> PersonFit:
    """Fit one person's frames as `fit_person` does, under weak perspective and under a pinhole; return the better one.

    The focal length is searched on a coarse grid, then by golden section; all frames are of one camera. Landmarks alone
    tell the distance by a third of it, so where people usually sit counts, too.
    """
    config = config or IdentityConfig()
    weak = fit_person(model, landmarks_px, frame_weights, config)
    scale = float(np.median([camera.flat.scale_px_per_cm for camera in weak.cameras]))
    rough = replace(config, passes=2, steps=4)
    tried: dict[float, PersonFit] = {}

    def cost(log_cm: float) -> float:
        if log_cm not in tried:
            focal_px = float(np.exp(log_cm)) * scale
            tried[log_cm] = fit_person(model, landmarks_px, frame_weights, rough, focal_px)
        return _TRUST * tried[log_cm].cost + _unusual(log_cm)

    grid = [float(np.log(distance)) for distance in DISTANCES_CM]
    best = int(np.argmin([cost(log_cm) for log_cm in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    for _ in range(_ROUNDS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    found = min(tried, key=cost)
    near = fit_person(model, landmarks_px, frame_weights, config, float(np.exp(found)) * scale)
    farthest = _TRUST * weak.cost + _unusual(grid[-1])
    return near if _TRUST * near.cost + _unusual(found) < farthest else weak


def _unusual(log_cm: float) -> float:
    """Negative logarithm of the prior of a distance."""
    return ((log_cm - float(np.log(_USUAL_CM))) / _SPREAD) ** 2 / 2
