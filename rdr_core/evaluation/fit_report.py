"""What a fit of a data set is worth: errors in numbers and as a histogram, what was dropped, the worst as a picture."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.data.crop import crop_from_landmarks
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.evaluation.draw import draw_landmarks
from rdr_core.evaluation.nme import inter_ocular, nme
from rdr_core.training.fit_faces import Fitted
from rdr_core.training.fit_jobs import Failure
from rdr_core.training.targets import TargetTable, mirror_points
from rdr_core.types import Float32, UInt8

WORST: Final = 20
_COLUMNS: Final = 5
_TILE_PX: Final = 240
_STRIP_PX: Final = 22
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
ANNOTATED_BGR: Final = (80, 230, 80)
FITTED_BGR: Final = (60, 90, 255)


def write_fit_report(
    folder: Path,
    fitted: Fitted,
    max_error: float,
    samples: Sequence[FaceSample],
    skipped: Iterable[Failure] = (),
) -> dict[str, Any]:
    """Write fits.json, fits.md, dropped.csv, errors.png and worst.jpg; returns what fits.json holds.

    Args:
        fitted: all fits, also those over the limit.
        max_error: the limit, a share of the face box.
        samples: the faces, for the pictures of the worst.
        skipped: faces that could not even be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lost = [*skipped, *fitted.failures]
    summary = summarise(fitted, max_error, len(samples), len(lost) - len(fitted.failures))
    with whole_file(folder / "dropped.csv") as temporary:
        _write_dropped(temporary, fitted.table, max_error, lost)
    with whole_file(folder / "errors.png") as temporary:
        cv2.imwrite(str(temporary), draw_histogram(fitted.table.error, max_error))
    with whole_file(folder / "worst.jpg") as temporary:
        cv2.imwrite(str(temporary), draw_worst(fitted.table, samples))
    with whole_file(folder / "fits.md") as temporary:
        temporary.write_text(_markdown(summary), encoding="utf-8")
    with whole_file(folder / "fits.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def summarise(fitted: Fitted, max_error: float, faces: int, unreadable: int = 0) -> dict[str, Any]:
    """Count faces and fits and describe the errors, before any is dropped, as shares of the box and inter-ocular."""
    table = fitted.table
    kept = len(table.within(max_error))
    ways = 1 + bool(table.mirrored.any())
    errors = {
        "box": table.error,
        "inter_ocular": nme(table.projected_shape, table.shape, np.maximum(inter_ocular(table.shape), 1e-6)),
    }
    return {
        "faces": faces + unreadable,
        "faces_not_read": unreadable,
        "faces_not_fitted": len(fitted.failures),
        "fits": len(table),
        "fits_kept": kept,
        "share_dropped": _rounded(1 - kept / (ways * (faces + unreadable))),
        "max_error": max_error,
        "error": {name: _describe(values) for name, values in errors.items()},
        "seconds_per_fit": _rounded(fitted.seconds.mean()),
    }


def _describe(errors: Float32) -> dict[str, float]:
    values = {
        "mean": errors.mean(),
        "median": np.median(errors),
        "p95": np.percentile(errors, 95),
        "worst": errors.max(),
    }
    return {name: _rounded(value) for name, value in values.items()}


def _rounded(value: Any) -> float:
    return round(float(value), 5)


def _markdown(summary: dict[str, Any]) -> str:
    lines = [
        "# Fits",
        "",
        f"{summary['faces']} faces: {summary['faces_not_read']} could not be read, {summary['faces_not_fitted']} could "
        f"not be fitted. {summary['fits']} fits, {summary['fits_kept']} kept "
        f"(limit {summary['max_error']:.0%} of the face box): {summary['share_dropped']:.2%} dropped. "
        f"{1e3 * summary['seconds_per_fit']:.0f} ms of processor time a fit.",
        "",
        "| error, % | mean | median | 95 of 100 are under | worst |",
        "|---|---|---|---|---|",
    ]
    titles = {"box": "of the face box, sqrt(w h)", "inter_ocular": "inter-ocular (of no meaning in profiles)"}
    for name, title in titles.items():
        lines.append(f"| {title} | " + " | ".join(f"{100 * v:.2f}" for v in summary["error"][name].values()) + " |")
    return "\n".join([*lines, "", "![errors](errors.png)", "![worst](worst.jpg)", ""])


def _write_dropped(path: Path, table: TargetTable, max_error: float, lost: Iterable[Failure]) -> None:
    """One row for a fit over the limit or a face that has no fit."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "mirrored", "error", "reason"])
        for row in np.flatnonzero(~(table.error <= max_error)):
            over = f"error over {max_error:g}"
            writer.writerow([table.names[row], int(table.mirrored[row]), f"{table.error[row]:.6f}", over])
        writer.writerows([failure.name, "", "", failure.reason] for failure in lost)


def draw_histogram(errors: Float32, max_error: float, bins: int = 60) -> UInt8:
    """How many fits (y) have which error (x, % of the face box); 1.25 times the limit and more is in the last bar."""
    left, top, width, height = 60, 40, 540, 280
    canvas = np.full((top + height + 50, left + width + 30, 3), 255, np.uint8)
    end = float(min(1.25 * max_error, np.ceil(200 * max(errors.max(), 1e-3)) / 200))
    counts, _ = np.histogram(np.clip(errors, 0, end), bins, (0, end))
    most = max(1, int(counts.max()))
    baseline = top + height
    for number, count in enumerate(counts):
        x0, x1 = left + width * number // bins, left + width * (number + 1) // bins - 2
        if count:
            bar_top = baseline - max(1, round(height * count / most))
            cv2.rectangle(canvas, (x0, bar_top), (x1, baseline), (180, 90, 20), -1)
    for tick in range(6):
        x = left + width * tick // 5
        cv2.line(canvas, (x, baseline), (x, baseline + 4), (60, 60, 60), 1)
        _write(canvas, f"{100 * end * tick / 5:.3g}", (x - 8, baseline + 18))
    _write(canvas, str(most), (12, top + 4))
    for value, name, color in ((max_error, "limit", FITTED_BGR), (float(errors.mean()), "mean", (40, 140, 40))):
        if value <= end:
            x = left + round(width * value / end)
            cv2.line(canvas, (x, top), (x, baseline), color, 1)
            _write(canvas, f"{name} {100 * value:.3g} %", (x + 6, top + 10), color)
    _write(canvas, f"{len(errors)} fits by error, % of the face box (limit {100 * max_error:.3g} %)", (left, 24))
    return canvas


def draw_worst(table: TargetTable, samples: Iterable[FaceSample], count: int = WORST) -> UInt8:
    """Return the faces with the largest errors on a sheet: annotated landmarks green, fitted ones red.

    A picture that cannot be read is grey: the numbers are worth having without it.
    """
    by_name = {sample.name: sample for sample in samples}
    order = table.error.argsort(kind="stable")[::-1]
    _, first = np.unique(table.names[order], return_index=True)  # a face once, its worse way round
    rows = order[np.sort(first)][:count]
    lines = -(-len(rows) // _COLUMNS)
    sheet = np.full((_STRIP_PX + lines * (_TILE_PX + _STRIP_PX), _COLUMNS * _TILE_PX, 3), 24, np.uint8)
    _write(sheet, "annotated", (6, 15), ANNOTATED_BGR)
    _write(sheet, "fitted", (86, 15), FITTED_BGR)
    for place, row in enumerate(rows):
        y, x = divmod(place, _COLUMNS)
        y, x = _STRIP_PX + y * (_TILE_PX + _STRIP_PX), x * _TILE_PX
        sheet[y : y + _TILE_PX, x : x + _TILE_PX] = _tile(table, row, by_name.get(str(table.names[row])))
        label = f"{table.error[row]:.1%} {str(table.names[row])[-26:]}"
        _write(sheet, label, (x + 6, y + _TILE_PX + 15), (230, 230, 230))
    return sheet


def _tile(table: TargetTable, row: int, sample: FaceSample | None) -> UInt8:
    annotated, fit = table.shape[row], table.projected_shape[row]
    if table.mirrored[row]:
        annotated, fit = mirror_points(annotated), mirror_points(fit)
    crop = crop_from_landmarks(np.concatenate([annotated, fit]), _TILE_PX)
    try:
        picture = crop.warp(sample.read_image()) if sample else np.full((_TILE_PX, _TILE_PX, 3), 96, np.uint8)
    except DataError:
        picture = np.full((_TILE_PX, _TILE_PX, 3), 96, np.uint8)
    for points, color in ((annotated, ANNOTATED_BGR), (fit, FITTED_BGR)):
        picture = draw_landmarks(picture, crop.points_to_crop(points), color, color)
    return picture


def _write(canvas: UInt8, text: str, at: tuple[int, int], color: tuple[int, int, int] = (40, 40, 40)) -> None:
    plain = text.encode("ascii", "replace").decode()  # OpenCV's letters
    cv2.putText(canvas, plain, at, _FONT, 0.4, color, 1, cv2.LINE_AA)
