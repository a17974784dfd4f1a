"""The guided session without a screen: held, not held, asked again, left out; fed by what a video shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from calibration.calibrate import calibrate, session_ranges
from calibration.errors import CalibrationError, SessionError
from calibration.observation import Observation
from calibration.poses import NEUTRAL, NEUTRAL_PROMPT, POSES
from calibration.session import CalibrationSession, SessionConfig, Step
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel

TURNS = {"left": (0, 32, 0), "right": (0, -32, 0), "up": (16, 0, 0), "down": (-16, 0, 0)}


def feed(session: CalibrationSession, frames: Iterable[Observation]) -> list[Step]:
    return [session.add(frame) for frame in frames]


def at_rest(person: object, start: int, count: int) -> list[Observation]:
    return [person.seen(start + k) for k in range(count)]  # type: ignore[attr-defined]


def pose_frames(person: object, key: str, start: int, count: int, strength: float = 0.9) -> list[Observation]:
    pose = next(pose for pose in POSES if pose.key == key)
    shapes = dict.fromkeys(pose.shapes, strength)
    turn = TURNS.get(key, (0, 0, 0))
    return [person.seen(start + k, turn, **shapes) for k in range(count)]  # type: ignore[attr-defined]


def test_everything_shown_in_order(somebody: Callable, model: DynamicExpressionModel) -> None:
    person, session = somebody(1), CalibrationSession()
    steps = feed(session, at_rest(person, 0, 30))
    assert steps[0].prompt == NEUTRAL_PROMPT
    assert session.shown == [NEUTRAL]
    start = 40
    for pose in POSES:
        assert not session.done
        steps = feed(session, pose_frames(person, pose.key, start, 22))
        assert any(step.notice == f"{pose.key}: got it" for step in steps)
        progress = [step.progress for step in steps[:8]]
        assert progress == sorted(progress)
        assert progress[-1] > 0.3
        start += 40
    assert session.done
    assert steps[-1].done
    assert session.missed == []
    user = calibrate("anna", model, session, camera="weak")
    assert set(user.quality.shown) == {NEUTRAL, *(pose.key for pose in POSES)}
    assert user.ranges.full[BLENDSHAPE_NAMES.index("JawOpen")] == pytest.approx(1 - 0.75 * 0.1, abs=0.01)
    assert person.error_mm(user.alpha_id) < 0.75 * person.error_mm(model.identity_mean)


def test_a_face_that_moves_is_not_at_rest(somebody: Callable) -> None:
    person, session = somebody(1), CalibrationSession()
    frames = [person.seen(k, MouthSmile_L=0.5 * (k % 8) / 8, MouthSmile_R=0.5 * (k % 8) / 8) for k in range(60)]
    assert not any("got it" in step.notice for step in feed(session, frames))
    feed(session, at_rest(person, 70, 30))
    assert NEUTRAL in session.shown


def test_a_pose_that_is_let_go_is_not_held(somebody: Callable) -> None:
    person, session = somebody(1), CalibrationSession()
    feed(session, at_rest(person, 0, 30))
    for start in range(40, 200, 20):  # 0.3 s of a smile, then 0.4 s without, again and again
        feed(session, pose_frames(person, "smile", start, 8))
        feed(session, at_rest(person, start + 8, 10))
    assert "smile" not in session.shown
    feed(session, pose_frames(person, "smile", 300, 20))
    assert "smile" in session.shown


def test_a_weak_pose_is_none(somebody: Callable) -> None:
    person, session = somebody(1), CalibrationSession()
    feed(session, at_rest(person, 0, 30))
    feed(session, pose_frames(person, "pucker", 40, 40, strength=0.1))
    assert "pucker" not in session.shown


def test_it_asks_again_and_then_goes_on(somebody: Callable) -> None:
    person, session = somebody(1), CalibrationSession(SessionConfig(patience_s=1.0, attempts=2))
    feed(session, at_rest(person, 0, 30))
    steps = feed(session, at_rest(person, 30, 70))
    notices = [step.notice for step in steps if step.notice]
    assert notices[:2] == ["smile: not held, once more", "smile: left out"]
    assert steps[-1].prompt == POSES[1].prompt
    assert session.missed[0] == "smile"


def test_what_was_left_out_counts_when_it_comes_late(somebody: Callable) -> None:
    person, session = somebody(1), CalibrationSession(SessionConfig(patience_s=1.0, attempts=1))
    feed(session, at_rest(person, 0, 60))
    assert session.missed == ["smile"]
    feed(session, pose_frames(person, "smile", 70, 20))
    assert "smile" not in session.missed
    assert "smile" in session.shown


def test_unsure_frames_are_not_looked_at(somebody: Callable) -> None:
    person, session = somebody(1), CalibrationSession()
    feed(session, [person.seen(k, confidence=0.2) for k in range(60)])
    assert session.shown == []
    with pytest.raises(SessionError, match="got 0"):
        session.finish()


def test_too_short_a_video_is_refused(somebody: Callable) -> None:
    session = CalibrationSession()
    feed(session, at_rest(somebody(1), 0, 4))
    with pytest.raises(SessionError, match="needs 5 good frames"):
        session.finish()


def test_a_video_of_somebody_who_only_talks(somebody: Callable, model: DynamicExpressionModel) -> None:
    """Nobody follows prompts there; the calmest frames are rest, and a model comes of it."""
    person, session = somebody(2), CalibrationSession()
    rng = np.random.default_rng(0)
    feed(session, [person.seen(k, (0, 10 * np.sin(k / 9), 0), JawOpen=float(rng.uniform(0, 0.6))) for k in range(100)])
    user = calibrate("ben", model, session, camera="weak")
    assert "smile" in user.quality.missed
    assert any("turn" in advice for advice in user.quality.advice)
    assert user.ranges.rest[BLENDSHAPE_NAMES.index("JawOpen")] < 0.2


def test_rest_is_taken_out_but_lids_are_open(somebody: Callable) -> None:
    person, session = somebody(1), CalibrationSession()
    frames = [
        person.seen(k, BrowInnerUp=0.2, EyeClose_L=0.9 * (k % 10 > 6), EyeClose_R=0.9 * (k % 10 > 6)) for k in range(40)
    ]
    feed(session, frames)
    ranges = session_ranges(session)
    assert ranges.rest[BLENDSHAPE_NAMES.index("BrowInnerUp")] == pytest.approx(0.2, abs=0.01)
    assert ranges.rest[BLENDSHAPE_NAMES.index("EyeClose_L")] < 0.05


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"patience_s": 0}, {"still": -1}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(CalibrationError, match="a session needs"):
        SessionConfig(**wrong)  # type: ignore[arg-type]
