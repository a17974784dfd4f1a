"""Asking the tracker to do something, over its control socket; an answer is waited for in passing, never at a stop."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgpack

from .address import CurveKeys, check_address
from .checks import check_text
from .errors import StreamError, WireError
from .protocol import PROTOCOL_VERSION, unpack
from .sockets import encrypt, end_context

if TYPE_CHECKING:
    import zmq

COMMANDS: Final = ("neutral", "clear_neutral", "start", "stop", "status")
_PATIENCE_S: Final = 3.0
_MAX_REPLY_BYTES: Final = 64 * 1024


class TrackerControl:
    """Asks one tracker, one thing at a time. Use from one thread."""

    def __init__(self, address: str, keys: CurveKeys | None = None) -> None:
        """Start to connect. Raises StreamError."""
        import zmq

        self.address = check_address(address)
        self.said = ""
        """What the tracker, or its silence, says about the last thing that it was asked."""
        self._asked: tuple[str, float] | None = None
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.REQ)
        self._socket.setsockopt(zmq.REQ_RELAXED, 1)  # a request without an answer does not block the next one,
        self._socket.setsockopt(zmq.REQ_CORRELATE, 1)  # and an answer that comes too late is not taken for another's
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MAX_REPLY_BYTES)
        self._socket.setsockopt(zmq.LINGER, 0)
        try:
            if keys is not None:
                encrypt(self._socket, keys)
            self._socket.connect(self.address)
        except (zmq.ZMQError, ValueError) as error:
            self.close()
            raise StreamError(f"cannot connect to {self.address}: {error}") from None

    @property
    def waiting(self) -> bool:
        """Whether an answer is awaited."""
        return self._asked is not None

    def ask(self, command: str, time_s: float, **values: Any) -> None:
        """Ask for something; `poll` brings the answer."""
        import zmq

        if command not in COMMANDS:
            raise StreamError(f"a command must be one of {', '.join(COMMANDS)}, got {command!r:.40}")
        request = {"v": PROTOCOL_VERSION, "kind": "request", "command": command, **values}
        self._asked, self.said = (command, time_s), ""
        with suppress(zmq.Again):  # the queue is full of earlier requests: nobody answers, as below
            self._socket.send(msgpack.packb(request), zmq.NOBLOCK)

    def poll(self, time_s: float) -> str | None:
        """Return what the tracker says, once; None: nothing new. Never waits."""
        import zmq

        if self._asked is None:
            return None
        try:
            parts = self._socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            if time_s - self._asked[1] < _PATIENCE_S:
                return None
            self.said = f"No answer on {self.address}: is rdr track running, and is this its --control?"
        else:
            self.said = _words(parts)
        self._asked = None
        return self.said

    def close(self) -> None:
        """Disconnect; may be called twice."""
        if self._socket.closed:
            return
        self._socket.close(linger=0)
        end_context(self._context)


def _words(parts: list[bytes]) -> str:
    """Return an answer for people."""
    try:
        if len(parts) != 1:
            raise WireError(f"an answer must be one ZeroMQ frame, got {len(parts)}")
        wire = unpack(parts[0])
        kind = wire.get("kind")
        if kind == "done":
            return check_text("what", wire.get("what"), 1024)
        if kind == "refused":
            return "The tracker did not: " + check_text("why", wire.get("why"), 1024)
        if kind == "status":
            return _status(wire)
        raise WireError(f"an answer must be done, refused or status, got {kind!r:.40}")
    except WireError as error:
        return f"The tracker answered something strange: {error}"


def _status(wire: Mapping[str, Any]) -> str:
    state = check_text("state", wire.get("state"), 16)
    source = check_text("source", wire.get("source"), 512, min_length=0)
    trouble = wire.get("trouble")
    said = f"The tracker is {state}: {source}"
    return said if trouble is None else f"{said}; {check_text('trouble', trouble, 1024)}"
