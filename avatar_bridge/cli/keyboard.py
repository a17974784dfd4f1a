"""Single keys from the terminal while a command runs; where there is none, time just passes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Read = Callable[[float], str | None]
_ARROWS = {b"\x1b[C": "right", b"\x1b[D": "left", b"\x1bOC": "right", b"\x1bOD": "left"}
_ARROWS_OF_WINDOWS = {"M": "right", "K": "left"}


@contextmanager
def keyboard() -> Iterator[Read | None]:
    """Yield read(seconds), which returns the key pressed within so long ("left" and "right" for arrows), or None.

    Yields None where there is no terminal to read from, or another program has it. Ctrl-C works as ever; the terminal
    is put back as it was.
    """
    if not sys.stdin or not sys.stdin.isatty():
        yield None
    elif sys.platform == "win32":
        yield _read_windows
    else:
        yield from _posix(sys.stdin.fileno())


def _posix(terminal: int) -> Iterator[Read | None]:
    import os
    import termios
    import tty

    try:
        if os.tcgetpgrp(terminal) != os.getpgrp():  # started with &: touching the terminal would stop us
            raise OSError
        before = termios.tcgetattr(terminal)
    except (OSError, termios.error):
        yield None
        return
    tty.setcbreak(terminal, termios.TCSANOW)
    try:
        yield lambda seconds: _read_posix(terminal, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)


def _read_posix(terminal: int, seconds: float) -> str | None:
    import os
    import select

    if not select.select([terminal], [], [], max(0.0, seconds))[0]:
        return None
    typed = os.read(terminal, 1)
    if not typed:  # the terminal is gone, and would say so at once for ever
        time.sleep(max(0.0, seconds))
    while typed[:1] == b"\x1b" and len(typed) < 3 and select.select([terminal], [], [], 0)[0]:
        typed += os.read(terminal, 1)
    return _ARROWS.get(typed) or typed.decode("ascii", "replace") or None


def _read_windows(seconds: float) -> str | None:
    if sys.platform != "win32":
        return None
    import msvcrt

    end = time.monotonic() + seconds
    while not msvcrt.kbhit():
        if time.monotonic() >= end:
            return None
        time.sleep(0.01)
    key = msvcrt.getwch()
    return _ARROWS_OF_WINDOWS.get(msvcrt.getwch()) if key in ("\x00", "\xe0") else key
