"""What several commands have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

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
