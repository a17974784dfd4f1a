"""Smooth normals of meshes that keep their triangles while their vertices move."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from rdr_core.types import Float32


def normal_gather(triangles: np.ndarray, n_vertices: int) -> sparse.csr_array:
    """(T, 3) -> (N, T) matrix that adds up what each vertex's triangles have."""
    rows, columns = triangles.ravel(), np.repeat(np.arange(len(triangles)), 3)
    return sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(n_vertices, len(triangles)))


def vertex_normals(vertices: Float32, triangles: np.ndarray, gather: sparse.csr_array) -> Float32:
    """(N, 3) -> (N, 3) unit normals, weighted by area."""
    a = vertices[triangles[:, 0]]
    u, v = vertices[triangles[:, 1]] - a, vertices[triangles[:, 2]] - a
    face = np.empty_like(u)
    face[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
    face[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
    face[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    normals = gather @ face
    normals /= np.maximum(np.sqrt((normals**2).sum(axis=1, keepdims=True)), 1e-12)
    return normals
