"""The mirror order of the 68 landmarks, against the face model's own symmetry."""

from __future__ import annotations

import numpy as np

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.landmarks import CURVES, INNER, JAW, MIRROR, N_LANDMARKS, SPANS


def test_mirroring_twice_changes_nothing() -> None:
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(N_LANDMARKS))


def test_groups_cover_all_landmarks_once() -> None:
    np.testing.assert_array_equal(np.sort(np.concatenate([JAW, INNER])), np.arange(N_LANDMARKS))
    drawn = np.concatenate([indices for indices, _ in CURVES])
    np.testing.assert_array_equal(np.sort(drawn), np.arange(N_LANDMARKS))


def test_left_and_right_landmarks_mirror_on_the_mean_face(face_model: DynamicExpressionModel) -> None:
    points = face_model.face()[face_model.topology.landmarks]
    flipped = points[MIRROR] * [-1, 1, 1]
    assert np.linalg.norm(flipped - points, axis=1).max() < 0.5
    assert np.linalg.norm(flipped - points, axis=1).mean() < 0.1


def test_spans_mirror_to_one_another() -> None:
    spans = {frozenset(pair) for pair in SPANS.tolist()}
    assert {frozenset(MIRROR[list(pair)].tolist()) for pair in spans} == spans
    assert len(spans) == len(SPANS)
