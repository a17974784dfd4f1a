from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from blender_addon.core.errors import TakeError
from blender_addon.core.key_reduction import reduce_keys, reduction_error
from blender_addon.core.resample import SceneTime, at_times, frame_rate, resample, same_sign
from blender_addon.core.track import FaceTrack, without_camera

START_NS = 1_700_000_000_000_000_000


def track_at(time_ns: np.ndarray, values: np.ndarray | None = None, **changes: Any) -> FaceTrack:
    """Return a track with one shape; without values it is the seconds since the start."""
    seconds = (time_ns - START_NS) / 1e9
    angles = 0.5 * seconds
    quaternion = np.stack([np.cos(angles / 2), 0 * angles, np.sin(angles / 2), 0 * angles], axis=1)
    weights = (seconds if values is None else values).astype(np.float32)[:, None]
    plain = without_camera(time_ns, quaternion, np.ones(len(time_ns), bool))
    return FaceTrack(names=("a",), weights=weights, **(plain | changes))


def uneven_times(count: int, rate_hz: float, seed: int = 1) -> np.ndarray:
    chance = np.random.default_rng(seed)
    ideal = np.arange(count) / rate_hz + chance.uniform(-0.3, 0.3, count) / rate_hz
    return START_NS + np.round(ideal * 1e9).astype(np.int64) + 10**7


@pytest.mark.parametrize("fps", [24, 25, 30, 60, 24 / 1.001])
@pytest.mark.parametrize("source_hz", [15.0, 29.97, 60.0])
def test_values_land_on_the_frames_that_their_times_say(fps: float, source_hz: float) -> None:
    track = track_at(uneven_times(120, source_hz))
    time = SceneTime(frame_rate(fps), int(track.time_ns[0]), 101)
    frames, even = resample(track, time)
    assert frames[0] == 101
    assert abs(len(frames) - track.duration_s * fps) <= 1
    since = (np.array(frames) - 101) / fps
    np.testing.assert_allclose(even.weights[:, 0], since + 1e-9 * (track.time_ns[0] - START_NS), atol=1e-4)
    yaw = 2 * np.arctan2(even.quaternion[:, 2], even.quaternion[:, 0])
    np.testing.assert_allclose(yaw, 0.5 * even.weights[:, 0], atol=1e-4)


@pytest.mark.parametrize("fps", [24.0, 60.0])
def test_a_peak_stays_where_it_was_within_half_a_frame(fps: float) -> None:
    times = uneven_times(300, 30)
    seconds = (times - START_NS) / 1e9
    peak_s = 6.123
    track = track_at(times, np.exp(-(((seconds - peak_s) / 0.15) ** 2)))
    frames, even = resample(track, SceneTime(frame_rate(fps), START_NS, 1))
    found_s = (frames[int(even.weights[:, 0].argmax())] - 1) / fps
    captured_s = seconds[np.exp(-(((seconds - peak_s) / 0.15) ** 2)).argmax()]
    assert abs(found_s - captured_s) <= 0.5 / fps + 1e-6


def test_pre_roll_falls_before_the_anchor() -> None:
    track = track_at(START_NS + np.arange(11) * 10**8)
    frames, _ = resample(track, SceneTime(Fraction(10), START_NS + 5 * 10**8, 1))
    assert (frames[0], frames[-1]) == (-4, 6)


def test_a_gap_is_held_and_not_tracked() -> None:
    times = START_NS + np.array([0, 1, 2, 3, 33, 34, 35]) * 10**8
    even = at_times(track_at(times), START_NS + np.array([25, 200, 325, 340], np.int64) * 10**7)
    assert even.tracked.tolist() == [True, False, False, True]
    np.testing.assert_allclose(even.weights[:, 0], [0.25, 0.3, 0.3, 3.4], atol=1e-6)


def test_a_single_frame_and_a_take_between_two_frames() -> None:
    track = track_at(np.array([START_NS + 4 * 10**7]))
    frames, even = resample(track, SceneTime(Fraction(24), START_NS, 1))
    assert (list(frames), len(even)) == ([2], 1)
    short = track_at(START_NS + np.array([10**7, 2 * 10**7]))
    assert list(resample(short, SceneTime(Fraction(24), START_NS, 1))[0]) == [1]


def test_rates() -> None:
    assert frame_rate(24) == 24
    assert frame_rate(30, 1.001) == frame_rate(29.97) == Fraction(30000, 1001)
    assert frame_rate(12.5) == Fraction(25, 2)
    for wrong in (0.0, -1.0, 2000.0, math.nan):
        with pytest.raises(TakeError):
            frame_rate(wrong)
    with pytest.raises(TakeError, match="bake a shorter part"):
        SceneTime(Fraction(1000), 0, 0).frames_within(0, 10**18)


def test_quaternions_without_jumps() -> None:
    turns = np.array([[1, 0, 0, 0], [-0.9, -0.1, 0, 0], [0.8, 0.2, 0, 0], [-0.7, -0.3, 0, 0]])
    smooth = same_sign(turns)
    assert ((smooth[1:] * smooth[:-1]).sum(axis=1) > 0).all()
    np.testing.assert_array_equal(abs(smooth), abs(turns))


@given(hnp.arrays(np.float64, st.integers(1, 80), elements=st.floats(-2, 2)), st.floats(0, 0.5))
def test_reduced_keys_are_off_by_no_more_than_the_tolerance(values: np.ndarray, tolerance: float) -> None:
    frames = np.arange(len(values)) + 7.0
    kept = reduce_keys(frames, values, tolerance)
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    assert (np.diff(kept) > 0).all()
    assert reduction_error(frames, values, kept) <= tolerance + 1e-12


def test_few_keys_are_enough_for_lines() -> None:
    frames = np.arange(100.0)
    assert reduce_keys(frames, np.zeros(100), 0.0).tolist() == [0, 99]
    assert reduce_keys(frames, abs(frames - 40), 1e-9).tolist() == [0, 40, 99]
    curve = np.sin(frames / 16)
    kept = reduce_keys(frames, curve, 0.01)
    assert len(kept) < 40
    assert 0.001 < reduction_error(frames, curve, kept) <= 0.01
