from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.capture.file_times import RisingTimes

MS = 1_000_000
INTERVAL_MS = 40


def times_ms(pts: list[int | None], start_ms: int = 0) -> list[float]:
    times = RisingTimes(start_ms * MS, INTERVAL_MS * MS)
    return [times.next(p, Fraction(1, 1000)) / MS for p in pts]


@pytest.mark.parametrize(
    ("pts", "expected"),
    [
        ([0, 33, 40, 140, 141], [0, 33, 40, 140, 141]),  # as they are
        ([1400, 1440], [0, 40]),
        ([None, None, None], [0, 40, 80]),  # no times at all
        ([0, None, 80, None], [0, 40, 80, 120]),
        ([0, 40, 40, 40, 80], [0, 40, 41, 42, 80]),  # the later ones keep their own
        ([0, 40, 30, 80], [0, 40, 41, 80]),
        ([5000, 5040, 0, 40], [0, 40, 80, 120]),  # begins anew
        ([5000, 5040, 0, 40, 10_000], [0, 40, 80, 120, 10_080]),
        ([-21, 0, 40], [0, 1, 40]),
    ],
)
def test_times(pts: list[int | None], expected: list[float]) -> None:
    start_ms = pts[0] if pts[0] and pts[0] > 0 else 0
    assert times_ms(pts, start_ms) == expected


@given(
    st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=40),
    st.integers(-(10**15), 10**15),
    st.fractions(Fraction(1, 10**9), Fraction(1, 2)),
)
def test_they_rise_whatever_the_file_says(pts: list[int | None], start_ns: int, base: Fraction) -> None:
    times = RisingTimes(start_ns, INTERVAL_MS * MS)
    got = [times.next(p, base) for p in pts]
    assert all(time >= 0 for time in got)
    assert all(b > a for a, b in pairwise(got))


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=50), st.integers(0, 10**12))
def test_rising_times_are_kept(steps: list[int], start: int) -> None:
    times, pts = RisingTimes(start, INTERVAL_MS * MS), start
    for step in steps:
        pts += step
        assert times.next(pts, Fraction(1, 10**9)) == pts - start
