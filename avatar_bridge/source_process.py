"""A process for each source: it does what it is told, says what it has to say through a pipe, and ends when asked.

Ctrl-C in a terminal reaches the parent alone, which asks its processes to end; they see it as a Ctrl-C of their own. A
parent that is gone, whatever ended it, asks the same: takes are finished in any case.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from multiprocessing import connection, get_context
from typing import Any, Final, Literal

from rdr_core.data.processes import deaf_to_ctrl_c

Kind = Literal["line", "status"]
Work = Callable[[Mapping[str, Any], Callable[[str], None]], int]
"""work(given, status) -> exit code. status(text): how it goes, for a line that changes; what is printed is kept."""
PATIENCE_S: Final = 10.0
"""A process that was asked to end has so long."""
_STATUS_EVERY_S: Final = 0.25


class SourceProcess:
    """A process that works on one source."""

    def __init__(self, name: str, work: Work, given: Mapping[str, Any]) -> None:
        """Start it: it does work that can be pickled, and ends with the exit code that it returns."""
        context = get_context("spawn")  # forking a process with threads may deadlock
        self.name = name
        self.pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, work, given), name=name)
        with deaf_to_ctrl_c():
            self._process.start()
        other.close()  # or its end would not be seen

    @property
    def pid(self) -> int | None:
        """The process's number."""
        return self._process.pid

    def ask_to_end(self) -> None:
        """Have it end as by Ctrl-C; may be repeated."""
        with suppress(OSError):  # it has ended
            self.pipe.send("end")

    def said(self) -> tuple[Kind, str] | None:
        """Return what it said, once its pipe is ready; None: it is ending, and says no more."""
        try:
            message: tuple[Kind, str] = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return message

    def end(self) -> int:
        """Wait for its end, not for ever, and return its exit code; of one that was killed the negative signal."""
        self.ask_to_end()
        self._process.join(PATIENCE_S)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        self.pipe.close()
        return int(self._process.exitcode or 0)


def listen(
    processes: Iterable[SourceProcess], tick_s: float = 0.2
) -> Iterator[tuple[SourceProcess, Kind, str] | tuple[SourceProcess, Literal["ended"], int] | None]:
    """Yield what processes say, the exit code of each that ends, and None now and then, until all have ended."""
    alive = {process.pipe: process for process in processes}
    while alive:
        ready = connection.wait(list(alive), tick_s)
        for pipe in ready:
            process = alive[pipe]  # type: ignore[index]
            message = process.said()
            if message is None:
                del alive[process.pipe]
                yield process, "ended", process.end()
            else:
                yield process, *message
        if not ready:
            yield None


class Lines(io.TextIOBase):
    """A stream that hands on whole lines, whichever thread writes them."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say, self._rest, self._lock = say, "", threading.Lock()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._say(line)
        return len(text)

    def finish(self) -> None:
        """Hand on what is left without an end of line."""
        if self._rest:
            self.write("\n")


def _serve(pipe: connection.Connection, work: Work, given: Mapping[str, Any]) -> None:
    """Main function of a process."""
    if sys.platform != "win32":
        os.setpgrp()  # a terminal's Ctrl-C is not for this process any more
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_when_asked, args=(pipe,), name="end when asked", daemon=True).start()
    voice = _Voice(pipe)
    out, err = Lines(voice.line), Lines(voice.line)
    code = 1
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = work(given, voice.status)
    except KeyboardInterrupt:
        code = 0
    finally:
        out.finish()
        err.finish()
    sys.exit(code)


def _end_when_asked(pipe: connection.Connection) -> None:
    with suppress(EOFError, OSError):
        pipe.recv()  # "end", or the end of the parent
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main()
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # ends its waiting, too


class _Voice:
    """What a process says to its parent; nothing once that is gone."""

    def __init__(self, pipe: connection.Connection) -> None:
        self._pipe, self._lock, self._next_status_s = pipe, threading.Lock(), 0.0

    def line(self, text: str) -> None:
        self._send("line", text)

    def status(self, text: str) -> None:
        if time.monotonic() >= self._next_status_s:
            self._next_status_s = time.monotonic() + _STATUS_EVERY_S
            self._send("status", text)

    def _send(self, kind: Kind, text: str) -> None:
        with self._lock, suppress(OSError):
            self._pipe.send((kind, text))
