from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from blender_addon.core.errors import AddonError
from blender_addon.core.protocol import FaceFrame
from blender_addon.core.shapes import REGIONS
from blender_addon.core.smoothing import FaceSmoother
from blender_addon.core.smoothing_config import DEFAULTS, SMOOTHED_REGIONS, SmoothingConfig

MakeFrame = Callable[..., FaceFrame]
ALL_NORMAL = SmoothingConfig(**dict.fromkeys(SMOOTHED_REGIONS, "normal"))


def noisy(make_frame: MakeFrame, seq: int, **changes: object) -> FaceFrame:
    chance = np.random.default_rng(seq)
    shapes = np.clip(0.4 + chance.normal(0, 0.02, 46), 0, 1)
    place = [320 + chance.normal(0, 1), 240 + chance.normal(0, 1), 0]
    return make_frame(seq, **({"alpha_exp": shapes.tolist(), "translation_px": place, "confidence": 1.0} | changes))


def test_off_passes_frames_as_they_are(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother()
    frames = [noisy(make_frame, seq) for seq in range(5)]
    assert [smoother.smooth(frame) for frame in frames] == frames
    assert set(smoother.lag_ms().values()) == {0.0}


def test_noise_gets_less_in_the_regions_that_are_on(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother(SmoothingConfig(mouth="strong", head="normal"))
    frames = [noisy(make_frame, seq) for seq in range(100)]
    smooth = [smoother.smooth(frame) for frame in frames]
    before, after = (np.stack([f.alpha_exp for f in found[20:]]).std(axis=0) for found in (frames, smooth))
    mouth, eyes = list(REGIONS["mouth"]), list(REGIONS["eyes"])
    assert after[mouth].mean() < 0.5 * before[mouth].mean()
    np.testing.assert_array_equal(after[eyes], before[eyes])
    moves, still = (np.stack([f.translation_px for f in found[20:]])[:, 0].std() for found in (frames, smooth))
    assert still < 0.6 * moves
    lags = smoother.lag_ms()
    assert lags["mouth"] > lags["head"] > 0 == lags["eyes"]


def test_a_lost_face_stays_and_leaves_no_trace(make_frame: MakeFrame) -> None:
    smoother, plain = FaceSmoother(ALL_NORMAL), FaceSmoother(ALL_NORMAL)
    for seq in range(4):
        last = smoother.smooth(noisy(make_frame, seq))
        plain.smooth(noisy(make_frame, seq))
    lost = smoother.smooth(noisy(make_frame, 4, tracked=False))
    assert not lost.tracked
    np.testing.assert_array_equal(lost.alpha_exp, last.alpha_exp)
    back = noisy(make_frame, 5)
    np.testing.assert_array_equal(smoother.smooth(back).alpha_exp, plain.smooth(back).alpha_exp)


def test_a_gap_another_face_or_another_session_start_anew(make_frame: MakeFrame) -> None:
    smoother = FaceSmoother(ALL_NORMAL)
    smoother.smooth(make_frame(0))
    for seq, changes in ((50, {}), (51, {"face_id": 7}), (52, {"session": "other"})):
        frame = make_frame(seq, **changes)
        np.testing.assert_array_equal(smoother.smooth(frame).alpha_exp, frame.alpha_exp)


def test_uncertain_frames_count_less(make_frame: MakeFrame) -> None:
    moved = []
    for confidence in (1.0, 0.5):
        smoother = FaceSmoother(ALL_NORMAL)
        smoother.smooth(make_frame(0, alpha_exp=[0.0] * 46))
        moved.append(smoother.smooth(make_frame(1, alpha_exp=[0.5] * 46, confidence=confidence)).alpha_exp)
    assert (moved[1] < 0.2 * moved[0]).all()


def test_levels_are_checked() -> None:
    with pytest.raises(AddonError, match="off, light, normal, strong"):
        SmoothingConfig(eyes="much")
    assert SmoothingConfig(eyes="light").filter_of("eyes") == DEFAULTS["eyes"].times(2)
    assert SmoothingConfig.of(dict.fromkeys(SMOOTHED_REGIONS, "normal")) == ALL_NORMAL
