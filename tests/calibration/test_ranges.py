"""A face at rest reads zero, also from the side, and a held expression reads nearly one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.errors import CalibrationError
from calibration.ranges import MAX_REST, TURNS, Ranges, ranges_of
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

SMILE, BROW, LID = (BLENDSHAPE_NAMES.index(name) for name in ("MouthSmile_L", "BrowInnerUp", "EyeClose_L"))


def coefficients(**values: float) -> np.ndarray:
    alpha = np.zeros(46, np.float32)
    for name, value in values.items():
        alpha[BLENDSHAPE_NAMES.index(name)] = value
    return alpha


def measured() -> Ranges:
    """At rest a smile reads 0.1; from the left, 0.5 rad, it reads 0.2 and the brow 0.15; a full smile reads 0.8."""
    rest = np.tile(coefficients(MouthSmile_L=0.1), (5, 1))
    left = np.tile(coefficients(MouthSmile_L=0.2, BrowInnerUp=0.15, EyeClose_L=0.4), (4, 1))
    smile = np.tile(coefficients(MouthSmile_L=0.8), (4, 1))
    return ranges_of(rest, {"MouthSmile_L": smile}, {"left": (left, 0.5)})


def test_rest_and_full_strength() -> None:
    ranges = measured()
    assert ranges.apply(coefficients(MouthSmile_L=0.1))[SMILE] == 0
    assert ranges.full[SMILE] == pytest.approx(0.85), "three quarters of what it lacks of 1"
    assert ranges.apply(coefficients(MouthSmile_L=0.8))[SMILE] == pytest.approx(0.7 / 0.75)
    assert ranges.apply(coefficients(MouthSmile_L=0.475))[SMILE] == pytest.approx(0.5)
    assert ranges.apply(coefficients(MouthSmile_L=0.9))[SMILE] == 1


def test_rest_from_the_side() -> None:
    ranges = measured()
    seen = coefficients(MouthSmile_L=0.2, BrowInnerUp=0.15)
    left, half, right = (np.array([0, yaw, 0]) for yaw in (0.5, 0.25, -0.5))
    assert ranges.apply(seen, left)[[SMILE, BROW]] == pytest.approx(0, abs=1e-6)
    assert ranges.apply(seen, half)[BROW] == pytest.approx(0.075)
    assert ranges.apply(seen, right)[BROW] == ranges.apply(seen)[BROW] == pytest.approx(0.15)


def test_lids_are_not_at_rest_because_the_head_is_turned() -> None:
    assert not measured().by_turn[:, LID].any()


@given(st.floats(-3.2, 3.2), st.floats(-1.6, 1.6))
def test_rest_stays_within_bounds_however_the_head_is_turned(yaw: float, pitch: float) -> None:
    steep = Ranges(np.full(46, 0.1), np.ones(46), np.full((len(TURNS), 46), 0.9))
    rest = steep.rest_at(np.array([pitch, yaw, 0.0]))
    assert rest.min() >= 0.1 - 1e-6
    assert rest.max() <= MAX_REST + 1e-6
    assert steep.apply(np.full(46, 0.5), np.array([pitch, yaw, 0])).min() >= 0


@pytest.mark.parametrize("wrong", [np.full((4, 46), np.nan), np.full((4, 46), 2.0), np.zeros((3, 46))])
def test_what_a_turn_changes_is_checked(wrong: np.ndarray) -> None:
    with pytest.raises(CalibrationError, match="what a turn changes"):
        Ranges(np.zeros(46), np.ones(46), wrong)
