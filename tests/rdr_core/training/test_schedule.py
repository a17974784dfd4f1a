"""Warm-up, then half a cosine or on at the peak; refinement that grows."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.training.config import TrainConfig
from rdr_core.training.schedule import learning_rate, refinements


def test_cosine() -> None:
    config = TrainConfig(steps=1000, warmup=100, peak_lr=0.2)
    rates = np.array([learning_rate(config, step) for step in range(1000)])
    assert rates[0] == pytest.approx(0.2 / 100)
    assert rates[99] == rates[100] == pytest.approx(0.2)
    assert (np.diff(rates[:100]) > 0).all()
    assert (np.diff(rates[100:]) <= 0).all()
    assert rates[550] == pytest.approx(0.1, rel=0.01)
    assert rates[-1] == pytest.approx(0.2 * 0.001, rel=0.05)


def test_constant() -> None:
    config = TrainConfig(steps=1000, warmup=10, peak_lr=0.2, schedule="constant")
    assert learning_rate(config, 4) == pytest.approx(0.1)
    assert {learning_rate(config, step) for step in range(9, 1000)} == {0.2}


def test_beyond_the_end_and_all_warm_up() -> None:
    assert learning_rate(TrainConfig(steps=1000, warmup=10, peak_lr=1.0), 5000) == pytest.approx(0.001)
    assert learning_rate(TrainConfig(steps=5, warmup=10, peak_lr=1.0), 10) > 0


def test_refinement_grows() -> None:
    grows = TrainConfig(curriculum=100)
    assert [refinements(grows, step, 5) for step in (0, 24, 25, 50, 75, 99, 100, 1000)] == [1, 1, 2, 3, 4, 4, 5, 5]
    assert refinements(TrainConfig(), 0, 5) == 5
