"""A face that is refined while it is tracked: nearer to the truth, never by a jump, at a bounded cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import CalibrationError, UserModelError
from calibration.observation import Observation
from calibration.online import OnlineConfig, OnlineIdentity
from calibration.ranges import Ranges
from calibration.user_model import UserModel
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel


@pytest.fixture
def stranger(model: DynamicExpressionModel, anna: UserModel) -> UserModel:
    """Return a user of whom only the mean face is known."""
    return UserModel.of_identity("ben", model, model.identity_mean, Ranges.whole(), anna.quality)


def turning(person: object, count: int) -> list[Observation]:
    return [
        person.seen(5 * k, (8 * np.sin(k / 7), 30 * np.sin(k / 11), 0), JawOpen=0.4 * (k % 9 > 6))  # type: ignore[attr-defined]
        for k in range(count)
    ]


def test_it_comes_nearer_without_a_jump(stranger: UserModel, somebody: Callable, model: DynamicExpressionModel) -> None:
    person, online = somebody(3), OnlineIdentity(stranger, model)
    steps, before = [], stranger.alpha_id
    for frame in turning(person, 900):
        changed = online.add(frame)
        assert changed or online.user.alpha_id is before
        steps.append(float(np.sqrt(np.mean(((online.user.alpha_id - before) / model.identity_std) ** 2))))
        before = online.user.alpha_id
    assert online.steps > 30
    assert max(steps) <= OnlineConfig().most_step * 1.001
    assert sum(step > 0 for step in steps) <= 900 / 25
    assert person.error_mm(online.user.alpha_id) < 0.8 * person.error_mm(model.identity_mean)


def test_frames_of_nonsense_do_no_harm(stranger: UserModel, model: DynamicExpressionModel) -> None:
    online, rng = OnlineIdentity(stranger, model), np.random.default_rng(0)
    for k in range(200):
        points = rng.normal(300, 60, (68, 2)).astype(np.float32)
        online.add(Observation(k * 200_000_000, points, np.zeros(3), np.zeros(46, np.float32), 0.9, 1.0))
    away = (online.user.alpha_id - model.identity_mean) / model.identity_std
    assert np.isfinite(away).all()
    assert np.sqrt(np.mean(away**2)) < 1


def test_what_is_saved_is_what_was_in_use(
    stranger: UserModel, somebody: Callable, model: DynamicExpressionModel
) -> None:
    online = OnlineIdentity(stranger, model)
    for frame in turning(somebody(3), 100):
        online.add(frame)
    whole = online.whole()
    np.testing.assert_array_equal(whole.alpha_id, online.user.alpha_id)
    np.testing.assert_allclose(whole.subset_neutral, online.user.subset_neutral, atol=1e-5)
    np.testing.assert_allclose(whole.mesh_neutral[model.topology.subset], whole.subset_neutral, atol=1e-3)


def test_the_report_is_of_the_face_in_use(
    stranger: UserModel, somebody: Callable, model: DynamicExpressionModel
) -> None:
    known = replace(stranger.with_skin(np.zeros((8, 8, 3), np.uint8)), iris_rgb=(90, 60, 40))
    online = OnlineIdentity(known, model)
    assert online.whole().quality == stranger.quality, "nothing was learned yet"
    for frame in turning(somebody(3), 600):
        online.add(frame)
    whole = online.whole()
    assert whole.quality.frames == stranger.quality.frames + OnlineConfig().frames
    assert whole.quality.error_percent < whole.quality.held_out_error_percent, "it came nearer than the calibration was"
    assert whole.quality.distance_from_mean != stranger.quality.distance_from_mean
    assert (whole.skin_jpeg, whole.iris_rgb) == (known.skin_jpeg, known.iris_rgb)


def test_a_frame_costs_little(stranger: UserModel, somebody: Callable, model: DynamicExpressionModel) -> None:
    online = OnlineIdentity(stranger, model)
    costs = []
    for frame in turning(somebody(3), 200):
        began = time.process_time()
        online.add(frame)
        costs.append(time.process_time() - began)
    assert np.median(costs) < 0.03
    assert max(costs) < 0.5, "even on a busy machine"


def test_wrong_settings_and_users_are_refused(stranger: UserModel, model: DynamicExpressionModel) -> None:
    with pytest.raises(CalibrationError, match="online needs"):
        OnlineConfig(most_step=0)
    with pytest.raises(UserModelError, match="another face model"):
        OnlineIdentity(replace(stranger, face_model="0" * 16), model)
