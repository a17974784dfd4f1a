"""The line at the bottom of the terminal while a command runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_elsewhere: Callable[[str], None] | None = None


def show_status_elsewhere(show: Callable[[str], None]) -> None:
    """Hand what status lines say to `show` from now on: this process has no terminal of its own."""
    global _elsewhere
    _elsewhere = show


@contextmanager
def status_line(total: int | None) -> Iterator[Callable[[int, str], None]]:
    """Yield show(n, text): n more of `total` (None: endless) are done, and what to say."""
    elsewhere = _elsewhere
    if elsewhere is not None:
        yield lambda n, text: elsewhere(text)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    ends = (BarColumn(), MofNCompleteColumn()) if total else (SpinnerColumn(),)
    text, console = TextColumn("{task.description}"), Console(stderr=True)
    with Progress(*ends, text, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda n, text: progress.update(task, advance=n, description=text)
