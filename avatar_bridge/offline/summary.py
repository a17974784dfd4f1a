"""What came of many videos, as a table to look at and a CSV to go on with."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avatar_bridge.offline.receipt import RECEIPT_SUFFIX, Receipt, read_receipt
from rdr_core.atomic import whole_file

if TYPE_CHECKING:
    from rich.table import Table

SUMMARY_NAME: Final = "summary.csv"
COLUMNS: Final = (
    "name", "state", "frames", "frames_said", "frames_with_face", "found_percent", "faces", "fps", "fps_lowest",
    "fps_highest", "start_s", "duration_s", "width", "height", "sound_s", "seconds", "video", "problem",
)  # fmt: skip
"""Of the CSV: fields and properties of Receipt."""
_STEADY: Final = 1.2
"""Rates whose extremes differ by less are one rate: some files round their times to milliseconds."""

_MOST_OF: Final = 0.95


def write_summary(out: Path, receipts: Iterable[Receipt]) -> Path:
    """Write the CSV: a line for each receipt, and for each that lies in the folder already. Raises OSError."""
    rows = dict(_lying_in(out)) | {receipt.name: receipt for receipt in receipts}
    path = out / SUMMARY_NAME
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for _, receipt in sorted(rows.items()):
            writer.writerow([_cell(getattr(receipt, column)) for column in COLUMNS])
    return path


def _lying_in(out: Path) -> Iterator[tuple[str, Receipt]]:
    for path in out.rglob(f"*{RECEIPT_SUFFIX}"):
        receipt = read_receipt(path)
        if receipt is not None and receipt.state != "placing":
            name = path.relative_to(out).as_posix().removesuffix(RECEIPT_SUFFIX)
            yield name, replace(receipt, name=name)  # it may have been made with an --out further in


def _cell(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


def table_of(receipts: Sequence[Receipt]) -> Table:
    """Return a table for the terminal."""
    from rich.markup import escape
    from rich.table import Column, Table

    table = Table(
        "video", *(Column(head, justify="right") for head in ("frames", "face %", "fps", "length", "sound")), ""
    )
    for receipt in receipts:
        numbers = ["", "", "", "", ""]
        if receipt.frames:
            numbers = [
                _frames(receipt),
                f"{receipt.found_percent:.1f}",
                rate(receipt),
                length(receipt.duration_s),
                length(receipt.sound_s) if receipt.sound_s else "none",
            ]
        state = "" if receipt.state == "tracked" else receipt.state
        table.add_row(escape(receipt.name), *numbers, state)
    return table


def total_of(receipts: Sequence[Receipt]) -> str:
    """Return all of them in a line."""
    frames = sum(receipt.frames for receipt in receipts)
    found = 100 * sum(receipt.frames_with_face for receipt in receipts) / max(1, frames)
    seconds = sum(receipt.duration_s for receipt in receipts)
    return f"{len(receipts)} videos, {frames} frames, {length(seconds)}, a face in {found:.1f} % of the frames"


def _frames(receipt: Receipt) -> str:
    """Return how many, and how many there should be where many are missing; what files say is rough."""
    missing = receipt.frames < _MOST_OF * receipt.frames_said
    return f"{receipt.frames} of {receipt.frames_said}" if missing else str(receipt.frames)


def rate(receipt: Receipt) -> str:
    """Return pictures a second, with the extremes where they differ."""
    if not receipt.duration_s:
        return "-"
    lowest, highest = receipt.fps_lowest, receipt.fps_highest
    extremes = f" ({lowest:.4g} to {highest:.4g})" if highest > _STEADY * lowest else ""
    return f"{receipt.fps:.2f}".rstrip("0").rstrip(".") + extremes


def length(seconds: float) -> str:
    """Return a length as people write it: 2.96 s, 3:07, 1:02:07."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
