"""Files of an ablation."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import pytest

from rdr_core.evaluation.ablation import (
    AFLW2000_BINS,
    EXPRESSIVE,
    POSE,
    POSED,
    REANNOTATED_MEAN,
    W300_2D,
    W300_3D,
    Result,
)
from rdr_core.evaluation.ablation_report import curves_of, tables, write_ablation
from rdr_core.evaluation.ablation_verdicts import Verdict
from rdr_core.evaluation.tables import markdown

RECIPE = {"preset": "live", "steps": 20, "data": ["drawn faces"]}
COMMON = {name: [9.0, 7.0, 6.0] for name in (*AFLW2000_BINS, REANNOTATED_MEAN, POSE)}
FACTS = {"parameters": 2_500_000, "ms per face": 4.0}
RESULTS = [
    Result("dual", "Direct-Dual", {W300_2D: [5.0, 4.0, 3.6], W300_3D: [5.0, 4.5, 4.2]} | COMMON, FACTS),
    Result("mean", "Mean-Dual", {W300_2D: [30.0, 9.0, 4.0], W300_3D: [30.0, 9.5, 5.0]} | COMMON, FACTS),
    Result("pose-exp", "Direct-PoseExp", {W300_3D: [5.0, 4.6, float("nan")]} | COMMON, FACTS),
    Result("k-1", "Direct-Dual (k-1)", {W300_2D: [5.0, 4.0], W300_3D: [5.0, 4.5]} | COMMON, FACTS),
]


def test_files(tmp_path: Path) -> None:
    verdict = Verdict("it falls", True, "5, 4")
    page = write_ablation(tmp_path / "new", RESULTS, [verdict], RECIPE)
    assert {path.name for path in page.parent.iterdir()} == {
        "ablation.md",
        "ablation.json",
        "ablation.csv",
        "figure4.png",
    }
    text = page.read_text()
    assert text.startswith("# Ablation of `live`, 20 steps of training each\n\n* it falls: yes (5, 4)\n\n## 300-W")
    assert "| Direct-Dual-2D | **5.00** | **4.00** | **3.60** |" in text
    assert "| Direct-Dual (k-1)-3D | **5.00** | 4.50 | - |" in text
    assert "Direct-PoseExp-2D" not in text
    stored = json.loads((page.parent / "ablation.json").read_text())
    assert stored["recipe"] == RECIPE
    assert stored["verdicts"] == [{"claim": "it falls", "holds": True, "numbers": "5, 4"}]
    assert stored["results"][2]["curves"][W300_3D] == [5.0, 4.6, None]
    assert stored["results"][0]["facts"] == FACTS
    with (page.parent / "ablation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 3 + 3
    assert (rows[4]["variant"], rows[4]["k"], rows[4][W300_2D], rows[4]["AFLW2000-3D 60-90"]) == (
        "mean", "1", "9.0000", "7.0000")  # fmt: skip
    assert rows[6][W300_2D] == ""


def test_figure_4_has_five_curves(tmp_path: Path) -> None:
    """Of the paper's variants, the 2D one of PoseExp being its 3D one; the others have no part in it."""
    labels = [label for result in RESULTS[:3] for label in curves_of(result, {"2D": W300_2D, "3D": W300_3D})]
    assert labels == ["Direct-Dual-2D", "Direct-Dual-3D", "Mean-Dual-2D", "Mean-Dual-3D", "Direct-PoseExp-3D"]
    write_ablation(tmp_path / "some", RESULTS[:3], [], RECIPE)
    write_ablation(tmp_path / "all", RESULTS, [], RECIPE)
    some, every = (cv2.imread(str(tmp_path / name / "figure4.png")) for name in ("some", "all"))
    assert some.shape == (750, 960, 3)
    assert (some == every).all()
    for bgr in ((0xA8, 0x6C, 0x1B), (0x5B, 0x49, 0xD1), (0x57, 0x8B, 0x2E)):
        assert (some == bgr).all(axis=2).sum() > 300
    write_ablation(tmp_path / "none", RESULTS[3:], [], RECIPE)
    assert not (tmp_path / "none" / "figure4.png").exists()


def test_reconstruction_beside_the_papers() -> None:
    with_3d = Result("dual", "Direct-Dual", RESULTS[0].curves | {POSED: [3.9, 3.6, 3.5], EXPRESSIVE: [2, 2, 1]}, FACTS)
    page = "\n".join(markdown(table) for table in tables([with_3d, RESULTS[1]]))
    assert "| RDR (the paper) | 3.33 | 3.04 |" in page
    assert "| Direct-Dual, posed | 3.90 | 3.50 |" in page
    assert "Mean-Dual, posed" not in page
    assert "3D reconstruction" not in "".join(table.title for table in tables(RESULTS))


@pytest.mark.parametrize("number", range(4))
def test_one_result_is_enough(tmp_path: Path, number: int) -> None:
    assert write_ablation(tmp_path, [RESULTS[number]], [], RECIPE).is_file()
