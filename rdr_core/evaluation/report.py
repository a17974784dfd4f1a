"""Report files: numbers as JSON, tables as Markdown, errors per picture as CSV, cumulative curves as PNG."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.evaluation.curves import can_draw, write_curves
from rdr_core.evaluation.scores import Evaluation
from rdr_core.evaluation.tables import Table, markdown

logger = logging.getLogger(__name__)


def write_report(folder: Path, evaluations: Sequence[Evaluation], heading: str = "Evaluation") -> Path:
    """Write scores.json and tables.md, and for each benchmark a CSV and curves; returns the path of scores.json.

    Curves need matplotlib; without it they are left out and a warning says so. `heading`: of tables.md, e.g. whose
    numbers these are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scores = {}
    for evaluation in evaluations:
        scores[evaluation.title] = {name: round(float(value), 4) for name, value in evaluation.scores.items()}
        _write_pictures(folder / f"{evaluation.slug}.csv", evaluation)
        for table in evaluation.details:
            _write_table(folder / f"{evaluation.slug}_{table.title}.csv", table)
        if can_draw():
            curves = evaluation.curves or {"all": evaluation.errors}
            write_curves(folder / f"{evaluation.slug}_curve.png", evaluation.title, curves)
    if not can_draw():
        logger.warning("no curves are drawn, matplotlib is missing: install the extra `train`")
    tables = [markdown(table) for evaluation in evaluations for table in evaluation.tables]
    with whole_file(folder / "tables.md") as temporary:
        temporary.write_text("\n".join([f"# {heading}", "", *tables]), encoding="utf-8")
    with whole_file(folder / "scores.json") as temporary:
        temporary.write_text(json.dumps(_finite(scores), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return folder / "scores.json"


def _finite(scores: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    """JSON has no NaN: what could not be measured is null."""
    return {
        title: {name: value if np.isfinite(value) else None for name, value in numbers.items()}
        for title, numbers in scores.items()
    }


def _write_pictures(path: Path, evaluation: Evaluation) -> None:
    columns = {"nme": evaluation.errors} | evaluation.columns
    names = [[name] for name in evaluation.names]
    values = zip(*([_text(value) for value in column] for column in columns.values()), strict=True)
    rows = ([*name, *cells] for name, cells in zip(names, values, strict=True))
    _write_csv(path, ["name", *columns], rows)


def _write_table(path: Path, table: Table) -> None:
    rows = ([row.name, *("" if value is None else f"{value:.6f}" for value in row.values)] for row in table.rows)
    _write_csv(path, [table.head, *(column.replace(" ", "_") for column in table.columns)], rows)


def _text(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    return f"{value:.6f}" if np.isfinite(value) else ""


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
