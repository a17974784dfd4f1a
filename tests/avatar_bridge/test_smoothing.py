from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from avatar_bridge.config import OneEuroConfig, SmoothingConfig
from avatar_bridge.messages import FaceFrame
from avatar_bridge.quaternions import matrix_from_quaternion
from avatar_bridge.regions import COEFFICIENTS, LANDMARKS
from avatar_bridge.smoothing import FaceSmoother
from rdr_core.geometry.rotation import matrix_from_euler, quaternion_from_euler

MakeFrame = Callable[..., FaceFrame]
FRAME_NS = 40_000_000
START_NS = 1_700_000_000_000_000_000


def still(make_frame: MakeFrame, seq: int, **changes: object) -> FaceFrame:
    """Return the frame of a face that does not move, seen well."""
    fixed = {"alpha_exp": np.full(46, 0.5), "translation_px": [320, 240, 0], "confidence": 1.0}
    return make_frame(seq, **(fixed | changes))


def poses(yaw_rad: float) -> dict[str, Any]:
    euler_rad = np.array([0.0, yaw_rad, 0.0])
    return {"euler_rad": euler_rad, "quaternion": quaternion_from_euler(euler_rad)}


def test_a_still_face_stays_as_it_is(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    euler_rad = np.array([0.1, -0.2, 0.3])
    for seq in range(5):
        frame = still(make_frame, seq, euler_rad=euler_rad, quaternion=quaternion_from_euler(euler_rad))
        smooth = smoother.smooth(frame)
        np.testing.assert_allclose(smooth.euler_rad, frame.euler_rad, atol=1e-6)
        assert replace(smooth, euler_rad=frame.euler_rad, quaternion=frame.quaternion) == frame


def test_every_region_is_smoothed_by_its_own_filter(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    smoother.smooth(still(make_frame, 0, alpha_exp=np.zeros(46), **poses(0)))
    target = still(
        make_frame,
        1,
        alpha_exp=np.full(46, 0.01),
        translation_px=[322, 240, 0],
        scale_px_per_cm=12.6,
        landmarks_px=np.arange(136).reshape(68, 2) * 2.5 + 1,
        **poses(0.02),
    )
    smooth = smoother.smooth(target)
    follow = smooth.alpha_exp / target.alpha_exp
    for region, where in COEFFICIENTS.items():
        low, high = (0.4, 0.7) if region == "eyes" else (0.2, 0.4)
        assert (low < follow[list(where)]).all(), region
        assert (follow[list(where)] < high).all(), region
    assert 320 < smooth.translation_px[0] < 321.5
    assert 12.5 < smooth.scale_px_per_cm < 12.59
    assert 0 < smooth.euler_rad[1] < 0.015
    np.testing.assert_allclose(
        matrix_from_euler(smooth.euler_rad.astype(float)), matrix_from_quaternion(smooth.quaternion.tolist()), atol=1e-6
    )
    moved = smooth.landmarks_px - still(make_frame, 0).landmarks_px  # type: ignore[operator]
    assert ((moved > 0.2) & (moved < 0.9)).all()
    assert moved[list(LANDMARKS["eye_landmarks"])].min() > moved[list(LANDMARKS["landmarks"])].max()


def test_a_region_that_is_off_passes_exactly(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother(SmoothingConfig.of("normal,mouth=off,head=off,landmarks=off"))
    mouth = list(COEFFICIENTS["mouth"])
    for seq in range(4):
        frame = make_frame(seq, scale_px_per_cm=12.5 + seq / 3, **poses(0.1 * seq))
        smooth = smoother.smooth(frame)
        np.testing.assert_array_equal(smooth.alpha_exp[mouth], frame.alpha_exp[mouth])
        kept = ("quaternion", "euler_rad", "translation_px", "scale_px_per_cm", "landmarks_px")
        assert all(np.array_equal(getattr(smooth, name), getattr(frame, name)) for name in kept)
        assert seq == 0 or not np.array_equal(smooth.alpha_exp, frame.alpha_exp)
    assert {region for region, lag in smoother.lag_ms().items() if lag == 0} == {"mouth", "head", "landmarks"}


def test_switched_off_passes_everything(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother(SmoothingConfig.of("off"))
    for seq in range(3):
        frame = make_frame(seq)
        assert smoother.smooth(frame) is frame
    assert set(smoother.lag_ms().values()) == {0.0}


def test_a_blink_of_three_frames_keeps_its_depth(make_frame: MakeFrame) -> None:
    for depth in (1.0, 0.5, 0.2):
        smoother, deepest = FaceSmoother(), 0.0
        for seq in range(30):
            alpha_exp = np.full(46, 0.05)
            alpha_exp[:2] = {14: 0.05 + depth / 4, 15: 0.05 + 0.9 * depth, 16: 0.05 + depth / 4}.get(seq, 0.05)
            time_ns = START_NS + round(seq * 1e9 / 30)
            smooth = smoother.smooth(still(make_frame, seq, alpha_exp=alpha_exp, capture_time_ns=time_ns))
            deepest = max(deepest, float(smooth.alpha_exp[0]))
        assert (deepest - 0.05) / (0.9 * depth) > 0.9


def test_a_frame_of_low_confidence_counts_less(make_frame: MakeFrame) -> None:
    reached = []
    for confidence in (1.0, 0.9, 0.7, 0.5, 0.36):
        smoother = FaceSmoother()
        for seq in range(5):
            smoother.smooth(still(make_frame, seq, **poses(0)))
        wrong = still(make_frame, 5, confidence=confidence, alpha_exp=np.ones(46), **poses(0.5))
        smooth = smoother.smooth(wrong)
        reached.append([float(smooth.alpha_exp[2]) - 0.5, float(smooth.euler_rad[1])])
        assert smooth.confidence == wrong.confidence
    steps = np.array(reached)
    assert (np.diff(steps, axis=0) < 0).all()
    assert (steps[0] > [0.4, 0.25]).all()
    assert (steps[3] < [0.05, 0.05]).all()


def test_a_lost_face_stays_where_it_was_and_does_not_drag(make_frame: MakeFrame) -> None:
    lost_for, plain = FaceSmoother(), FaceSmoother()
    for seq in range(5):
        alpha_exp = np.full(46, 0.1 * seq)
        last = lost_for.smooth(still(make_frame, seq, alpha_exp=alpha_exp, **poses(0.1 * seq)))
        plain.smooth(still(make_frame, seq, alpha_exp=alpha_exp, **poses(0.1 * seq)))
    for seq in (5, 6):
        lost = still(make_frame, seq, tracked=False, confidence=0.0, alpha_exp=np.zeros(46), landmarks_px=None)
        held = lost_for.smooth(lost)
        np.testing.assert_array_equal(held.alpha_exp, last.alpha_exp)
        np.testing.assert_array_equal(held.quaternion, last.quaternion)
        assert (held.tracked, held.seq, held.landmarks_px) == (False, seq, None)
    back = still(make_frame, 7, **poses(0.5))
    assert lost_for.smooth(back) == plain.smooth(back)


def test_after_a_long_loss_a_face_is_where_it_is(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    last = smoother.smooth(still(make_frame, 0))
    for seq in range(1, 13):  # 480 ms
        lost = still(make_frame, seq, tracked=False, alpha_exp=np.zeros(46))
        assert smoother.smooth(lost) == replace(last, tracked=False, seq=seq, **times_of(lost))
    back = still(make_frame, 13, alpha_exp=np.ones(46))
    assert smoother.smooth(back).alpha_exp.min() == 1


def times_of(frame: FaceFrame) -> dict[str, int]:
    return {"capture_time_ns": frame.capture_time_ns, "publish_time_ns": frame.publish_time_ns}


def test_a_face_that_was_never_seen_passes(make_frame: MakeFrame) -> None:
    lost = still(make_frame, 0, tracked=False)
    assert FaceSmoother().smooth(lost) is lost


def test_faces_do_not_mix_and_a_gap_starts_anew(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    for seq in range(0, 6, 2):
        smoother.smooth(still(make_frame, seq, face_id=0, alpha_exp=np.zeros(46)))
        other = still(make_frame, seq + 1, face_id=1, alpha_exp=np.ones(46))
        assert smoother.smooth(other).alpha_exp.min() == 1
    after_gap = still(make_frame, 100, face_id=0, alpha_exp=np.ones(46))
    assert smoother.smooth(after_gap).alpha_exp.min() == 1
    clip_begun_anew = still(make_frame, 50, face_id=0, alpha_exp=np.zeros(46))
    assert smoother.smooth(clip_begun_anew).alpha_exp.max() == 0
    goes_on = still(make_frame, 51, face_id=0, alpha_exp=np.ones(46))
    assert 0 < smoother.smooth(goes_on).alpha_exp.max() < 1


def test_time_that_stands_still_or_steps_back_moves_nothing(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    smoother.smooth(still(make_frame, 0))
    last = smoother.smooth(still(make_frame, 1, alpha_exp=np.full(46, 0.6), **poses(0.1)))
    for seq, time_ns in ((2, START_NS + FRAME_NS), (3, START_NS + FRAME_NS // 2), (4, START_NS)):
        late = still(make_frame, seq, capture_time_ns=time_ns, alpha_exp=np.zeros(46))
        smooth = smoother.smooth(late)
        assert smooth == replace(last, seq=seq, **times_of(late))
    assert smoother.smooth(still(make_frame, 5)).alpha_exp.max() < 0.6


def test_irregular_times_stay_between_what_was_seen(make_frame: MakeFrame) -> None:
    rng, smoother, time_ns = np.random.default_rng(3), FaceSmoother(), START_NS
    for seq in range(200):
        time_ns += int(rng.choice([1, 1000, 5_000_000, 33_000_000, 120_000_000, 240_000_000]))
        alpha_exp, yaw_rad = rng.uniform(0.2, 0.4, 46), rng.uniform(-0.3, 0.3)
        changes = {"capture_time_ns": time_ns, "confidence": float(rng.uniform(0, 1))} | poses(yaw_rad)
        frame = still(make_frame, seq, alpha_exp=alpha_exp, **changes)
        smooth = smoother.smooth(frame)
        assert smooth.alpha_exp.min() > 0.2 - 1e-6
        assert smooth.alpha_exp.max() < 0.4 + 1e-6
        assert abs(smooth.euler_rad[1]) < 0.3 + 1e-6


def test_faces_that_are_gone_are_forgotten(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    for seq in range(0, 1000, 10):
        smoother.smooth(still(make_frame, seq, face_id=seq))
    assert len(smoother._faces) == 1
    smoother.reset()
    assert not smoother._faces


def test_landmarks_may_come_and_go(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    smoother.smooth(still(make_frame, 0))
    assert smoother.smooth(still(make_frame, 1, landmarks_px=None)).landmarks_px is None
    again = still(make_frame, 2, landmarks_px=np.zeros((68, 2)))
    np.testing.assert_array_equal(smoother.smooth(again).landmarks_px, again.landmarks_px)


def test_size_of_the_picture_does_not_matter(make_frame: MakeFrame) -> None:
    outputs = []
    for pixels in (1, 4):
        smoother = FaceSmoother()
        for seq in range(6):
            frame = still(
                make_frame,
                seq,
                scale_px_per_cm=pixels * (10 + 0.3 * seq),
                translation_px=[pixels * 20 * seq, 0, 0],
                landmarks_px=np.full((68, 2), pixels * 15 * seq),
            )
            smooth = smoother.smooth(frame)
        seen = [smooth.scale_px_per_cm, smooth.translation_px[0], *smooth.landmarks_px[::40, 0]]
        outputs.append(np.array(seen) / pixels)
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-5)


def test_lag_is_that_of_rest_at_rest_and_less_in_motion(make_frame: MakeFrame) -> None:
    config = SmoothingConfig(jaw=OneEuroConfig(4.0, 1.0))
    smoother = FaceSmoother(config)
    at_rest = dict.fromkeys(("brows", "eyes", "mouth", "head", "landmarks"), 1000 / (2 * np.pi)) | {
        "jaw": 1000 / (8 * np.pi)
    }
    assert smoother.lag_ms() == pytest.approx(at_rest)
    smoother.smooth(still(make_frame, 0))
    assert smoother.lag_ms() == pytest.approx(at_rest)
    for seq in range(1, 5):
        smoother.smooth(still(make_frame, seq, **poses(0.1 * seq)))
    moving = smoother.lag_ms()
    assert moving["head"] < 0.3 * at_rest["head"]
    assert moving["eyes"] == pytest.approx(at_rest["eyes"])
