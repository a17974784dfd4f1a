"""A person's eyeballs: where a camera sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.eyes import ball_of, find_eyeballs
from rdr_core.fitting.pose import Camera
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.types import Float32

_EYES: Final = {"L": EYE_LEFT, "R": EYE_RIGHT}


@dataclass(frozen=True, eq=False)
class Eyeball:
    """One eye of a person at rest, model frame."""

    side: str
    """L or R, of the person."""
    center_cm: Float32
    """(3,)."""
    radius_cm: float
    from_corners_cm: Float32
    """(3,) from the middle of the corners of the eye to the centre."""

    def lids_of(self, points_px: Float32) -> Float32:
        """(68, 2) landmarks -> (6, 2) those of this eye's lids."""
        return points_px[_EYES[self.side]]

    def center_px(self, camera: Camera, lids_px: Float32) -> Float32:
        """Where a camera sees the centre, (2,), by the corners of the lids (6, 2)."""
        from_corners = (camera.rotation @ self.from_corners_cm)[:2] * [1, -1]
        return np.asarray(lids_px[[0, 3]].mean(axis=0) + camera.scale_px_per_cm * from_corners)


def eyeballs_of(model: DynamicExpressionModel, alpha_id: Float32) -> tuple[Eyeball, ...]:
    """Return a person's two eyeballs; none where the face model has none."""
    if model.accessories is None:
        return ()
    inner, _ = model.accessories.tensor.contract_identity(alpha_id)
    neutral, _ = model.landmark_tensor.contract_identity(alpha_id)
    landmarks, found = neutral[model.topology.landmarks_in_subset], []
    for ball in find_eyeballs(model.accessories):
        center, radius = ball_of(inner[ball])
        side = "L" if center[0] > 0 else "R"
        corners = landmarks[_EYES[side][[0, 3]]].mean(axis=0)
        found.append(Eyeball(side, center, radius, center - corners))
    return tuple(found) if {eye.side for eye in found} == set("LR") else ()
