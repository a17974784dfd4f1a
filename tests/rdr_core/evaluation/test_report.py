"""Report files and drawings."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np

from rdr_core.data.sample import FaceSample
from rdr_core.evaluation.draw import draw_landmarks, write_overlays
from rdr_core.evaluation.protocols import Evaluation
from rdr_core.evaluation.report import draw_curve, write_report
from rdr_core.inference.images import ImageResult
from rdr_core.types import FacePrediction, Pose

ERRORS = np.array([0.01, 0.025, 0.05, 1.0], np.float32)


def test_report_files(tmp_path: Path) -> None:
    names = ["a.jpg", 'b "quoted", with comma.jpg', "ünï.jpg", "d.jpg"]
    scores = {"NME S": np.float32(27.125), "faces": 4.0}
    evaluations = [Evaluation("300-W common (inter-ocular)", scores, names, ERRORS)]
    path = write_report(tmp_path / "new" / "eval", evaluations)
    assert path == tmp_path / "new" / "eval" / "scores.json"
    assert json.loads(path.read_text()) == {"300-W common (inter-ocular)": {"NME S": 27.125, "faces": 4.0}}
    with (path.parent / "300-w_common.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == names
    np.testing.assert_allclose([float(row["nme"]) for row in rows], ERRORS, atol=1e-6)
    assert cv2.imread(str(path.parent / "300-w_common_curve.png")) is not None
    assert {p.name for p in path.parent.iterdir()} == {"scores.json", "300-w_common.csv", "300-w_common_curve.png"}


def blue_line(picture: np.ndarray) -> np.ndarray:
    """Height (0 bottom, 1 top) of the curve over its 500 columns."""
    drawn = (picture.astype(int) - [180, 90, 20]).__abs__().sum(axis=2) < 60
    heights = [np.flatnonzero(drawn[40:361, column]).mean() for column in range(62, 558)]
    return 1 - np.array(heights) / 320


def test_curve_shows_the_share_of_faces_under_an_error() -> None:
    heights = blue_line(draw_curve(ERRORS, "title"))
    for limit, share in ((0.005, 0), (0.017, 0.25), (0.04, 0.5), (0.08, 0.75)):
        assert abs(heights[int(limit / 0.1 * 500) - 2] - share) < 0.02


def test_better_errors_lie_higher() -> None:
    better, worse = blue_line(draw_curve(ERRORS / 4, "a")), blue_line(draw_curve(ERRORS, "a"))
    assert (better >= worse - 0.01).all()
    assert better.mean() > worse.mean() + 0.1


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
