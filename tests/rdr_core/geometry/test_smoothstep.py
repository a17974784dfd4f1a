"""A smooth way from 0 to 1, and back."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.geometry.smoothstep import smoothstep


def test_smoothstep_runs_from_0_to_1() -> None:
    values = smoothstep(1.0, 3.0, np.linspace(0, 4, 41))
    assert values[0] == values[10] == 0
    assert values[20] == pytest.approx(0.5)
    assert values[30] == values[-1] == 1
    assert (np.diff(values) >= 0).all()


def test_it_runs_down_where_the_ends_are_exchanged() -> None:
    values = np.linspace(-1, 4, 26)
    np.testing.assert_allclose(smoothstep(3.0, 0.0, values), 1 - smoothstep(0.0, 3.0, values), atol=1e-6)
