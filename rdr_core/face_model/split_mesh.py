"""Meshes as they are drawn: one texture coordinate a vertex, so that vertices on a seam of the texture are split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdr_core.types import Float32


@dataclass(frozen=True, eq=False)
class SplitMesh:
    """Triangles with vertices split where the texture has a seam; V: split vertices."""

    source: np.ndarray
    """(V,) model vertex of each."""
    triangles: np.ndarray
    """(T, 3) int32 into the split vertices."""
    uv: Float32
    """(V, 2)."""

    @classmethod
    def of(cls, triangles: np.ndarray, triangle_uv: Float32) -> SplitMesh:
        """(T, 3) and (T, 3, 2) -> split mesh."""
        keys = np.concatenate([triangles.reshape(-1, 1), np.round(triangle_uv.reshape(-1, 2) * 4096)], axis=1)
        unique, first, index = np.unique(keys.astype(np.int64), axis=0, return_index=True, return_inverse=True)
        uv = np.ascontiguousarray(triangle_uv.reshape(-1, 2)[first], np.float32)
        return cls(unique[:, 0], index.reshape(-1, 3).astype(np.int32), uv)
