"""300-W: both normalisers, every step, subsets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError, NoFaceError
from rdr_core.evaluation.protocols.w300 import evaluate_w300, origin_of
from rdr_core.evaluation.scores import Evaluation
from rdr_core.evaluation.tables import markdown
from rdr_core.inference.images import ImageResult

SHARES = (0.02, 0.04, 0.06, 0.12)
"""By how much of the inter-ocular distance each face's answer is off."""


def by_name(answer: Callable[..., ImageResult], points: np.ndarray, shares: dict[str, float]) -> Any:
    """Predict with errors by the name of the picture's file."""
    ocular = np.linalg.norm(points[45, :2] - points[36, :2])

    def predict(samples: Sequence[FaceSample]) -> list[ImageResult]:
        return [answer(s, points, np.array([shares[s.image_path.name] * ocular, 0])) for s in samples]

    return predict


@pytest.fixture
def common(place: Any, answer: Any, write_manifest: Any) -> Evaluation:
    points = place(np.zeros(3))
    names = ["LFPW_a.jpg", "HELEN_b.jpg", "LFPW_c.jpg", "HELEN_d.jpg"]
    rows = [{"file": f"300w_common/{name}", "pts68": points[:, :2].tolist()} for name in names]
    data = write_manifest("300w_common.json", rows)
    return evaluate_w300(data, by_name(answer, points, dict(zip(names, SHARES, strict=True))))


def test_golden_numbers(common: Evaluation, place: Any) -> None:
    points = place(np.zeros(3))[:, :2]
    ratio = np.linalg.norm(points[45] - points[36]) / np.linalg.norm(points[36:42].mean(0) - points[42:48].mean(0))
    scores = common.scores
    assert common.title == "300-W common (inter-ocular)"
    assert scores["NME S"] == scores["NME S step 2"] == pytest.approx(6, abs=1e-3)
    assert scores["NME S step 1"] == pytest.approx(12, abs=1e-3)
    assert scores["NME S step 0"] == scores["NME S_p step 2"] == scores["NME S_p"] == pytest.approx(18, abs=1e-3)
    assert scores["NME S inter-pupil"] == pytest.approx(6 * ratio, abs=1e-3)
    assert scores["NME S_p inter-pupil step 1"] == pytest.approx(18 * ratio, abs=1e-3)
    assert scores["NME S, LFPW"] == pytest.approx(4, abs=1e-3)
    assert scores["NME S, Helen"] == pytest.approx(8, abs=1e-3)
    assert (scores["FR@8"], scores["FR@10"]) == (25, 25)
    assert scores["AUC@8"] == pytest.approx(100 * (0.75 + 0.5 + 0.25) / 4, abs=0.01)
    assert (scores["faces"], scores["found %"], scores["ms per face (median)"]) == (4, 100, 5)
    np.testing.assert_allclose(common.errors, SHARES, atol=1e-5)


def test_columns_and_curves(common: Evaluation) -> None:
    np.testing.assert_allclose(common.columns["nme_S_inter_ocular_step2"], common.errors)
    np.testing.assert_allclose(common.columns["nme_S_inter_ocular_step0"], 3 * common.errors, rtol=1e-5)
    assert {"yaw_deg", "found", "ms", "nme_S_p_inter_pupil_step0"} <= set(common.columns)
    assert list(common.curves) == ["S, step 0 (initial face)", "S, step 1", "S, step 2", "S_p, step 2"]


def test_tables_have_ours_beside_the_published(common: Evaluation) -> None:
    ocular, pupil, steps = map(markdown, common.tables)
    assert "| HRNetV2-W18 | 2.91 | 5.11 | 3.34 |" in ocular
    assert "| STAR | **2.52** | **4.32** | **2.87** |" in ocular
    assert "| this network, landmarks S | 6.00 | - | - |" in ocular
    assert "| RDR (the paper) | **5.03** |" in pupil
    assert "| step 2 | **6.00** | **18.00** |" in steps


@pytest.fixture
def published(tmp_path: Path, place: Any, picture: Any) -> Path:
    """Return a folder in the published layout: one face of each collection, and two for training."""
    folder = tmp_path / "300W"
    points = place(np.zeros(3))[:, :2]
    text = "\n".join(f"{x:.4f} {y:.4f}" for x, y in points + 0.5)  # counted from 1
    for name in ("lfpw/testset/l", "helen/testset/h", "ibug/i", "helen/trainset/t", "afw/a"):
        picture(folder / f"{name}.jpg")
        (folder / f"{name}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{text}\n}}\n")
    return folder


ERRORS = {"l.jpg": 0.01, "h.jpg": 0.03, "i.jpg": 0.10}


def test_subsets_of_a_published_folder(
    published: Path, place: Any, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = evaluate_w300(published, by_name(answer, place(np.zeros(3)), ERRORS), published=True)
    assert "1 of iBUG's 135 test faces" in caplog.text
    assert found.title == "300-W full (inter-ocular)"
    assert found.scores["faces"] == 3
    expected = {"common": 2, "challenging": 10, "full": 14 / 3}
    for subset, value in expected.items():
        assert found.scores[f"NME S, {subset}"] == pytest.approx(value, abs=1e-2)
    assert found.tables[0].rows[-2].values == pytest.approx(tuple(expected.values()), abs=1e-2)


def test_the_challenging_subset_alone(published: Path, place: Any, answer: Any) -> None:
    """A user who names the folder of iBUG itself."""
    found = evaluate_w300(published / "ibug", by_name(answer, place(np.zeros(3)), ERRORS), published=True)
    assert found.title == "300-W challenging (inter-ocular)"
    assert found.tables[0].rows[-2].values == (None, pytest.approx(10, abs=1e-2), None)


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/data/ibug/300W/lfpw/testset/a.png", "LFPW"),
        ("/data/Helen/TestSet/a.jpg", "Helen"),
        ("/x/ibug/a.jpg", "iBUG"),
        ("/data/ibug/helen/trainset/a.jpg", None),
        ("/data/ibug/afw/a.jpg", None),
    ],
)
def test_origins(path: str, origin: str | None) -> None:
    assert origin_of(Path(path)) == origin


def test_what_cannot_be_evaluated(published: Path, tmp_path: Path, answer: Any, place: Any) -> None:
    with pytest.raises(DataError, match=r"lfpw/testset, helen/testset and ibug"):
        evaluate_w300(published / "afw", by_name(answer, place(np.zeros(3)), {}), published=True)
    with pytest.raises(DataError, match="no such manifest"):
        evaluate_w300(tmp_path / "none", by_name(answer, place(np.zeros(3)), {}))
    with pytest.raises(NoFaceError, match="no face was found in any of the 3 pictures"):
        evaluate_w300(published, lambda faces: [ImageResult(s, None, None, None, 0) for s in faces], published=True)
