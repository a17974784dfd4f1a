"""Spread of identities that were drawn from known distributions."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.errors import DataError
from rdr_core.evaluation.identity_spread import distance_mm, identity_spread, vertex_metric
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.types import Float32

STD = np.linspace(0.5, 2.0, 10)
METRIC = np.eye(10)


def drawn(within: float, between: float, people: int = 40, frames: int = 200) -> dict[str, Float32]:
    """People's means and frames about them, in units of STD."""
    rng = np.random.default_rng(0)
    means = rng.normal(0, between, (people, 10)) * STD
    return {f"person {k}": mean + rng.normal(0, within, (frames, 10)) * STD for k, mean in enumerate(means)}


def test_drawn_numbers() -> None:
    spread = identity_spread(drawn(0.3, 1.0), STD, METRIC)
    assert np.allclose(spread.within_std, 0.3, rtol=0.05)
    assert np.allclose(spread.between_std, 1.0, rtol=0.4)
    assert np.sqrt((spread.between_std**2).mean()) == pytest.approx(1.0, rel=0.06)
    length = np.sqrt((STD**2).sum())
    assert spread.within_mm == pytest.approx(0.3 * length, rel=0.02)
    assert spread.between_mm == pytest.approx(np.sqrt(2) * length, rel=0.1)  # of two draws
    assert spread.std_ratio == pytest.approx(0.3, rel=0.07)
    assert spread.mm_ratio == pytest.approx(0.3 / np.sqrt(2), rel=0.12)
    assert spread.recognised_percent > 99
    for one in spread.people.values():
        assert one.frames == 200
        assert one.within_mm < one.within_p95_mm < 2 * one.within_mm
        assert 0 < one.nearest_mm < spread.between_mm


def test_people_who_are_not_to_be_told_apart() -> None:
    spread = identity_spread(drawn(1.0, 0.0, people=4), STD, METRIC)
    assert spread.recognised_percent == pytest.approx(25, abs=8)
    assert spread.mm_ratio > 3


def test_recognition_uses_other_frames_than_the_means() -> None:
    """Two who change places in the second half are never recognised, though each frame is near its own mean."""
    one, other = np.zeros((20, 10)), np.ones((20, 10))
    one[10:], other[10:] = 1, 0
    assert identity_spread({"a": one, "b": other}, STD, METRIC).recognised_percent == 0


def test_one_person() -> None:
    spread = identity_spread(drawn(0.3, 1.0, people=1), STD, METRIC)
    assert spread.within_mm > 0
    unknown = (spread.between_mm, spread.recognised_percent, spread.mm_ratio, spread.std_ratio)
    assert np.isnan(unknown).all()
    assert np.isnan(spread.people["person 0"].nearest_mm)


@pytest.mark.parametrize("frames", [np.zeros((1, 10)), np.full((3, 10), np.nan)], ids=["one frame", "NaN"])
def test_unusable_frames(frames: Float32) -> None:
    with pytest.raises(DataError, match="a: the spread of identity needs 2 frames or more"):
        identity_spread({"a": frames}, STD, METRIC)


def test_metric_is_the_distance_of_vertices() -> None:
    model, rng = default_face_model(), np.random.default_rng(1)
    metric = vertex_metric(model)
    one, other = (model.identity_mean + rng.normal(0, 1, 50).astype(np.float32) * model.identity_std for _ in range(2))
    vertices = 10 * (model.face(one) - model.face(other))  # cm -> mm
    expected = np.sqrt((vertices**2).sum(axis=1).mean())
    assert distance_mm(one - other, metric) == pytest.approx(expected, rel=1e-4)
    assert distance_mm(np.zeros((3, 50)), metric).tolist() == [0, 0, 0]
