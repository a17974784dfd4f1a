"""What a face model's mesh is made of: triangles, landmark vertices, parallel lines, texture coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rdr_core.errors import AssetError
from rdr_core.geometry.parallel_lines import LINE_LENGTH, cut_parallel_lines
from rdr_core.landmarks import INNER, JAW, LIPS_OUTER, N_LANDMARKS
from rdr_core.types import Float32

Int32 = npt.NDArray[np.int32]
N_SUBSET = 488
"""Vertices that serve the paper's landmarks: 51 inner ones, the rest on the parallel lines (Sec. 4.5)."""


@dataclass(frozen=True, eq=False)
class Topology:
    """Indices into the N vertices of a face model."""

    triangles: Int32
    """(T, 3) counter-clockwise from outside."""
    landmarks: Int32
    """(68,) where annotators of pictures see the landmarks of a face from the front; each jaw vertex is on its line."""
    own: Int32
    """(68,) the head's own points, hidden or not, where annotators of heads in 3D place them."""
    lines: Int32
    """(17, LINE_LENGTH) parallel lines of the contour landmarks, ordered outward."""
    uv: Float32 | None = None
    """(N, 2) texture coordinates in [0, 1], v down, or None."""
    triangle_uv: Float32 | None = None
    """(T, 3, 2) texture coordinates of each corner, where seams forbid one per vertex."""

    def __post_init__(self) -> None:
        shapes = (self.triangles.shape[1:], self.landmarks.shape, self.own.shape, self.lines.shape)
        if shapes != ((3,), (N_LANDMARKS,), (N_LANDMARKS,), (len(JAW), LINE_LENGTH)):
            raise AssetError(
                f"topology needs triangles (T, 3), landmarks and own points (68,) and lines (17, {LINE_LENGTH}), "
                f"got {shapes}"
            )

    @cached_property
    def subset(self) -> npt.NDArray[np.int64]:
        """(n,) sorted vertices that the landmarks need: N_SUBSET and the head's own points that are none of them."""
        return np.unique(np.concatenate([self.lines.ravel(), self.landmarks, self.own]).astype(np.int64))

    @cached_property
    def landmarks_in_subset(self) -> npt.NDArray[np.int64]:
        """(68,) positions of the landmark vertices in `subset`."""
        return np.searchsorted(self.subset, self.landmarks)

    @cached_property
    def own_in_subset(self) -> npt.NDArray[np.int64]:
        """(68,) positions of the own points in `subset`."""
        return np.searchsorted(self.subset, self.own)

    @cached_property
    def lines_in_subset(self) -> npt.NDArray[np.int64]:
        """(17, LINE_LENGTH) positions of the line vertices in `subset`."""
        return np.searchsorted(self.subset, self.lines)


def mesh_edges(triangles: Int32) -> Int32:
    """(T, 3) -> (M, 2) each edge once."""
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def build_topology(
    neutral: Float32,
    triangles: Int32,
    landmarks: Int32,
    own: Int32 | None = None,
    uv: Float32 | None = None,
    triangle_uv: Float32 | None = None,
) -> Topology:
    """Cut the parallel lines of a neutral mesh (N, 3), cm, so that they and the inner landmarks have 488 vertices.

    `own`: (68,) the head's own points, by default the same vertices as the landmarks.
    """
    own = landmarks if own is None else own
    per_line, surplus = divmod(N_SUBSET - len(INNER), len(JAW))
    lengths = np.full(len(JAW), per_line)
    lengths[np.linspace(0, len(JAW) - 1, surplus).round().astype(int)] += 1
    mouth = neutral[landmarks[LIPS_OUTER]].mean(axis=0)
    edges = mesh_edges(triangles)
    lines = cut_parallel_lines(neutral, edges, landmarks[JAW], landmarks[INNER], mouth, lengths)
    triangles, landmarks, own = triangles.astype(np.int32), landmarks.astype(np.int32), own.astype(np.int32)
    return Topology(triangles, landmarks, own, lines.astype(np.int32), uv, triangle_uv)
