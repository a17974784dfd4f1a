from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.errors import ConvertError
from avatar_bridge.resample import at_times, euler_of, frame_rate, frame_times_ns, resample, same_sign, slerp
from avatar_bridge.tracks import FaceTrack
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import matrix_from_euler, quaternion_from_euler

MakeTrack = Callable[..., FaceTrack]
SECOND = 10**9


def test_rates_of_television_are_exact() -> None:
    assert frame_rate(23.976) == frame_rate(23.98) == Fraction(24000, 1001)
    assert frame_rate(29.97) == Fraction(30000, 1001)
    assert frame_rate(59.94) == Fraction(60000, 1001)
    assert frame_rate(24) == 24
    assert frame_rate(12.5) == Fraction(25, 2)
    assert frame_rate(0.01) == Fraction(1, 100)
    for bad in (0, 1e-4, -1, 1001, float("nan"), float("inf")):
        with pytest.raises(ConvertError, match="frame rate"):
            frame_rate(bad)


@given(st.integers(0, 2**62), st.integers(0, 30 * SECOND), st.integers(0, 60 * SECOND), st.sampled_from([23.976, 60]))
def test_the_grid_is_origin_plus_whole_frames(origin: int, start: int, length: int, fps: float) -> None:
    rate = frame_rate(fps)
    first, last = origin + start, origin + start + length
    times = frame_times_ns(origin, first, last, rate)
    exact = [Fraction(int(time) - origin, SECOND) * rate for time in times]
    assert all(abs(k - round(k)) <= rate / SECOND / 2 for k in exact)
    assert [round(k) for k in exact] == list(range(round(exact[0]), round(exact[0]) + len(exact))) if exact else True
    assert all(first - 1 <= time <= last + 1 for time in times.tolist())
    assert abs(len(times) - length * rate / SECOND) <= 1


def test_values_lie_on_the_line_between_frames(make_track: MakeTrack) -> None:
    """A signal that is a line in time stays that line at any rate, however uneven the frames came."""
    track = make_track(100)
    weights = np.zeros((100, 46), np.float32)
    weights[:, 0] = 0.2 * track.seconds
    track = replace(track, weights=weights)
    for fps in (24, 60, 29.97, 7):
        even = resample(track, fps)
        np.testing.assert_allclose(even.weights[:, 0], 0.2 * even.seconds, atol=1e-6)
        np.testing.assert_allclose(np.diff(even.time_ns), SECOND / float(frame_rate(fps)), atol=1)
        assert abs(even.seconds[-1] - track.seconds[-1]) < 1 / fps
        assert even.rate_hz == pytest.approx(float(frame_rate(fps)), rel=1e-6)


def test_all_faces_share_one_grid(make_track: MakeTrack) -> None:
    track = make_track(100)
    later = track.take_frames(np.arange(33, 80))
    a, b = resample(track, 24), resample(later, 24)
    assert set(b.time_ns.tolist()) <= set(a.time_ns.tolist())


def test_the_same_instants_give_the_same_frames(make_track: MakeTrack) -> None:
    track = make_track()
    same = at_times(track, track.time_ns)
    for name in ("weights", "translation_px", "scale_px_per_cm", "tracked", "confidence", "landmarks_px"):
        np.testing.assert_array_equal(getattr(same, name), getattr(track, name))
    np.testing.assert_allclose(same.quaternion, track.quaternion, atol=1e-6)
    np.testing.assert_allclose(same.euler_rad, track.euler_rad, atol=1e-6)


def test_single_frames_and_instants_outside_hold(make_track: MakeTrack) -> None:
    track = make_track(1)
    assert len(resample(track, 24)) == 1
    held = at_times(make_track(5), np.array([0, 2 * 10**18]))
    np.testing.assert_array_equal(held.weights, make_track(5).weights[[0, 4]])
    short = make_track(3)
    short = replace(short, origin_ns=short.origin_ns - 1)  # no instant of the grid falls into it
    assert len(resample(short, 1)) == 1


def test_a_long_gap_is_held_and_not_tracked(make_track: MakeTrack) -> None:
    track = make_track(60)
    time_ns = track.time_ns.copy()
    time_ns[30:] += 5 * SECOND
    even = resample(replace(track, time_ns=time_ns), 30)
    inside = (even.time_ns > time_ns[29]) & (even.time_ns < time_ns[30])
    assert inside.sum() >= 150
    assert not even.tracked[inside].any()
    assert even.tracked[~inside].all()
    np.testing.assert_array_equal(even.weights[inside], np.tile(track.weights[29], (inside.sum(), 1)))


def test_pictures_every_second_are_no_gaps(make_track: MakeTrack) -> None:
    track = make_track(10, time_ns=np.arange(10) * SECOND, origin_ns=0)
    even = resample(track, 4)
    assert even.tracked.all()
    np.testing.assert_allclose(even.weights[2], (track.weights[0] + track.weights[1]) / 2, atol=1e-6)


angles = st.tuples(st.floats(-1.5, 1.5), st.floats(-3, 3), st.floats(-3, 3))


@given(angles, angles, st.floats(0, 1), st.booleans())
def test_slerp_turns_evenly_the_shorter_way(
    a: tuple[float, ...], b: tuple[float, ...], part: float, flip: bool
) -> None:
    first, second = quaternion_from_euler(np.array([a])), quaternion_from_euler(np.array([b]))
    mixed = slerp(first, -second if flip else second, np.array([part]))

    def turn(p: np.ndarray, q: np.ndarray) -> float:
        return 2 * float(np.arccos(np.clip(abs((p * q).sum()), 0, 1)))

    assert np.linalg.norm(mixed) == pytest.approx(1)
    assert turn(first, mixed) == pytest.approx(part * turn(first, second), abs=1e-6)
    assert turn(mixed, second) == pytest.approx((1 - part) * turn(first, second), abs=1e-6)


@given(angles)
def test_euler_of_a_quaternion(a: tuple[float, ...]) -> None:
    euler = np.array([a])
    np.testing.assert_allclose(
        matrix_from_euler(euler_of(quaternion_from_euler(euler))), matrix_from_euler(euler), atol=1e-7
    )


def test_same_sign_has_no_jumps() -> None:
    turning = quaternion_from_euler(np.column_stack([np.zeros(50), np.linspace(0, 3 * np.pi, 50), np.zeros(50)]))
    smooth = same_sign(turning)
    assert np.abs(np.diff(turning, axis=0)).max() > 1
    assert np.abs(np.diff(smooth, axis=0)).max() < 0.2
    np.testing.assert_allclose(np.abs(smooth), np.abs(turning))


def test_a_blink_is_where_it_was_at_any_rate(make_track: MakeTrack) -> None:
    track = make_track(100)
    weights = np.zeros((100, 46), np.float32)
    weights[:, 0] = np.exp(-(((track.seconds - 1.5) / 0.06) ** 2))
    for fps in (24, 25, 60):
        even = resample(replace(track, weights=weights), fps)
        middle = (even.seconds * even.weights[:, 0]).sum() / even.weights[:, 0].sum()
        assert middle == pytest.approx(1.5, abs=0.005)
    assert BLENDSHAPE_NAMES[0] == "EyeClose_L"
