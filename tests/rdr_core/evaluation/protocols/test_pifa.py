"""AFLW-PIFA: what the points are is found on training faces; visible ones count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.evaluation.point_schemes import CANDIDATES, to_scheme
from rdr_core.evaluation.protocols.pifa import evaluate_pifa
from rdr_core.evaluation.tables import markdown
from rdr_core.inference.images import ImageResult

GROUPS = tuple(CANDIDATES[k] for k in [*range(66, 0, -2), 68])
"""34 of them, in an order that nobody would guess."""
SIZE = np.sqrt(120.0 * 150)


def write(folder: Path, place: Any, picture: Any, training: int = 8, test: int = 2, wrong: int | None = None) -> None:
    """Turned faces; a third of the points of each is hidden and lies nowhere near."""
    rows = []
    for number in range(training + test):
        points = to_scheme(place(euler(number))[:, :2], GROUPS)
        visible = (np.arange(34) + number) % 3 > 0
        points[~visible] = 400 + number
        if wrong is not None:
            points[wrong] += 90
        name = f"TrainImages/{number + 1}.jpg" if number < training else f"TestImages/{number - training + 1}.jpg"
        picture(folder / name)
        rows.append(np.concatenate([(points + 0.5).T.ravel(), visible]))
    boxes = np.tile([30.0, 20, 120, 150], (len(rows), 1))
    savemat(folder / "Landmark.mat", {"phisTr": rows[:training], "phisT": rows[training:]})
    savemat(folder / "BoundingBox.mat", {"bboxesTr": boxes[:training], "bboxesT": boxes[training:]})


def euler(number: int) -> np.ndarray:
    return np.array([0.1 * (number % 3), 0.25 * (number % 5) - 0.5, 0])


def predict_with(place: Any, answer: Any, share: float) -> Any:
    """Predict with an error of `share` of the box on test faces."""

    def predict(samples: Sequence[FaceSample]) -> list[ImageResult]:
        test = samples[0].name.startswith("Test")
        offset, shift = (8, np.array([share * SIZE, 0])) if test else (0, np.zeros(2))
        return [answer(s, place(euler(int(Path(s.name).stem) - 1 + offset)), shift) for s in samples]

    return predict


def test_points_are_recognised_and_measured(tmp_path: Path, place: Any, answer: Any, picture: Any) -> None:
    write(tmp_path, place, picture)
    found = evaluate_pifa(tmp_path, predict_with(place, answer, 0.02))
    np.testing.assert_allclose(found.errors, 0.02, atol=1e-5)
    assert found.names == ["TestImages/1.jpg", "TestImages/2.jpg"]
    text = markdown(found.tables[0])
    assert "| RDR (the paper) | 4.11 | Xiao et al. 2017 |" in text
    assert "| this network | **2.00** | 2 faces |" in text
    assert "found on 8 training faces: 67, 65, 63," in text
    assert "3, 37..42." in text


def test_what_cannot_be_told(tmp_path: Path, place: Any, answer: Any, picture: Any) -> None:
    write(tmp_path, place, picture, wrong=4)
    with pytest.raises(DataError, match=r"point 5 lies \d+% of the box off any landmark") as caught:
        evaluate_pifa(tmp_path, predict_with(place, answer, 0.02))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_training_faces(tmp_path: Path, place: Any, answer: Any, picture: Any) -> None:
    write(tmp_path, place, picture, training=3)
    with pytest.raises(DataError, match="is visible on 2 faces: too few"):
        evaluate_pifa(tmp_path, predict_with(place, answer, 0.02))


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        evaluate_pifa(tmp_path / "none", lambda samples: [])
