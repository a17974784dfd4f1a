"""Pictures beside each other."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_bridge.preview.compose import fit_into, side_by_side


@pytest.mark.parametrize(("width", "height"), [(100, 50), (50, 100), (333, 77)])
def test_fit_into_keeps_the_aspect(width: int, height: int) -> None:
    picture = np.full((height, width, 3), 200, np.uint8)
    fitted = fit_into(picture, 120, 120)
    assert fitted.shape == (120, 120, 3)
    lit = (fitted > 100).all(axis=2)
    drawn_height, drawn_width = lit.any(axis=1).sum(), lit.any(axis=0).sum()
    assert max(drawn_width, drawn_height) == 120
    assert drawn_width / drawn_height == pytest.approx(width / height, rel=0.03)
    rows = np.flatnonzero(lit.any(axis=1))
    assert abs(rows[0] - (119 - rows[-1])) <= 1, "centred"


def test_side_by_side_in_order_with_labels() -> None:
    left, right = np.full((90, 160, 3), (0, 0, 90), np.uint8), np.full((50, 50, 3), (90, 0, 0), np.uint8)
    both = side_by_side([left, right], ["camera", "avatar"], 200, 100)
    assert both.shape == (100, 400, 3)
    assert both[60, 100].tolist() == [0, 0, 90]
    assert both[60, 300].tolist() == [90, 0, 0]
    for cell in (both[:, :200], both[:, 200:]):
        assert (cell[:30] > 240).all(axis=2).any(), "a white label"
    with pytest.raises(ValueError):
        side_by_side([left, right], ["only one"])
