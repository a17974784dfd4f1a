"""A counter of changes to characters, so that what is derived from them is made anew only then."""

from __future__ import annotations

from typing import Any

_revision = 0


def revision() -> int:
    """Return the number of changes so far."""
    return _revision


def touch(_owner: Any = None, _context: Any = None) -> None:
    """Note that something about a character has changed; fits as `update=` of a property, and as a handler."""
    global _revision
    _revision += 1
