"""Ending a ZeroMQ context without ever hanging the program."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import zmq

_log = logging.getLogger(__name__)

_PATIENCE_S: Final = 2.0
"""Longer than any linger; ending takes a few ms."""


def end_context(context: zmq.Context[Any]) -> None:
    """End a context whose sockets are closed.

    libzmq 4.3.5 now and then waits for ever where a receiver vanished while its queue was full (a frozen program that
    was killed), whatever the linger. Its sockets are closed by then, so after a moment the rest is left to the end of
    the process.
    """
    ending = threading.Thread(target=context.term, name="zmq context end", daemon=True)
    ending.start()
    ending.join(_PATIENCE_S)
    if ending.is_alive():
        _log.debug("a ZeroMQ context does not end; it is left behind")
