"""Tables of numbers of which less is better: methods in rows, the best of each column in bold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

NOTHING: Final = "-"


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str
    values: tuple[float | None, ...]
    """One per column, None where there is none."""
    source: str = ""
    """Where the numbers come from, and which pictures they are of where that is not all of the set."""
    about: bool = False
    """The numbers are estimates: shown with a ~ and never in bold."""


@dataclass(frozen=True)
class Table:
    """Rows under columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    """What a reader must know to compare the rows."""
    head: str = "method"
    """What a row is."""
    digits: int = 2
    ranked: bool = True
    """Less is better, and the best of a column is bold."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.values) != len(self.columns):
                raise ValueError(f"{self.title}: {row.name} has {len(row.values)} values, expected {len(self.columns)}")

    def with_rows(self, rows: Sequence[Row]) -> Table:
        """Return the table with `rows` at its end."""
        return replace(self, rows=(*self.rows, *rows))

    def best(self) -> tuple[float | None, ...]:
        """Least value of each column as it is written; None where nothing is compared."""
        if not self.ranked:
            return (None,) * len(self.columns)
        columns = zip(*(row.values for row in self.rows if not row.about), strict=True)
        known = [[round(value, self.digits) for value in column if value is not None] for column in columns]
        return tuple(min(values) if len(values) > 1 else None for values in known) or (None,) * len(self.columns)

    def text(self, row: Row) -> list[str]:
        """Values of a row as they are written."""
        sign = "~" if row.about else ""
        return [NOTHING if value is None else f"{sign}{value:.{self.digits}f}" for value in row.values]

    def is_best(self, row: Row) -> list[bool]:
        """Say which values of a row are the best of their columns."""
        pairs = zip(row.values, self.best(), strict=True)
        return [
            not row.about and None not in (value, best) and _same(value, best, self.digits) for value, best in pairs
        ]

    @property
    def has_sources(self) -> bool:
        return any(row.source for row in self.rows)


def _same(value: float | None, best: float | None, digits: int) -> bool:
    return value is not None and best is not None and bool(np.isclose(round(value, digits), best))


def markdown(table: Table) -> str:
    """Write a table, its title as a heading and its note below."""
    sources = ["source"] if table.has_sources else []
    lines = [f"## {table.title}", "", _line([table.head, *table.columns, *sources])]
    lines.append("|---" + "|---:" * len(table.columns) + "|---" * len(sources) + "|")
    for row in table.rows:
        pairs = zip(table.text(row), table.is_best(row), strict=True)
        cells = [f"**{text}**" if best else text for text, best in pairs]
        lines.append(_line([row.name, *cells, *([row.source] if sources else [])]))
    return "\n".join([*lines, *(["", table.note] if table.note else []), ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
