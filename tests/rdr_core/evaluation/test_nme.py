"""Golden values of each normaliser and of what is derived from errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rdr_core.evaluation.nme import (
    area_under_curve,
    box_size,
    failure_rate,
    inter_ocular,
    inter_pupil,
    nme,
    roi_size,
)


@pytest.fixture
def truth() -> np.ndarray:
    """(1, 68, 2) face: outer eye corners (10, 50) and (110, 50), pupils 60 apart, box 120 x 75."""
    points = np.full((68, 2), [60.0, 60.0])
    points[0], points[16], points[8] = [0, 45], [120, 45], [60, 120]
    points[36:42] = [[10, 50], [30, 47], [30, 47], [50, 50], [40, 53], [20, 53]]  # mean (30, 50)
    points[42:48] = [[70, 50], [90, 47], [90, 47], [110, 50], [100, 53], [80, 53]]  # mean (90, 50)
    return points[None]


def test_normalisers(truth: np.ndarray) -> None:
    assert inter_ocular(truth) == pytest.approx([100])
    assert inter_pupil(truth) == pytest.approx([60])
    assert box_size(truth) == pytest.approx([np.sqrt(120 * 75)])
    assert roi_size(truth) == pytest.approx([120 * np.sqrt(2) / 1.458])
    depth = np.concatenate([truth, np.full((1, 68, 1), 1e6)], axis=-1)
    assert box_size(depth) == pytest.approx(box_size(truth))  # the depth of 3D landmarks does not count


def test_golden_nme_per_normaliser(truth: np.ndarray) -> None:
    """Every landmark off by (3, 4), i.e. 5 px: 5 % inter-ocular, 8.33 % inter-pupil, 5.27 % of the box."""
    predicted = truth + [3, 4]
    assert nme(predicted, truth, inter_ocular(truth)) == pytest.approx([0.05])
    assert nme(predicted, truth, inter_pupil(truth)) == pytest.approx([0.083333], abs=1e-6)
    assert nme(predicted, truth, box_size(truth)) == pytest.approx([0.052705], abs=1e-6)


def test_one_wrong_landmark(truth: np.ndarray) -> None:
    predicted = truth.copy()
    predicted[0, 30] += [0, 68]
    assert nme(predicted, truth, inter_ocular(truth)) == pytest.approx([0.01])


def test_hidden_landmarks_do_not_count() -> None:
    """Of four points, by 100 px: the first two faces show two each, off by 1 and 3 px and by 2 px; the third all."""
    truth = np.zeros((3, 4, 2))
    predicted = np.zeros((3, 4, 2))
    predicted[:, :, 0] = [[1, 3, 50, np.inf], [70, 2, 2, 70], [4, 4, 4, 4]]
    truth[0, 2:] = np.nan
    visible = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]], bool)
    assert nme(predicted, truth, np.full(3, 100), visible) == pytest.approx([0.02, 0.02, 0.04])
    assert nme(np.full((3, 4, 2), np.nan), truth, np.full(3, 100), visible).tolist() == [1, 1, 1]


def test_a_face_that_was_not_found_counts_as_1(truth: np.ndarray) -> None:
    both = np.concatenate([truth, truth])
    predicted = both.copy()
    predicted[1] = np.nan
    assert nme(predicted, both, inter_ocular(both)).tolist() == [0, 1]


def test_failure_rate() -> None:
    errors = np.array([0.01, 0.05, 0.08, 0.09, 1.0])
    assert failure_rate(errors, 0.08) == pytest.approx(0.4)  # at the limit is no failure
    assert failure_rate(errors, 0.10) == pytest.approx(0.2)


def test_area_under_curve() -> None:
    assert area_under_curve(np.zeros(5), 0.08) == 1
    assert area_under_curve(np.full(5, 0.04), 0.08) == pytest.approx(0.5)
    assert area_under_curve(np.ones(5), 0.08) == 0


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 0.3)))
def test_area_is_that_under_the_curve(errors: np.ndarray) -> None:
    """Summed up numerically from the cumulative error curve."""
    at = np.linspace(0, 0.08, 20_001)
    share = np.searchsorted(np.sort(errors), at, side="right") / len(errors)
    assert area_under_curve(errors, 0.08) == pytest.approx(np.trapezoid(share, at) / 0.08, abs=1e-3)
