"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["good", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do."""

    what: str
    state: State
    """good; note: works, but worth knowing; bad: something that people need does not work."""
    says: str
    advice: str | None = None


def examine(checks: Iterable[Callable[[], Iterable[Finding]]]) -> Iterator[Finding]:
    """Run checks one after another; one that fails itself is a finding, too."""
    for check in checks:
        try:
            yield from check()
        except Exception as error:
            name = getattr(check, "__name__", str(check))
            yield Finding(name, "bad", f"the check failed: {error!r}", "please report this line")
