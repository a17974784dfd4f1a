from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from blender_addon.core.calibration import Calibration, FaceSampler
from blender_addon.core.errors import AddonError, MappingError
from blender_addon.core.head_pose import HeadConfig, HeadRest, quaternions_from_euler
from blender_addon.core.mapping import Entry, ShapeMapping
from blender_addon.core.mapping_file import load_preset
from blender_addon.core.performance import PerformanceConfig, Performer, mirrored, perform
from blender_addon.core.presence import Presence, PresenceConfig
from blender_addon.core.resample import SceneTime
from blender_addon.core.shapes import MIRROR, SHAPE_NAMES
from blender_addon.core.smoothing_config import SmoothingConfig
from blender_addon.core.track import track_of

from .conftest import FRAME_NS, START_NS, frame_of

FW = load_preset("facewarehouse")


def shapes(**values: float) -> list[float]:
    found = [0.0] * 46
    for name, value in values.items():
        found[SHAPE_NAMES.index(name)] = value
    return found


def test_a_plain_character_does_what_comes() -> None:
    performer = Performer(PerformanceConfig(FW))
    assert performer.act(0.0) is None
    frame = frame_of(3)
    performer.take(frame)
    action = performer.act(0.0)
    assert action is not None
    np.testing.assert_array_equal(action.values, frame.alpha_exp)
    assert action.head.quaternion == (1, 0, 0, 0)


def test_a_mirror_swaps_sides_and_turns() -> None:
    turn = quaternions_from_euler(np.array([0.1, 0.2, 0.3])).tolist()
    frame = frame_of(0, alpha_exp=shapes(MouthSmile_L=0.5, JawLeft=0.25), quaternion=turn)
    other = mirrored(frame)
    assert other.alpha_exp.tolist() == shapes(MouthSmile_R=0.5, JawRight=0.25)
    back = quaternions_from_euler(np.array([0.1, -0.2, -0.3]))
    np.testing.assert_allclose(other.quaternion, back, atol=1e-6)
    np.testing.assert_allclose(mirrored(other).quaternion, frame.quaternion)
    assert [MIRROR[i] for i in MIRROR] == list(range(46))


