"""Deformation transfer (Sumner and Popovic 2004) in its gradient form (Botsch et al. 2006).

Carries the deformation of a source mesh over to a target of the same triangles: the target's triangles take the
source's deformation gradients, and one sparse solve with the target's cotangent Laplacian joins them again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu

from rdr_core.types import Float32


def _frames(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(..., T, 3, 3) columns: two edges and the scaled normal of each triangle."""
    a, b, c = (vertices[..., triangles[:, k], :] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.sqrt(np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12))
    return np.stack([b - a, c - a, normal], axis=-1)


def deformation_gradients(neutral: Float32, deformed: Float32, triangles: npt.NDArray[np.integer]) -> np.ndarray:
    """(N, 3) and (N, 3) -> (T, 3, 3) float64 map of each triangle's neighbourhood."""
    rest = _frames(neutral.astype(np.float64), triangles)
    return _frames(deformed.astype(np.float64), triangles) @ np.linalg.inv(rest)


class DeformationTransfer:
    """Transfers deformations onto one target; its matrix is factorised once and serves every deformation."""

    def __init__(self, target: Float32, triangles: npt.NDArray[np.integer], anchored: npt.NDArray[np.bool_]) -> None:
        """Prepare for a target of (N, 3) vertices, cm; (N,) anchored vertices keep their place."""
        self.target = target.astype(np.float64)
        self.triangles = triangles
        corners = self.target[triangles]
        # edge k of a triangle joins corners k+1 and k+2 and is weighted by the cotangent at corner k
        self._edges = [((k + 1) % 3, (k + 2) % 3) for k in range(3)]
        self._weights = np.stack([_cotangent(corners, k) for k in range(3)], axis=1) / 2
        self._anchor_weight = np.where(anchored, 10.0, 1e-6)  # the tiny one only fixes free islands
        laplacian = sparse.diags(self._anchor_weight)
        size = (len(target), len(target))
        for k, corners_of_edge in enumerate(self._edges):
            i, j = (triangles[:, corner] for corner in corners_of_edge)
            w = self._weights[:, k]
            laplacian = laplacian + sparse.coo_matrix(
                (np.r_[w, w, -w, -w], (np.r_[i, j, i, j], np.r_[i, j, j, i])), shape=size
            )
        self._solver = splu(laplacian.tocsc())

    def apply(self, gradients: np.ndarray) -> Float32:
        """(T, 3, 3) deformation gradients -> (N, 3) deformed target, cm."""
        right = self._anchor_weight[:, None] * self.target
        for k, corners_of_edge in enumerate(self._edges):
            i, j = (self.triangles[:, corner] for corner in corners_of_edge)
            edge = np.einsum("tab,tb->ta", gradients, self.target[j] - self.target[i])
            edge *= self._weights[:, k, None]
            np.add.at(right, j, edge)
            np.add.at(right, i, -edge)
        return self._solver.solve(right).astype(np.float32)


def _cotangent(corners: np.ndarray, k: int) -> np.ndarray:
    u, v = corners[:, (k + 1) % 3] - corners[:, k], corners[:, (k + 2) % 3] - corners[:, k]
    area = np.linalg.norm(np.cross(u, v), axis=-1)
    cotangent = (u * v).sum(-1) / np.maximum(area, 1e-9)
    return np.clip(cotangent, 1e-2, 1e2)  # keeps the system positive definite at obtuse and needle triangles
