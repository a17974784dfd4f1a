"""Ctrl-C as a request: work ends where it may be cut, not where it happens to be."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_interrupt(ask: Callable[[], object]) -> Iterator[None]:
    """Call `ask` at the first Ctrl-C instead of raising; a second one raises KeyboardInterrupt as usual.

    Does nothing outside of the main thread, and where Ctrl-C is ignored.
    """
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        ask()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
