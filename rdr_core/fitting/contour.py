"""Landmark positions on a face: fixed vertices inside, the visible contour on the parallel lines (Sec. 4.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdr_core.face_model.topology import Topology
from rdr_core.geometry.silhouette import contour_on_lines
from rdr_core.geometry.weak_perspective import project
from rdr_core.landmarks import INNER, JAW, N_LANDMARKS
from rdr_core.types import Float32


@dataclass(frozen=True)
class LandmarkVertices:
    """Each landmark as a point between two vertices of the landmark subset; linear in the shape."""

    first: np.ndarray
    """(68,) subset indices."""
    second: np.ndarray
    """(68,) subset indices."""
    weight: Float32
    """(68,) of the second vertex, in [0, 1]."""

    def on(self, vertices: Float32) -> Float32:
        """(..., n, 3) subset vertices -> (..., 68, 3) landmarks."""
        w = self.weight[:, None]
        return vertices[..., self.first, :] * (1 - w) + vertices[..., self.second, :] * w


def frontal_landmarks(topology: Topology) -> LandmarkVertices:
    """Return every landmark where it is seen from the front."""
    return _at(topology.landmarks_in_subset)


def own_landmarks(topology: Topology) -> LandmarkVertices:
    """Return every landmark at the head's own point, hidden or not."""
    return _at(topology.own_in_subset)


def _at(vertices: np.ndarray) -> LandmarkVertices:
    return LandmarkVertices(vertices, vertices, np.zeros(N_LANDMARKS, np.float32))


def visible_landmarks(topology: Topology, vertices: Float32, euler_rad: Float32) -> LandmarkVertices:
    """March the contour landmarks of (n, 3) subset vertices under a rotation (3,)."""
    return landmarks_on_outline(topology, project(vertices, euler_rad, np.zeros(2), np.float64(1.0))[..., :2])


def landmarks_on_outline(topology: Topology, points: Float32) -> LandmarkVertices:
    """March the contour landmarks of subset vertices that any camera has projected, (n, 2) image points, y down."""
    lines = topology.lines_in_subset
    step, weight = contour_on_lines(points[lines])
    first, second = topology.landmarks_in_subset.copy(), topology.landmarks_in_subset.copy()
    first[JAW] = lines[np.arange(len(JAW)), step]
    second[JAW] = lines[np.arange(len(JAW)), step + 1]
    every = np.zeros(N_LANDMARKS, np.float32)
    every[JAW] = weight
    return LandmarkVertices(first, second, every)


INNER_ONLY = np.zeros(N_LANDMARKS, np.float32)
INNER_ONLY[INNER] = 1
"""Weights of the first pass: the contour is only known once the pose is."""
