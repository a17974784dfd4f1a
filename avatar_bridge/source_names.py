"""Sources by name: NAME=SOURCE on the command line, and what stands where when there are several."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from avatar_bridge.endpoint import check_endpoint, port_of
from avatar_bridge.errors import BridgeError, StreamError

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
PORTS_EACH: Final = 2
"""From one source's stream to the next one's: each has its control socket at the port after its own."""


def source_of(text: str) -> tuple[str | None, str]:
    """Split NAME=SOURCE; the name is None where none is given, as also where the whole is a file."""
    name, equals, source = text.partition("=")
    if not equals or Path(text).exists():
        return None, text
    return check_name(name), source


def check_name(name: str) -> str:
    """Return the name if it can be a source's. Raises BridgeError."""
    if not NAME.fullmatch(name):
        raise BridgeError(f"a source's name must be 1 to 32 letters, digits, - or _, got {name!r:.60}")
    return name


def named_sources(texts: Sequence[str]) -> dict[str, str]:
    """Return several sources by name; one without a name has that of its file, or its number.

    Raises:
        BridgeError: two have one name.
    """
    pairs = [(name or _own_name(source), source) for name, source in map(source_of, texts)]
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise BridgeError(f"two sources have the name {twice[0]}: give each its own, as in front=0 left=1")
    return dict(pairs)


def endpoint_of(first: str, number: int) -> str:
    """Return where the source of a number, counted from 0, is published; `first` is that of the source 0.

    tcp://HOST:PORT goes on at every second port, ipc://PATH at PATH.1 and so on; a free port stays one.
    """
    port = port_of(check_endpoint(first))
    if number == 0 or port in ("*", "0"):
        return first
    if port is None:
        return f"{first}.{number}"
    other = int(port) + PORTS_EACH * number
    if other > 65535:
        raise StreamError(f"there is no port {other} for source {number + 1}: choose a lower one than {port}")
    return f"{first.removesuffix(port)}{other}"


def _own_name(source: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", Path(source).stem).strip("_-")[:32] or "source"
