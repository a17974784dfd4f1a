"""The answering end of the control socket."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from avatar_bridge.codec import decode_request, encode
from avatar_bridge.config import DEFAULT_CONTROL_ENDPOINT
from avatar_bridge.control_messages import Pong, Refused, Reply, Request, readable
from avatar_bridge.curve import CurveServer
from avatar_bridge.errors import BridgeError, WireError
from avatar_bridge.sockets import BoundSocket, keepalive_options

_log = logging.getLogger(__name__)

_MAX_REQUEST_BYTES: Final = 4096
_TICK_MS: Final = 100
_LINGER_MS: Final = 200
_MOST_AT_ONCE: Final = 50
_REST_S: Final = 0.1
"""At most so many answers in so long: what asks without end takes the time of the thread that tracks."""


class ControlServer:
    """A REP socket with a thread of its own: whatever arrives is answered, and nothing that arrives can end it."""

    def __init__(
        self,
        answer: Callable[[Request], Reply],
        endpoint: str = DEFAULT_CONTROL_ENDPOINT,
        curve: CurveServer | None = None,
        insecure: bool = False,
    ) -> None:
        """Bind and begin to answer.

        Args:
            answer: does what is asked; called from the server's thread. A BridgeError that it raises refuses.
            endpoint: where; port * or 0 takes a free one.
            curve: keys of this end and of those who may ask.
            insecure: allow an address that other machines reach, without keys.

        Raises:
            StreamError: port in use, or open to others without keys.
        """
        import zmq

        self._answer = answer
        options = {zmq.MAXMSGSIZE: _MAX_REQUEST_BYTES, zmq.SNDTIMEO: _TICK_MS, **keepalive_options()}
        self._bound = BoundSocket(zmq.REP, endpoint, curve, insecure, options)
        self.endpoint = self._bound.endpoint
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more; may be called twice."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> ControlServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        import zmq

        socket = self._bound.socket
        since_s, answered = time.monotonic(), 0
        try:
            while not self._stop.is_set():
                if answered == _MOST_AT_ONCE:
                    self._stop.wait(since_s + _REST_S - time.monotonic())
                if time.monotonic() - since_s >= _REST_S:
                    since_s, answered = time.monotonic(), 0
                if not socket.poll(_TICK_MS):
                    continue
                answered += 1
                try:
                    parts = socket.recv_multipart(zmq.NOBLOCK)
                    socket.send(encode(self._reply(parts, time.time_ns())))
                except zmq.ZMQError as error:  # the one who asked is gone
                    _log.debug("a reply was not sent: %s", error)
        finally:
            self._bound.close(_LINGER_MS)

    def _reply(self, parts: list[bytes], received_time_ns: int) -> Reply:
        try:
            if len(parts) != 1:
                raise WireError(f"a request must be one ZeroMQ frame, got {len(parts)}")
            request = decode_request(parts[0])
            if request.command == "ping":  # answered here, so that no work stands between the two times
                return Pong(received_time_ns=received_time_ns, reply_time_ns=time.time_ns())
            return self._answer(request)
        except BridgeError as error:
            return Refused(why=readable(str(error)))
        except Exception as error:  # an error of ours must not take the socket down with it
            _log.exception("a request failed")
            return Refused(why=readable(f"the tracker failed: {error!r}; its own output says more"))
