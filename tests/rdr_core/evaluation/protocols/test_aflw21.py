"""AFLW's 21 points: visible ones only, by box, roi or rectangle, bins of yaw."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdr_core.data.aflw2000 import matrix_from_lp_euler
from rdr_core.data.published.aflw import POINT_NAMES
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.evaluation.point_schemes import AFLW21, to_scheme
from rdr_core.evaluation.protocols.aflw21 import evaluate_aflw21
from rdr_core.evaluation.tables import markdown
from rdr_core.geometry.rotation import euler_from_matrix
from rdr_core.inference.images import ImageResult

YAWS = (0.0, 40.0, -70.0)
SHARES = (0.02, 0.03, 0.07)


def test_visible_points_of_the_development_part(place: Any, answer: Any, write_manifest: Any) -> None:
    """Points that are not visible are nowhere near; they do not count."""
    rows, answers = [], {}
    for number, (yaw, share) in enumerate(zip(YAWS, SHARES, strict=True)):
        points = place(euler_from_matrix(matrix_from_lp_euler(np.radians([0, yaw, 0]))))
        truth = to_scheme(points[:, :2], AFLW21)
        visible = np.arange(21) % (number + 2) == 0
        truth[~visible] = -1
        size = np.sqrt(np.ptp(points[:, :2], axis=0).prod())
        rows.append(
            {
                "file": f"aflw2000_dev/{number}.jpg",
                "pts68_3d": points[:, :2].tolist(),
                "pts68_3d_z": points[:, 2].tolist(),
                "pts68_reannotated": points[:, :2].tolist(),
                "pts21": truth.tolist(),
                "vis21": visible.astype(int).tolist(),
                "pitch": 0.0,
                "yaw": yaw,
                "roll": 0.0,
            }
        )
        answers[f"aflw2000_dev/{number}.jpg"] = points, np.array([0, share * size])
    data = write_manifest("aflw2000_dev.json", rows)
    found = evaluate_aflw21(data, lambda samples: [answer(s, *answers[s.name]) for s in samples])
    np.testing.assert_allclose(found.errors, SHARES, atol=1e-5)
    assert found.scores["NME by box, mean of bins"] == pytest.approx(4, abs=1e-3)
    assert found.scores["NME by box, yaw 60-90 (1)"] == pytest.approx(7, abs=1e-3)
    width, height = np.ptp(answers["aflw2000_dev/0.jpg"][0][:, :2], axis=0)
    by_roi = 0.02 * np.sqrt(width * height) / (max(width, height) * np.sqrt(2) / 1.458)
    assert found.columns["nme_by_roi"][0] == pytest.approx(by_roi, abs=1e-5)
    assert "| RDR (the paper) | 3.63 | 4.29 | **5.31** | 4.41 | - |" in markdown(found.tables[0])
    by_box, by_roi_row = found.tables[0].rows[-2:]
    assert by_box.values == pytest.approx((2, 3, 7, 4, np.std([2, 3, 7])), abs=1e-3)
    assert (by_box.source, by_roi_row.source) == tuple(f"AFLW2000-3D development part, by {n}" for n in ("box", "roi"))


def write_csv(folder: Path, points: np.ndarray, visible: np.ndarray, picture: Any) -> None:
    picture(folder / "flickr" / "a.jpg")
    header = ["FILENAME", "FACE_X", "FACE_Y", "FACE_WIDTH", "FACE_HEIGHT"]
    header += [f"{name}_{axis}" for name in POINT_NAMES for axis in "XY"]
    cells = [point if seen else ["", ""] for point, seen in zip(points.tolist(), visible, strict=True)]
    with (folder / "aflw.csv").open("w", newline="") as file:
        rectangle = [40, 30, 100, 144]
        csv.writer(file).writerows([header, ["a.jpg", *rectangle, *(word for cell in cells for word in cell)]])


def test_a_published_folder_without_fits(tmp_path: Path, place: Any, answer: Any, picture: Any) -> None:
    """The face's rectangle is the size, and what crops are made of; no yaw, no bins."""
    points = place(np.zeros(3))
    write_csv(tmp_path, to_scheme(points[:, :2], AFLW21), np.arange(21) < 15, picture)

    def predict(samples: Sequence[FaceSample]) -> list[ImageResult]:
        assert [s.box_xyxy is not None and s.box_xyxy.tolist() for s in samples] == [[40, 30, 140, 174]]
        return [answer(s, points, np.array([6.0, 0])) for s in samples]

    found = evaluate_aflw21(tmp_path, predict, published=True)
    assert found.title == "AFLW-21 (face rectangle)"
    assert found.scores["NME by face rectangle"] == pytest.approx(5, abs=1e-3)  # 6 of sqrt(100 * 144)
    assert found.tables[0].rows[-1].values == (None, None, None, pytest.approx(5, abs=1e-3), None)
    assert not any("bins" in name for name in found.scores)


def test_what_cannot_be_evaluated(tmp_path: Path, picture: Any, write_manifest: Any) -> None:
    folder = tmp_path / "w300"
    picture(folder / "a.jpg")
    (folder / "a.pts").write_text("version: 1")
    with pytest.raises(DataError, match="looks like 300w; AFLW's 21 points are in aflw, aflw-csv, aflw2000"):
        evaluate_aflw21(folder, lambda samples: [], published=True)
    zeros = [[0.0, 0.0]] * 67 + [[9.0, 9.0]]
    row = {"file": "a.jpg", "pts68_3d": zeros, "pts68_3d_z": [0.0] * 68, "pts68_reannotated": zeros}
    data = write_manifest("aflw2000_dev.json", [row | {"pitch": 0, "yaw": 0, "roll": 0}])
    with pytest.raises(DataError, match="has no `pts21` and `vis21`"):
        evaluate_aflw21(data, lambda samples: [])
