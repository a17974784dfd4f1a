"""Reports: numbers as JSON, errors per picture as CSV, the cumulative curve as a plot."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.evaluation.protocols import Evaluation
from rdr_core.types import Float32, UInt8


def write_report(folder: Path, evaluations: Iterable[Evaluation]) -> Path:
    """Write scores.json, a CSV and a curve for each benchmark; returns the path of scores.json."""
    folder.mkdir(parents=True, exist_ok=True)
    scores = {}
    for evaluation in evaluations:
        slug = evaluation.title.split(" (")[0].replace(" ", "_").lower()
        scores[evaluation.title] = {name: round(float(value), 4) for name, value in evaluation.scores.items()}
        with (folder / f"{slug}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["name", "nme"])
            writer.writerows((n, f"{e:.6f}") for n, e in zip(evaluation.names, evaluation.errors, strict=True))
        cv2.imwrite(str(folder / f"{slug}_curve.png"), draw_curve(evaluation.errors, evaluation.title))
    with whole_file(folder / "scores.json") as temporary:
        temporary.write_text(json.dumps(scores, indent=2) + "\n")
    return folder / "scores.json"


def draw_curve(errors: Float32, title: str, limit: float = 0.10) -> UInt8:
    """Cumulative error curve: share of faces (y) under an error (x, up to `limit`), as a picture."""
    left, top, width, height = 60, 40, 500, 320
    canvas = np.full((top + height + 50, left + width + 30, 3), 255, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    for tick in range(6):
        x, y = left + width * tick // 5, top + height - height * tick // 5
        cv2.line(canvas, (left, y), (left + width, y), (225, 225, 225), 1, cv2.LINE_AA)
        cv2.putText(canvas, f"{20 * tick}%", (12, y + 4), font, 0.4, (60, 60, 60), 1, cv2.LINE_AA)
        cv2.putText(
            canvas, f"{100 * limit * tick / 5:.0f}", (x - 6, top + height + 20), font, 0.4, (60, 60, 60), 1, cv2.LINE_AA
        )
    at = np.linspace(0, limit, width)
    share = np.searchsorted(np.sort(errors), at, side="right") / len(errors)
    line = np.stack([left + np.arange(width), top + height - share * height], axis=1).round().astype(np.int32)
    cv2.polylines(canvas, [line], False, (180, 90, 20), 2, cv2.LINE_AA)
    cv2.putText(canvas, title, (left, 24), font, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
    cv2.putText(canvas, "NME, %", (left + width - 50, top + height + 40), font, 0.4, (60, 60, 60), 1, cv2.LINE_AA)
    return canvas
