"""How far a reconstructed face lies from the true one: the error of the vertices of the front of the face.

n: vertices of the face region.  E: expressions.  I: identity dimensions.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rdr_core.evaluation.nme import box_size
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine
from rdr_core.geometry.similarity import aligned
from rdr_core.geometry.weak_perspective import project
from rdr_core.types import Float32, Pose

REGION_CM: Final = 9.5
"""The face region ends at this distance from the nose tip: ears, neck and the back of the head are no part of it."""
_NOSE_TIP: Final = 30


class FaceRegion:
    """The vertices on which reconstructions are compared."""

    def __init__(self, model: DynamicExpressionModel) -> None:
        mean = model.face()
        distance = np.linalg.norm(mean - mean[model.topology.own[_NOSE_TIP]], axis=1)
        self.vertices = np.flatnonzero(distance < REGION_CM)
        self._own = model.tensor.rows(model.topology.own)
        self._tensor = model.tensor.rows(self.vertices)

    def faces(self, alpha_id: Float32, alpha_exp: Float32) -> tuple[Float32, Float32]:
        """(I,) and (S, E) -> the neutral face (n, 3) and S expressive ones (S, n, 3), model frame, cm."""
        neutral, offsets = self._tensor.contract_identity(alpha_id)
        return neutral, np.stack([combine(neutral, offsets, alpha) for alpha in alpha_exp])

    def size_cm(self, alpha_id: Float32) -> float:
        """sqrt(w h) of the box of the neutral face's own 68 points seen from the front, cm."""
        points, _ = self._own.contract_identity(alpha_id)
        return float(box_size(points[None])[0])


def shape_error(vertices: Float32, truth: Float32, size: float) -> float:
    """Mean distance of (n, 3) vertices from the true ones over `size`, after the best similarity."""
    return _mean_distance(aligned(vertices, truth), truth) / size


def posed_error(vertices: Float32, pose: Pose, truth: Float32, true_pose: Pose, size_px: float) -> float:
    """Mean distance of (n, 3) vertices from the true ones, cm each, both placed in the picture, over `size_px`.

    Nothing is aligned but the mean depth, which no picture tells under weak perspective.
    """
    ours, theirs = _placed(vertices, pose), _placed(truth, true_pose)
    ours[:, 2] += theirs[:, 2].mean() - ours[:, 2].mean()
    return _mean_distance(ours, theirs) / size_px


def _placed(vertices: Float32, pose: Pose) -> Float32:
    scale = np.float64(pose.scale_px_per_cm)
    return project(vertices.astype(np.float64), pose.euler_rad, pose.translation_px, scale)


def _mean_distance(points: Float32, others: Float32) -> float:
    return float(np.linalg.norm(points - others, axis=1).mean())
