from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avatar_bridge.config import OneEuroConfig, SmoothingConfig
from avatar_bridge.errors import BridgeError
from avatar_bridge.filters import matrix_from_quaternion
from avatar_bridge.messages import FaceFrame
from avatar_bridge.smoothing import EYELIDS, FaceSmoother
from rdr_core.geometry.rotation import matrix_from_euler, quaternion_from_euler

MakeFrame = Callable[..., FaceFrame]


def still(make_frame: MakeFrame, seq: int, **changes: object) -> FaceFrame:
    """Return the frame of a face that does not move."""
    fixed = {"alpha_exp": np.full(46, 0.5), "translation_px": [320, 240, 0]}
    return make_frame(seq, **(fixed | changes))


def test_a_still_face_stays_as_it_is(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    euler_rad = np.array([0.1, -0.2, 0.3])
    for seq in range(5):
        frame = still(make_frame, seq, euler_rad=euler_rad, quaternion=quaternion_from_euler(euler_rad))
        smooth = smoother.smooth(frame)
        np.testing.assert_allclose(smooth.euler_rad, frame.euler_rad, atol=1e-6)
        assert replace(smooth, euler_rad=frame.euler_rad, quaternion=frame.quaternion) == frame


def test_every_region_is_smoothed_and_eyelids_least(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    smoother.smooth(still(make_frame, 0, alpha_exp=np.zeros(46), quaternion=[1, 0, 0, 0]))
    turned = quaternion_from_euler(np.array([0.0, 0.02, 0.0]))
    target = still(
        make_frame,
        1,
        alpha_exp=np.full(46, 0.01),
        quaternion=turned,
        translation_px=[322, 240, 0],
        scale_px_per_cm=12.6,
        landmarks_px=np.arange(136).reshape(68, 2) * 2.5 + 1,
    )
    smooth = smoother.smooth(target)
    follow = smooth.alpha_exp / target.alpha_exp
    assert 0.2 < follow[~EYELIDS].max() < 0.45
    assert follow[EYELIDS].min() > 0.5
    assert EYELIDS.sum() == 4
    assert 320 < smooth.translation_px[0] < 321.5
    assert 12.5 < smooth.scale_px_per_cm < 12.59
    assert 0 < smooth.euler_rad[1] < 0.015
    np.testing.assert_allclose(
        matrix_from_euler(smooth.euler_rad.astype(float)), matrix_from_quaternion(smooth.quaternion), atol=1e-6
    )
    moved = smooth.landmarks_px - still(make_frame, 0).landmarks_px  # type: ignore[operator]
    assert ((moved > 0.2) & (moved < 0.8)).all()


def test_faces_do_not_mix_and_loss_or_a_gap_starts_anew(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    for seq in range(0, 6, 2):
        smoother.smooth(still(make_frame, seq, face_id=0, alpha_exp=np.zeros(46)))
        other = still(make_frame, seq + 1, face_id=1, alpha_exp=np.ones(46))
        assert smoother.smooth(other).alpha_exp.min() == 1
    lost = still(make_frame, 6, face_id=0, tracked=False)
    assert smoother.smooth(lost) is lost
    back = still(make_frame, 7, face_id=0, alpha_exp=np.ones(46))
    assert smoother.smooth(back).alpha_exp.min() == 1
    after_gap = still(make_frame, 100, face_id=0, alpha_exp=np.zeros(46))
    assert smoother.smooth(after_gap).alpha_exp.max() == 0
    backwards = still(make_frame, 50, face_id=0, alpha_exp=np.ones(46))
    assert smoother.smooth(backwards).alpha_exp.min() == 1


def test_faces_that_are_gone_are_forgotten(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    for seq in range(0, 1000, 10):
        smoother.smooth(still(make_frame, seq, face_id=seq))
    assert len(smoother._faces) == 1


def test_landmarks_may_come_and_go(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    smoother.smooth(still(make_frame, 0))
    assert smoother.smooth(still(make_frame, 1, landmarks_px=None)).landmarks_px is None
    again = still(make_frame, 2, landmarks_px=np.zeros((68, 2)))
    np.testing.assert_array_equal(smoother.smooth(again).landmarks_px, again.landmarks_px)


def test_switched_off_passes_everything(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother(SmoothingConfig(enabled=False))
    for seq in range(3):
        frame = make_frame(seq)
        assert smoother.smooth(frame) is frame
    assert set(smoother.lag_ms().values()) == {0.0}


def test_lag_is_that_of_rest_at_rest_and_less_in_motion(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    assert smoother.lag_ms() == SmoothingConfig().rest_lag_ms()
    smoother.smooth(still(make_frame, 0))
    assert smoother.lag_ms() == pytest.approx(SmoothingConfig().rest_lag_ms())
    for seq in range(1, 5):
        smoother.smooth(still(make_frame, seq, translation_px=[320 + 40 * seq, 240, 0]))
    moving = smoother.lag_ms()
    assert moving["translation"] < SmoothingConfig().rest_lag_ms()["translation"]
    assert moving["eyelids"] == pytest.approx(1000 / (2 * np.pi * SmoothingConfig().eyelids.min_cutoff_hz))
    assert max(SmoothingConfig().rest_lag_ms().values()) < 160


def test_impossible_options_are_refused() -> None:
    with pytest.raises(BridgeError, match="max_gap_ms"):
        SmoothingConfig(max_gap_ms=0)
    assert SmoothingConfig(eyelids=OneEuroConfig(9.0)).rest_lag_ms()["eyelids"] == pytest.approx(17.68, abs=0.01)
