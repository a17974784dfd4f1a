"""What several commands have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from rdr_core.evaluation.tables import Table

Boxes = Literal["detect", "manifest"]
Preset = Literal["live", "paper"]
Advance = Callable[..., None]
"""advance(n=1, text=None): move the bar by n, change its text."""


@contextmanager
def progress_bar(text: str, total: int | None) -> Iterator[Advance]:
    """Show a progress bar on standard error while the block runs."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=total)

        def advance(n: float = 1, text: str | None = None) -> None:
            progress.update(task, advance=n, description=text)

        yield advance


def print_table(console: Console, table: Table) -> None:
    """Show a table in the terminal, the best of each column in bold."""
    from rich.markup import escape
    from rich.table import Table as RichTable

    shown = RichTable(
        title=escape(table.title), caption=escape(table.note), title_justify="left", caption_justify="left"
    )
    shown.add_column(table.head)
    for column in table.columns:
        shown.add_column(column, justify="right", no_wrap=True)
    if table.has_sources:
        shown.add_column("source")
    for row in table.rows:
        pairs = zip(table.text(row), table.is_best(row), strict=True)
        cells = [f"[bold]{text}[/bold]" if best else text for text, best in pairs]
        shown.add_row(escape(row.name), *cells, *([escape(row.source)] if table.has_sources else []))
    console.print(shown)
    console.print()
