"""Parallel lines of the contour landmarks (Sec. 4.5), cut from a neutral mesh.

One plane per contour landmark: horizontal for 0-4 and 12-16, fanned about the mouth for 5-11. Where the plane cuts
the mesh, vertices are kept in order from the cheek, over the jaw, to well behind the landmark's vertex, which is where
it is seen from the front.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rdr_core.types import Float32

LINE_LENGTH = 26
"""Vertices of a line; shorter lines repeat their last vertex."""
_FAN = range(5, 12)
_AXIS_DEPTH_CM = 3.0  # lines are ordered by angle about an axis inside the head, this far in front of the ears
_BEHIND_CM = 2.6


def cut_parallel_lines(
    neutral: Float32,
    edges: npt.NDArray[np.integer],
    jaw: npt.NDArray[np.integer],
    inner: npt.NDArray[np.integer],
    mouth: Float32,
    lengths: npt.NDArray[np.integer],
) -> npt.NDArray[np.int64]:
    """Cut one line for each contour landmark.

    Args:
        neutral: (N, 3) mesh, cm.
        edges: (M, 2) its edges.
        jaw: (17,) vertices of the contour landmarks, one on each line.
        inner: vertices of the other landmarks, which no line holds.
        mouth: (3,) centre of the mouth, about which lines 5-11 fan out, cm.
        lengths: (17,) how many vertices each line keeps, at most LINE_LENGTH.

    Returns:
        (17, LINE_LENGTH) vertex indices, ordered outwards, padded with the last one.
    """
    lines = np.empty((17, LINE_LENGTH), np.int64)
    taken = {*jaw.tolist(), *inner.tolist()}
    for landmark, length in enumerate(lengths):
        point = neutral[jaw[landmark]]
        fanned = landmark in _FAN
        origin = np.array([0.0, mouth[1] if fanned else point[1]])
        direction = (point[:2] - origin) / np.linalg.norm(point[:2] - origin)
        line = _cut(neutral, edges, int(jaw[landmark]), origin, direction, int(length), fanned, taken)
        taken.update(line.tolist())
        lines[landmark] = np.r_[line, np.full(LINE_LENGTH - len(line), line[-1])]
    return lines


def _cut(
    neutral: Float32,
    edges: npt.NDArray[np.integer],
    vertex: int,
    origin: np.ndarray,
    direction: np.ndarray,
    length: int,
    fanned: bool,
    taken: set[int],
) -> npt.NDArray[np.int64]:
    point = neutral[vertex]
    normal = np.array([-direction[1], direction[0]])
    distance = (neutral[:, :2] - origin) @ normal
    crossing = edges[(distance[edges[:, 0]] <= 0) != (distance[edges[:, 1]] <= 0)]
    weight = distance[crossing[:, 0]] / (distance[crossing[:, 0]] - distance[crossing[:, 1]])
    cut = neutral[crossing[:, 0]] * (1 - weight[:, None]) + neutral[crossing[:, 1]] * weight[:, None]
    outward = (cut[:, :2] - origin) @ direction
    cut, outward = cut[outward > 0], outward[outward > 0]
    angle = np.arctan2(outward, cut[:, 2] - _AXIS_DEPTH_CM)
    reach = np.hypot(outward, cut[:, 2] - _AXIS_DEPTH_CM)
    seen = np.arctan2((point[:2] - origin) @ direction, point[2] - _AXIS_DEPTH_CM)
    start_outward = 0.38 * (point[:2] - origin) @ direction if fanned else 2.4
    bins = np.linspace(0, np.pi, 361)  # the outermost cut of each half degree: skips what lies inside the head
    index = np.digitize(angle, bins)
    outer = np.array([np.flatnonzero(index == b)[reach[index == b].argmax()] for b in np.unique(index)])
    curve = cut[outer[angle[outer].argsort()]]
    walked = np.r_[0, np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum()]
    curve_outward = (curve[:, :2] - origin) @ direction
    begin = walked[(curve_outward >= start_outward).argmax()]  # the first crossing: behind the jaw it comes back
    end = np.interp(seen, np.arctan2(curve_outward, curve[:, 2] - _AXIS_DEPTH_CM), walked) + _BEHIND_CM
    return _nearest_vertices(neutral, curve, walked, begin, end, length, vertex, taken)


def _nearest_vertices(
    neutral: Float32,
    curve: np.ndarray,
    walked: np.ndarray,
    begin: float,
    end: float,
    length: int,
    own_vertex: int,
    taken: set[int],
) -> npt.NDArray[np.int64]:
    """Pick `length` vertices that no other line holds, nearest to even steps along the curve, in order."""
    chosen: list[int] = []
    for position in np.linspace(begin, end, length):
        target = np.array([np.interp(position, walked, curve[:, axis]) for axis in range(3)])
        for vertex in np.linalg.norm(neutral - target, axis=1).argsort()[: length + 40]:
            if vertex not in taken and vertex not in chosen:
                chosen.append(int(vertex))
                break
    line = np.array(chosen)
    line[np.linalg.norm(neutral[line] - neutral[own_vertex], axis=1).argmin()] = own_vertex
    along = np.linalg.norm(neutral[line][:, None] - curve[None], axis=-1).argmin(axis=1)
    return line[walked[along].argsort(kind="stable")]
