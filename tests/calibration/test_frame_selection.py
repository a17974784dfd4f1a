"""Kept frames: never more than the bound, and those that differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.errors import CalibrationError
from calibration.frame_selection import FrameSelection, SelectionConfig
from calibration.observation import Observation


def plain(frame: int, yaw_deg: float = 0.0, alpha: np.ndarray | None = None, **changes: float) -> Observation:
    values: dict[str, float] = {"confidence": 0.9, "sharpness": 1.0} | changes
    own = np.zeros(46, np.float32) if alpha is None else alpha
    grid = np.stack(np.meshgrid(np.arange(17.0), np.arange(4.0)), axis=-1).reshape(68, 2)
    turn = np.radians([0.0, yaw_deg, 0.0])
    return Observation(frame * 200_000_000, grid, turn, own, values["confidence"], values["sharpness"])


@given(st.lists(st.tuples(st.floats(-80, 80), st.floats(0, 1), st.floats(0, 2)), max_size=60))
def test_never_more_than_the_bound(frames: list[tuple[float, float, float]]) -> None:
    selection = FrameSelection(SelectionConfig(capacity=7))
    for k, (yaw, confidence, sharpness) in enumerate(frames):
        selection.add(plain(k, yaw, confidence=confidence, sharpness=sharpness))
        assert len(selection.frames) <= 7
    assert all(abs(frame.yaw_deg) <= 60.001 and frame.confidence >= 0.6 for frame in selection.frames)


def test_turned_heads_are_kept(somebody: Callable) -> None:
    selection = FrameSelection(SelectionConfig(capacity=8))
    for k in range(100):
        selection.add(plain(k, 0.0))
    for k, yaw in enumerate((-45, -30, -15, 15, 30, 45)):
        selection.add(plain(200 + k, yaw))
    for k in range(100):
        selection.add(plain(300 + k, 0.0))
    assert {-45, -30, -15, 15, 30, 45} <= {round(frame.yaw_deg) for frame in selection.frames}


def test_other_expressions_are_kept() -> None:
    selection = FrameSelection(SelectionConfig(capacity=6))
    rng = np.random.default_rng(0)
    for k in range(50):
        alpha = rng.normal(0, 0.01, 46)
        if k % 10 == 5:
            alpha[k // 10] = 0.9
        selection.add(plain(k, alpha=alpha))
    assert sum(frame.alpha_exp.max() > 0.5 for frame in selection.frames) == 5


def test_sharp_frames_win() -> None:
    selection = FrameSelection(SelectionConfig(capacity=4))
    rng = np.random.default_rng(0)
    for k in range(40):
        selection.add(plain(k, yaw_deg=float(rng.uniform(-5, 5)), sharpness=1.0 if k % 4 == 0 else 0.05))
    assert np.median([frame.sharpness for frame in selection.frames]) == 1.0


def test_neighbours_and_broken_frames_are_not_taken() -> None:
    selection = FrameSelection()
    assert selection.add(plain(0)) is None
    near = replace(plain(0), time_ns=50_000_000)
    assert selection.add(near) is near
    broken = replace(plain(3), landmarks_px=np.full((68, 2), np.nan))
    assert selection.add(broken) is broken
    assert len(selection.frames) == 1


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(CalibrationError, match="two frames or more"):
        SelectionConfig(capacity=1)
