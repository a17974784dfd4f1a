"""Cumulative curves: what is drawn, and that a picture comes of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rdr_core.errors import ConfigError
from rdr_core.evaluation import curves
from rdr_core.evaluation.curves import LIMIT, curve, legend, write_curves
from rdr_core.evaluation.nme import area_under_curve

ERRORS = np.array([0.01, 0.025, 0.05, 1.0])


def test_stairs_of_a_curve() -> None:
    x, y = curve(ERRORS)
    np.testing.assert_allclose(x, [0, 0.01, 0.01, 0.025, 0.025, 0.05, 0.05, LIMIT])
    np.testing.assert_allclose(y, [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75])


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 0.3)))
def test_area_of_the_drawing_is_that_of_the_legend(errors: np.ndarray) -> None:
    x, y = curve(errors)
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) >= 0).all()
    assert np.trapezoid(y, x) / LIMIT == pytest.approx(area_under_curve(errors, LIMIT), abs=1e-9)


def test_legend() -> None:
    assert legend("S", ERRORS) == "S: 27.12 %, AUC@8 48.4, FR@8 25.0 %"


def test_better_curves_lie_higher_and_both_are_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "curve.png"
    write_curves(path, "Faces (inter-ocular)", {"better": ERRORS / 4, "worse": ERRORS})
    assert [p.name for p in path.parent.iterdir()] == ["curve.png"]
    picture = cv2.imread(str(path))
    assert picture is not None
    top = {}
    for name, color in (("better", (0xA8, 0x6C, 0x1B)), ("worse", (0x5B, 0x49, 0xD1))):  # BGR of the first two colours
        drawn = np.abs(picture.astype(int) - color).sum(axis=2) < 40
        top[name] = np.where(drawn.any(axis=0), drawn.argmax(axis=0), -1)
    both = (top["better"] >= 0) & (top["worse"] >= 0)
    assert both.sum() > 300
    assert (top["better"][both] <= top["worse"][both] + 2).all()
    assert (top["worse"] - top["better"])[both].mean() > 50


def test_any_number_of_curves(tmp_path: Path) -> None:
    write_curves(tmp_path / "a.png", "Faces", {f"curve {k}": ERRORS * (k + 1) for k in range(11)})
    write_curves(tmp_path / "b.png", "Faces (box)", {"all fail": np.ones(3)})


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "can_draw", lambda: False)
    with pytest.raises(ConfigError, match="install the extra `train`"):
        write_curves(tmp_path / "a.png", "Faces", {"all": ERRORS})
    assert not list(tmp_path.iterdir())
