"""The face model's mesh made fit for turning a pictured head: eyes and mouth closed with membranes, and what each
vertex is part of.

N: number of vertices: those of the face model, and one for each membrane.  Model frame: that of the face model, cm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, shipped_face_model
from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.synthesis.normals import normal_gather, vertex_normals
from rdr_core.types import Float32

PIVOT: Final = np.array([0.0, -2.0, 0.5], np.float32)
"""Point of the neck's axis that a head turns and nods about."""
SKULL_CENTER: Final = np.array([0.0, 6.0, 0.5], np.float32)
_EYE_BULGE_CM: Final = 0.25
_HAIR_OUTLINE: Final = np.array(
    [(11, 9.6), (8, 8.8), (6.3, 7.2), (4.6, 6), (3.6, 4.4), (-1, 4.4), (-1.7, 2), (-2, -2), (-3.5, -4.5), (-7, -6)]
    + [(-15, -6), (-15, 20), (15, 20), (15, 9.6)],
    np.float32,
)
"""Where hair grows on a head seen from its left side: polygon of (z, y)."""
_JAW_LINE: Final = ((10.0, -9.0), (-7.0, -4.0))
"""(z, y) under the chin and at the nape: what lies above is head, what lies below is neck."""
_NECK_CM: Final = (1.5, 6.5)
"""From where below the jaw line the neck twists, and where it no longer does."""


@dataclass(frozen=True, eq=False)
class HeadMesh:
    """What does not depend on the person."""

    model: DynamicExpressionModel
    triangles: np.ndarray
    """(T, 3) int32, counter-clockwise from outside."""
    loops: tuple[np.ndarray, ...]
    """Vertices round each eye and the mouth; their membranes' middle vertices are the mesh's last."""
    mirror: np.ndarray
    """(N,) the vertex on the other half of the head."""
    scalp: Float32
    """(N,) 1 where hair grows, 0 on the face, the ears and the neck."""
    beside: Float32
    """(N,) 1 on the ears and on what is about and behind them, which long hair hides."""
    turning: Float32
    """(N,) share of the head's turn that a vertex takes part in: 1 on the head, 0 at the foot of the neck."""
    neck: Float32
    """(N,) 1 on the neck, 0 on the head and its jaw."""
    face: np.ndarray
    """(N,) bool: brows to chin, ear to ear."""
    direction: Float32
    """(N, 2) azimuth about the vertical and elevation, rad, from the middle of the skull; 0 is straight ahead."""

    @cached_property
    def _gather(self) -> sparse.csr_array:
        return normal_gather(self.triangles, len(self.mirror))

    def normals(self, vertices: Float32) -> Float32:
        """(N, 3) -> (N, 3) unit normals, outward."""
        return vertex_normals(vertices, self.triangles, self._gather)

    def vertices(self, alpha_id: Float32, alpha_exp: Float32) -> Float32:
        """(I,) and (E,) coefficients -> (N, 3) model frame, cm: `DynamicExpressionModel.face` and the membranes."""
        tensor = self.model.tensor
        weights = np.append(np.float32(1), alpha_exp.astype(np.float32))
        factors = np.tensordot(tensor.core, alpha_id, axes=(1, 0)) @ weights  # (R,): far cheaper than all blendshapes
        return with_membranes((tensor.vertex_factor @ factors).reshape(-1, 3), self.loops)


def with_membranes(vertices: Float32, loops: tuple[np.ndarray, ...]) -> Float32:
    """Add the middle vertex of each loop; those of the eyes stand out as eyeballs do."""
    middles = np.stack([vertices[loop].mean(axis=0) for loop in loops])
    middles[:, 2] += [_EYE_BULGE_CM if abs(x) > 1 else 0.0 for x in middles[:, 0]]
    return np.concatenate([vertices, middles]).astype(np.float32)


@lru_cache(maxsize=1)
def default_head_mesh() -> HeadMesh:
    """Return the default face model's mesh."""
    model = shipped_face_model()
    neutral, triangles = model.face(), model.topology.triangles
    loops = tuple(loop for loop in boundary_loops(triangles) if np.ptp(neutral[loop], axis=0)[0] < 10)  # not the neck's
    fans = [
        np.stack([np.roll(loop, -1), loop, np.full(len(loop), len(neutral) + k)], axis=1)
        for k, loop in enumerate(loops)
    ]
    mean = with_membranes(neutral, loops)
    below = np.interp(mean[:, 2], *np.array(_JAW_LINE[::-1]).T) - mean[:, 1]
    scalp = smoothstep(-0.6, 0.9, _signed_distance(mean[:, [2, 1]], _HAIR_OUTLINE))
    face = (mean[:, 2] > 3) & (mean[:, 1] < 7.5) & (below < 1) & (scalp < 0.5)
    offset = mean - SKULL_CENTER
    direction = np.arctan2(offset[:, [0, 1]], np.stack([offset[:, 2], np.hypot(offset[:, 0], offset[:, 2])], axis=1))
    return HeadMesh(
        model,
        np.concatenate([triangles, *fans]).astype(np.int32),
        loops,
        cKDTree(mean).query(mean * [-1, 1, 1])[1],
        scalp,
        _beside(mean, below),
        1 - smoothstep(*_NECK_CM, below),
        smoothstep(1.5, 3.0, below) * (1 - scalp),
        face,
        direction.astype(np.float32),
    )


def boundary_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """Return the holes of a mesh (T, 3): vertices in the order of the triangles that they bound."""
    starts = triangles[:, [0, 1, 2]].ravel().tolist()
    ends = triangles[:, [1, 2, 0]].ravel().tolist()
    edges = set(zip(starts, ends, strict=True))
    follow = {start: end for start, end in edges if (end, start) not in edges}
    loops = []
    for start in sorted(follow):
        loop, vertex = [], start
        while vertex in follow:
            loop.append(vertex)
            vertex = follow.pop(vertex)
        if loop:
            loops.append(np.array(loop))
    return loops


def _beside(points: Float32, below: Float32) -> Float32:
    """(N, 3) and how far below the jaw line (N,) -> (N,): ears and what is behind them, down to the jaw's corner."""
    return (
        (1 - smoothstep(2.8, 4.2, points[:, 2]))
        * (1 - smoothstep(1.0, 3.0, below))
        * smoothstep(3, 5, np.abs(points[:, 0]))
    )


def _signed_distance(points: Float32, polygon: Float32) -> Float32:
    """(n, 2) -> (n,) distance to the polygon's outline, positive inside."""
    import cv2

    return np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), True) for x, y in points], np.float32)
