"""Requests of the control socket, done in the thread that tracks: between pictures, where nothing else is at work."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Final

from avatar_bridge.control_messages import Reply, Request
from avatar_bridge.errors import BridgeError, ControlError

_MOST_WAITING: Final = 16


class Mailbox:
    """One thread asks, another works."""

    def __init__(self, patience_s: float = 2.0) -> None:
        """`patience_s`: how long `ask` waits for its answer; longer than any picture takes."""
        self._patience_s = patience_s
        self._waiting: queue.Queue[tuple[Request, Future[Reply]]] = queue.Queue(_MOST_WAITING)

    def ask(self, request: Request) -> Reply:
        """Have a request done and return its reply. Raises what doing it raised; ControlError where nobody does it."""
        future: Future[Reply] = Future()
        try:
            self._waiting.put_nowait((request, future))
        except queue.Full:
            raise ControlError("too many requests are waiting: ask again in a moment") from None
        try:
            return future.result(self._patience_s)
        except (FutureTimeout, CancelledError):
            future.cancel()  # whoever asked was told that it was not done: so it must not be done later
            raise ControlError(f"the tracker was too busy for {self._patience_s:g} s: ask again") from None

    def work(self, do: Callable[[Request], Reply]) -> None:
        """Do what is waiting; never waits itself."""
        while True:
            try:
                request, future = self._waiting.get_nowait()
            except queue.Empty:
                return
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(do(request))
            except BridgeError as error:
                future.set_exception(error)