def test_mirrored_heads_are_measured_from_the_mirrored_rest() -> None:
    rest = HeadRest(tuple(quaternions_from_euler(np.array([0.1, 0.4, 0.0])).tolist()), (3.0, 1.0), 12.5)
    at_rest = frame_of(0, quaternion=list(rest.quaternion), translation_px=[357.5, 227.5, 0.0])
    performer = Performer(PerformanceConfig(FW, rest=rest, mirror=True))
    performer.take(at_rest)
    action = performer.act(0.0)
    assert action is not None
    np.testing.assert_allclose(action.head.quaternion, [1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(action.head.location_cm, 0, atol=1e-5)


def test_without_a_calibrated_rest_the_first_head_stands_still() -> None:
    performer = Performer(PerformanceConfig(FW, head=HeadConfig(scale_gain=1)))
    for seq in range(2):
        performer.take(frame_of(seq, translation_px=[400.0 + 25 * seq, 100.0, 0.0], scale_px_per_cm=12.5))
    action = performer.act(0.0)
    assert action is not None
    np.testing.assert_allclose(action.head.location_cm, [2, 0, 0], atol=1e-6)


def test_a_lost_face_eases_to_rest_and_comes_back() -> None:
    config = PerformanceConfig(FW, presence=PresenceConfig(patience_s=0.5, ease_s=1.0, return_s=0.5))
    performer = Performer(config)
    performer.take(frame_of(0, alpha_exp=shapes(JawOpen=0.8)))
    jaw = SHAPE_NAMES.index("JawOpen")

    def opened(time_s: float, tracked: bool | None = None) -> float:
        action = performer.act(time_s, tracked)
        assert action is not None
        return float(action.values[jaw])

    assert opened(10.0) == pytest.approx(0.8)
    performer.take(frame_of(1, alpha_exp=shapes(JawOpen=0.8), tracked=False))
    assert opened(10.4) == pytest.approx(0.8)
    assert opened(11.0) == pytest.approx(0.8 * 0.352, rel=0.01)
    assert performer.restless
    assert opened(12.0) == 0
    assert not performer.restless
    performer.take(frame_of(2, alpha_exp=shapes(JawOpen=0.8)))
    assert 0 < opened(12.2) < 0.8
    assert opened(13.0) == pytest.approx(0.8)
    assert opened(14.0, tracked=False) < 0.8  # no frames come at all


def test_holding() -> None:
    presence = Presence(PresenceConfig(when_lost="HOLD"))
    assert [presence.at(time_s, time_s < 1) for time_s in (0, 0.5, 2, 100)] == [1, 1, 1, 1]
    with pytest.raises(AddonError, match="HOLD or EASE"):
        PresenceConfig(when_lost="LEAVE")  # type: ignore[arg-type]
    with pytest.raises(AddonError, match="ease_s"):
        PresenceConfig(ease_s=math.nan)


def test_a_calibrated_lid_still_closes() -> None:
    rest = np.array(shapes(EyeClose_L=0.3, MouthSmile_L=0.2), np.float32)
    full = np.array(shapes(EyeClose_L=0.9), np.float32)
    calibration = Calibration.of(rest.tolist(), full.tolist())
    lid, smile = SHAPE_NAMES.index("EyeClose_L"), SHAPE_NAMES.index("MouthSmile_L")
    assert calibration.apply(rest).max() == 0
    shut = calibration.apply(np.array(shapes(EyeClose_L=0.9, MouthSmile_L=1.0), np.float32))
    assert shut[lid] == pytest.approx(1)
    assert shut[smile] == pytest.approx(1)  # never tried: its range is left as it is


def test_stored_numbers_that_cannot_be_are_put_right() -> None:
    calibration = Calibration.of([math.nan] + [9.0] * 45, [math.nan] * 20 + [0.0] * 26)
    assert np.isfinite(calibration.apply(np.ones(46, np.float32))).all()
    assert calibration.rest.max() <= 0.6 + 1e-6


def test_looking_at_a_face_at_rest() -> None:
    sampler = FaceSampler(1.0)
    enough = []
    for seq in range(40):
        blink = 0.9 if seq in (7, 8, 9) else 0.25
        frame = frame_of(seq, alpha_exp=shapes(EyeClose_L=blink, JawOpen=0.02), tracked=seq != 3)
        enough.append(sampler.look(frame))
    assert enough.index(True) == 25
    lid = SHAPE_NAMES.index("EyeClose_L")
    assert sampler.rest()[lid] == pytest.approx(0.25)
    assert sampler.full()[lid] == pytest.approx(0.9)
    assert sampler.middle_frame().tracked


def test_a_track_is_performed_as_it_was_live() -> None:
    smoothing = SmoothingConfig(mouth="strong", eyes="normal", head="light")
    config = PerformanceConfig(load_preset("arkit"), smoothing=smoothing, mirror=True)
    turns = [quaternions_from_euler(np.array([0, 0.01 * seq, 0.2])).tolist() for seq in range(80)]
    frames = [frame_of(seq, tracked=not 20 < seq < 50, quaternion=turns[seq]) for seq in range(80)]
    done = perform(track_of(frames), config, SceneTime(Fraction(25), START_NS, 1))
    assert list(done.frames) == list(range(1, 81))
    assert done.tracked.tolist() == [frame.tracked for frame in frames]
    performer = Performer(config)
    for seq, frame in enumerate(frames):
        performer.take(frame)
        live = performer.act((START_NS + seq * FRAME_NS) / 1e9)
        assert live is not None
        np.testing.assert_allclose(done.values[seq], live.values, atol=1e-5)
        np.testing.assert_allclose(done.head_quaternion[seq], live.head.quaternion, atol=1e-5)


def test_a_stored_calibration_comes_back_and_garbage_is_none() -> None:
    calibration = Calibration.of(np.linspace(0, 0.5, 46).tolist(), np.linspace(1, 0.8, 46).tolist())
    again = Calibration.from_text(calibration.to_text())
    np.testing.assert_allclose(again.rest, calibration.rest, atol=1e-4)
    np.testing.assert_allclose(again.full, calibration.full, atol=1e-4)
    for garbage in ("", "{", "[]", "5", '{"rest": "x"}', '{"rest": [1, 2]}', "[" * 100_000):
        assert Calibration.from_text(garbage).rest.max() == 0


def test_a_mapping_of_foreign_sources_is_refused() -> None:
    with pytest.raises(MappingError, match="eyeBlinkLeft"):
        Performer(PerformanceConfig(ShapeMapping.of_entries([Entry("eyeBlinkLeft", "x")])))
    assert replace(PerformanceConfig(FW), mirror=True).mirror
