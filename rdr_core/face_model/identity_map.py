"""The same people in two face models: an affine map from the alpha_id of one to that of the other.

The meshes share no vertices. What corresponds are the landmarks, and places along the parallel lines, which are cut
alike from every mesh.  I, I': identity dimensions of the two models.  C: corresponding points (51 + 17 PLACES).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.topology import Topology
from rdr_core.landmarks import INNER
from rdr_core.types import Float32

PLACES: Final = 6
"""Points taken on each parallel line, evenly by its length."""
INNER_CM: Final = 0.15
"""How well landmarks of two meshes correspond: annotators of meshes differ by about this much."""
LINE_CM: Final = 0.5
"""How well places on the lines do; their ends are set by counts of vertices."""
_LEAST_STD: Final = 1e-3


@dataclass(frozen=True, eq=False)
class IdentityMap:
    """alpha_id' = matrix alpha_id + offset."""

    matrix: Float32
    """(I', I)."""
    offset: Float32
    """(I',)."""
    inner_rms_mm: float
    """How far the 51 inner landmarks of people of the first model lie from those of the same people in the second,
    after the map; over people drawn from its prior."""
    unmapped_rms_mm: float
    """The same with everybody taken for the second model's mean face."""

    def apply(self, alpha_id: Float32) -> Float32:
        """(..., I) -> (..., I')."""
        return alpha_id @ self.matrix.T + self.offset


def identity_map(source: DynamicExpressionModel, target: DynamicExpressionModel) -> IdentityMap:
    """Solve for the most likely alpha_id' of each alpha_id, given both neutrals' corresponding points and the prior of
    `target`."""
    ours, theirs = _points(source), _points(target)
    weight = np.repeat(np.where(np.arange(len(ours) // 3) < len(INNER), 1 / INNER_CM, 1 / LINE_CM), 3)
    mean = target.identity_mean.astype(np.float64)
    std = np.maximum(target.identity_std.astype(np.float64), _LEAST_STD)
    design = weight[:, None] * theirs * std
    solve = std[:, None] * np.linalg.solve(design.T @ design + np.eye(len(std)), design.T * weight)
    matrix, offset = solve @ ours, mean - solve @ theirs @ mean
    people = source.identity_mean + source.identity_std * np.random.default_rng(0).standard_normal(
        (200, source.n_identity)
    )
    inner = slice(0, 3 * len(INNER))
    wanted = people @ ours[inner].T
    mapped = (people @ matrix.T + offset) @ theirs[inner].T
    return IdentityMap(
        matrix.astype(np.float32),
        offset.astype(np.float32),
        _rms_mm(mapped - wanted),
        _rms_mm(theirs[inner] @ mean - wanted),
    )


def _points(model: DynamicExpressionModel) -> np.ndarray:
    """(3C, I) neutral position of corresponding points, cm, for a unit of each coefficient."""
    tensor, topology = model.landmark_tensor, model.topology
    basis = (tensor.vertex_factor.astype(np.float64) @ tensor.core[:, :, 0]).reshape(tensor.n_vertices, 3, -1)
    inner = basis[topology.landmarks_in_subset[INNER]]
    lines = _on_lines(basis, basis @ model.identity_mean, topology)
    return np.concatenate([inner, lines]).reshape(-1, model.n_identity)


def _on_lines(basis: np.ndarray, mean: np.ndarray, topology: Topology) -> np.ndarray:
    """Points at equal shares of each line's length on the mean face: (n, 3, I), (n, 3) -> (17 PLACES, 3, I)."""
    found = []
    for line in topology.lines_in_subset:
        length = np.concatenate([[0], np.linalg.norm(np.diff(mean[line], axis=0), axis=1).cumsum()])
        for place in np.linspace(0, length[-1], PLACES):
            after = int(np.clip(np.searchsorted(length, place), 1, len(line) - 1))
            share = (place - length[after - 1]) / max(length[after] - length[after - 1], 1e-9)
            found.append((1 - share) * basis[line[after - 1]] + share * basis[line[after]])
    return np.stack(found)


def _rms_mm(difference_cm: np.ndarray) -> float:
    return float(10 * np.sqrt((difference_cm.reshape(-1, 3) ** 2).sum(axis=1).mean()))
