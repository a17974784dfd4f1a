"""Warm-up, then half a cosine."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.training.schedule import learning_rate


def test_schedule() -> None:
    rates = np.array([learning_rate(0.2, step, total=1000, warmup=100) for step in range(1000)])
    assert rates[0] == pytest.approx(0.2 / 100)
    assert rates[99] == rates[100] == pytest.approx(0.2)
    assert (np.diff(rates[:100]) > 0).all()
    assert (np.diff(rates[100:]) <= 0).all()
    assert rates[550] == pytest.approx(0.1, rel=0.01)
    assert rates[-1] == pytest.approx(0.2 * 0.001, rel=0.05)


def test_beyond_the_end_and_all_warm_up() -> None:
    assert learning_rate(1.0, 5000, total=1000, warmup=10) == pytest.approx(0.001)
    assert learning_rate(1.0, 10, total=5, warmup=10) > 0
