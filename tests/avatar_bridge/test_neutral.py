from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from avatar_bridge.messages import FaceFrame
from avatar_bridge.neutral import MAX_OFFSET, Neutral

MakeFrame = Callable[..., FaceFrame]


def frames(make_frame: MakeFrame, alphas: list[np.ndarray], start: int = 0, face_id: int = 0) -> list[FaceFrame]:
    return [make_frame(start + n, alpha_exp=alpha, face_id=face_id) for n, alpha in enumerate(alphas)]


def test_nothing_happens_before(make_frame: MakeFrame) -> None:
    neutral = Neutral()
    assert neutral.apply(make_frame()) == make_frame()
    assert not neutral.set


def test_a_face_at_rest_is_zero_then_and_one_stays_one(make_frame: MakeFrame) -> None:
    rest, blink = np.full(46, 0.2), np.full(46, 0.2)
    blink[0] = 0.9
    neutral = Neutral()
    neutral.take(1.0)
    for frame in frames(make_frame, [rest] * 11 + [blink] * 4 + [rest] * 11):
        assert neutral.apply(frame) == frame or not neutral.taking
    assert neutral.set
    after = [neutral.apply(make_frame(40, alpha_exp=np.full(46, value))).alpha_exp for value in (0.2, 0.1, 0.6, 1.0)]
    assert after == [pytest.approx(np.full(46, value), abs=1e-6) for value in (0, 0, 0.5, 1)]


def test_each_face_has_its_own_and_a_new_one_gets_the_last(make_frame: MakeFrame) -> None:
    neutral = Neutral()
    neutral.take(0.4)
    pairs = zip(
        frames(make_frame, [np.full(46, 0.1)] * 20, face_id=1),
        frames(make_frame, [np.full(46, 0.3)] * 20, face_id=2),
        strict=True,
    )
    for first, second in pairs:
        neutral.apply(first)
        neutral.apply(second)
    seen = {
        face: float(neutral.apply(make_frame(50, face_id=face, alpha_exp=np.full(46, 0.3))).alpha_exp[0])
        for face in (1, 2, 3)
    }
    assert seen[1] == pytest.approx((0.3 - 0.1) / 0.9)
    assert seen[2] == pytest.approx(0, abs=1e-6)
    assert seen[3] in (pytest.approx(seen[1]), pytest.approx(seen[2], abs=1e-6))


def test_lost_faces_and_glimpses_do_not_count(make_frame: MakeFrame) -> None:
    neutral = Neutral()
    neutral.take(0.2)
    for seq in range(10):
        neutral.apply(make_frame(seq, tracked=False, alpha_exp=np.full(46, 0.5)))
    assert neutral.taking
    for seq in (10, 100):
        neutral.apply(make_frame(seq, alpha_exp=np.full(46, 0.5)))
    assert not neutral.taking
    assert not neutral.set


def test_a_grimace_does_not_make_the_face_go_dead(make_frame: MakeFrame) -> None:
    neutral = Neutral()
    neutral.take(0.2)
    for frame in frames(make_frame, [np.ones(46)] * 8):
        neutral.apply(frame)
    shown = neutral.apply(make_frame(9, alpha_exp=np.full(46, 0.8))).alpha_exp
    assert shown == pytest.approx(np.full(46, (0.8 - MAX_OFFSET) / (1 - MAX_OFFSET)), abs=1e-6)
    neutral.clear()
    assert not neutral.set
    assert neutral.apply(make_frame(9)) == make_frame(9)


def test_a_slow_camera_is_looked_at_until_there_is_enough(make_frame: MakeFrame) -> None:
    neutral = Neutral()
    neutral.take(0.05)
    for seq in range(4):
        neutral.apply(make_frame(seq, alpha_exp=np.full(46, 0.2)))
    assert neutral.taking
    neutral.apply(make_frame(4, alpha_exp=np.full(46, 0.2)))
    assert (neutral.taking, neutral.set) == (False, True)
