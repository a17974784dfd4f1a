"""Report files and drawings."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rdr_core.data.sample import FaceSample
from rdr_core.evaluation import report
from rdr_core.evaluation.draw import draw_landmarks, write_overlays
from rdr_core.evaluation.report import write_report
from rdr_core.evaluation.scores import Evaluation
from rdr_core.evaluation.tables import Row, Table
from rdr_core.inference.images import ImageResult
from rdr_core.types import FacePrediction, Pose

ERRORS = np.array([0.01, 0.025, 0.05, 1.0], np.float32)


def evaluation(**more: Any) -> Evaluation:
    names = ["a.jpg", 'b "quoted", with comma.jpg', "ünï.jpg", "d.jpg"]
    scores = {"NME S": np.float32(27.125), "faces": 4.0}
    return Evaluation("300-W common (inter-ocular)", scores, names, ERRORS, **more)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_report_files(tmp_path: Path) -> None:
    path = write_report(tmp_path / "new" / "eval", [evaluation()])
    assert path == tmp_path / "new" / "eval" / "scores.json"
    assert json.loads(path.read_text()) == {"300-W common (inter-ocular)": {"NME S": 27.125, "faces": 4.0}}
    rows = read_csv(path.parent / "300-w_common.csv")
    assert [row["name"] for row in rows] == evaluation().names
    np.testing.assert_allclose([float(row["nme"]) for row in rows], ERRORS, atol=1e-6)
    assert cv2.imread(str(path.parent / "300-w_common_curve.png")) is not None
    files = {"scores.json", "tables.md", "300-w_common.csv", "300-w_common_curve.png"}
    assert {p.name for p in path.parent.iterdir()} == files


def test_columns_of_pictures(tmp_path: Path) -> None:
    """Numbers with six digits, yes and no as 1 and 0, nothing where nothing is known."""
    columns = {"yaw_deg": np.array([-3.5, np.nan, 0, 90]), "found": np.array([True, True, True, False])}
    rows = read_csv(write_report(tmp_path, [evaluation(columns=columns)]).parent / "300-w_common.csv")
    assert [row["yaw_deg"] for row in rows] == ["-3.500000", "", "0.000000", "90.000000"]
    assert [row["found"] for row in rows] == ["1", "1", "1", "0"]


def test_tables_and_details(tmp_path: Path) -> None:
    ranked = Table("300-W", ("full",), (Row("theirs", (2.0,), "a paper"), Row("ours", (1.5,))))
    long = Table("expressions", ("mean error", "correlation"), (Row("JawOpen", (0.125, None)),), head="expression")
    write_report(tmp_path, [evaluation(tables=(ranked,), details=(long,))], "live, annotated boxes")
    text = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert text.startswith("# live, annotated boxes\n\n## 300-W\n")
    assert "| ours | **1.50** |  |" in text
    assert read_csv(tmp_path / "300-w_common_expressions.csv") == [
        {"expression": "JawOpen", "mean_error": "0.125000", "correlation": ""}
    ]


def test_what_could_not_be_measured_is_null(tmp_path: Path) -> None:
    path = write_report(tmp_path, [Evaluation("A", {"x": float("nan")}, ["a"], np.array([0.1]))])
    assert json.loads(path.read_text()) == {"A": {"x": None}}


def test_without_matplotlib_the_numbers_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(report, "can_draw", lambda: False)
    write_report(tmp_path, [evaluation()])
    assert {p.name for p in tmp_path.iterdir()} == {"scores.json", "tables.md", "300-w_common.csv"}
    assert "no curves are drawn, matplotlib is missing: install the extra `train`" in caplog.text


def test_landmarks_are_drawn_where_they_are() -> None:
    picture = np.zeros((300, 300, 3), np.uint8)
    shape = np.random.default_rng(0).uniform(40, 260, (68, 2)).astype(np.float32)
    drawn = draw_landmarks(picture, shape)
    assert not picture.any()  # a copy
    for x, y in shape:
        assert drawn[int(y), int(x)].min() > 150  # a white point
    assert not drawn[:20, :20].any()


def test_overlays(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((80, 80, 3), np.uint8))
    shape = np.random.default_rng(0).uniform(10, 70, (68, 2)).astype(np.float32)
    pose = Pose(np.zeros(3, np.float32), np.zeros(3, np.float32), 5.0)
    face = FacePrediction(shape, shape, np.zeros((68, 3)), pose, np.zeros(46), np.zeros(50), 1.0)
    sample = FaceSample("deep/a.png", tmp_path / "a.png")
    results = [ImageResult(sample, None, None, None, 0), ImageResult(sample, face, None, None, 1)]
    write_overlays(tmp_path / "out", results)
    (only,) = (tmp_path / "out").iterdir()
    assert only.name == "00001_a.jpg"
    overlay = cv2.imread(str(only))
    assert overlay is not None
    assert overlay.any()
