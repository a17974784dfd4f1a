"""The parallel lines of the contour landmarks, as cut from the default model and from a sphere."""

from __future__ import annotations

import numpy as np

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.topology import build_topology
from rdr_core.geometry.parallel_lines import LINE_LENGTH
from rdr_core.landmarks import INNER, JAW


def own_length(line: np.ndarray) -> int:
    """Vertices of a line before the repetitions of its last one."""
    return len(np.unique(line))


def test_lines_and_inner_landmarks_are_488_vertices(face_model: DynamicExpressionModel) -> None:
    topology = face_model.topology
    assert len(np.unique(topology.lines)) == 488 - 51
    assert not np.isin(topology.landmarks[INNER], topology.lines).any()


def test_short_lines_repeat_their_last_vertex(face_model: DynamicExpressionModel) -> None:
    for line in face_model.topology.lines:
        length = own_length(line)
        assert LINE_LENGTH - 1 <= length <= LINE_LENGTH
        assert len(np.unique(line[:length])) == length
        assert (line[length:] == line[length - 1]).all()


def test_each_line_holds_its_own_landmark_well_inside(face_model: DynamicExpressionModel) -> None:
    for line, vertex in zip(face_model.topology.lines, face_model.topology.landmarks[JAW], strict=True):
        (place,) = np.flatnonzero(line[: own_length(line)] == vertex)
        assert place >= 0.4 * own_length(line)


def test_lines_are_ordered_outward(face_model: DynamicExpressionModel) -> None:
    """The angle about an axis inside the head grows along a line, but for the zigzag between mesh vertices."""
    face = face_model.face()
    mouth = face[face_model.topology.landmarks[48:60]].mean(axis=0)
    for number, (line, vertex) in enumerate(
        zip(face_model.topology.lines, face_model.topology.landmarks[JAW], strict=True)
    ):
        origin = np.array([0, mouth[1] if 5 <= number <= 11 else face[vertex, 1]])
        direction = (face[vertex, :2] - origin) / np.linalg.norm(face[vertex, :2] - origin)
        points = face[line[: own_length(line)]]
        angle = np.degrees(np.unwrap(np.arctan2((points[:, :2] - origin) @ direction, points[:, 2] - 3)))
        assert np.diff(angle).min() > -6, number
        assert angle[-1] - angle[0] > 20, number
        smooth = np.convolve(angle, np.ones(5) / 5, mode="valid")
        assert (np.diff(smooth) > -0.5).all(), number


def test_neighbouring_lines_lie_in_order(face_model: DynamicExpressionModel) -> None:
    """Line ends run from the subject's right ear (-x) over the chin to the left ear."""
    ends = face_model.face()[face_model.topology.lines[:, -1]]
    assert (np.diff(ends[:, 0]) > -0.3).all()
    assert ends[:, 1].argmin() in (7, 8, 9)
    np.testing.assert_allclose(ends[:, 1], ends[::-1, 1], atol=0.8)  # left and right alike


def test_cutting_again_gives_the_stored_lines(face_model: DynamicExpressionModel) -> None:
    """The mean face of the stored model leads to nearly the same lines as the one that they were cut from."""
    topology = face_model.topology
    again = build_topology(face_model.face(), topology.triangles, topology.landmarks, topology.own)
    same = np.mean([len(np.intersect1d(a, b)) / LINE_LENGTH for a, b in zip(again.lines, topology.lines, strict=True)])
    assert same > 0.7
    assert len(np.unique(again.lines)) == 488 - 51


def test_lines_never_hold_an_inner_landmark(face_model: DynamicExpressionModel) -> None:
    """An inner landmark that lies on a line's way is left out, or the subset would have fewer than 488 vertices."""
    topology = face_model.topology
    landmarks = topology.landmarks.copy()
    landmarks[INNER[0]] = topology.lines[2, 7]  # a brow in the middle of a cheek line
    again = build_topology(face_model.face(), topology.triangles, landmarks, topology.own)
    assert not np.isin(landmarks[INNER], again.lines).any()
    assert len(np.unique(again.lines)) == 488 - 51
