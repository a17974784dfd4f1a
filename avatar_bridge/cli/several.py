"""`rdr track` of several sources: a process each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from avatar_bridge.cli.status import show_status_elsewhere, status_line
from avatar_bridge.errors import BridgeError
from avatar_bridge.source_names import endpoint_of, named_sources
from avatar_bridge.source_process import SourceProcess, listen
from rdr_core.interrupt import on_interrupt


def track_each(given: Mapping[str, Any], command: Callable[..., None]) -> None:
    """Track each of several sources in a process of its own, until all have ended or Ctrl-C.

    Raises BridgeError at the end where one of them failed; the others go on until then. given: arguments of `command`,
    which is `rdr track`.
    """
    sources = named_sources(given["sources"])
    shares = [share_of(given, number, name, source) for number, (name, source) in enumerate(sources.items())]
    processes = [
        SourceProcess(name, partial(_track_one, command), share) for name, share in zip(sources, shares, strict=True)
    ]
    asked, failed, texts = [], [], dict.fromkeys(sources, "starting")

    def end_all() -> None:
        asked.append(True)
        for process in processes:
            process.ask_to_end()

    try:
        with status_line(None) as show, on_interrupt(end_all):
            for heard in listen(processes):
                if heard is None:
                    continue
                process, kind, what = heard
                if kind == "status":
                    texts[process.name] = str(what)
                elif kind == "line":
                    print(f"[{process.name}] {what}", flush=True)
                else:
                    del texts[process.name]
                    failed += [process.name] * _failed(process.name, int(what), bool(asked), bool(texts))
                show(0, "\n".join(f"{name}: {text}" for name, text in texts.items()))
    finally:
        for process in processes:
            process.end()
    if failed:
        raise BridgeError(f"{len(failed)} of {len(sources)} sources failed, as was said before: {', '.join(failed)}")


def share_of(given: Mapping[str, Any], number: int, name: str, source: str) -> dict[str, Any]:
    """Return the arguments of one source: its own ports and files."""
    share = {**given, "sources": (f"{name}={source}",)}
    for key, change in _OWN.items():
        if share.get(key) is not None:
            share[key] = change(share[key], number, name)
    return share


def _next_endpoint(endpoint: str, number: int, name: str) -> str:
    return endpoint_of(endpoint, number)


def _beside(path: Path, number: int, name: str) -> Path:
    return path.with_stem(f"{path.stem}_{name}")


def _inside(folder: Path, number: int, name: str) -> Path:
    return folder / name


_OWN: Final[Mapping[str, Callable[[Any, int, str], Any]]] = {
    "endpoint": _next_endpoint,
    "control": _next_endpoint,
    "record": _beside,
    "overlay": _beside,
    "takes": _inside,
}
"""Option -> what each source has of it."""


def _failed(name: str, code: int, asked: bool, others: bool) -> bool:
    """Say what became of a process that ended, and whether that is an error."""
    from avatar_bridge.cli.main import INTERRUPTED

    if code == 0 or (asked and code == INTERRUPTED):
        return False
    how = f"was killed (signal {-code})" if code < 0 else "ended with an error"
    print(f"error: {name} {how}{'; the others go on' if others and not asked else ''}", file=sys.stderr, flush=True)
    return True


def _track_one(command: Callable[..., None], given: Mapping[str, Any], status: Callable[[str], None]) -> int:
    """In a process of its own: do the command as the command line would."""
    from avatar_bridge.cli.main import attempt

    show_status_elsewhere(status)
    return attempt(lambda: command(**given))
