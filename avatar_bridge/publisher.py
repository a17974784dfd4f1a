"""The sending end: face frames as they come, and Hello once a second and to every new receiver."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from types import TracebackType
from typing import Final

from avatar_bridge.codec import encode_now
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.curve import CurveServer
from avatar_bridge.errors import StreamError
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.sockets import BoundSocket
from rdr_core import __version__

_log = logging.getLogger(__name__)

_QUEUE: Final = 1000
"""Messages kept for a slow receiver; newer ones are lost to it then, to nobody else."""
_REQUESTS: Final = 64
"""Requests of receivers that are read at a time, so that a flood of them does not keep a frame waiting."""
_REQUESTS_QUEUED: Final = 16
"""Of each receiver; one that sends more is made to wait."""
_LINGER_MS: Final = 200
_TICK_S: Final = 0.05
_JOIN, _LEAVE = b"\x01", b"\x00"
"""What ZeroMQ sends for a receiver that subscribes to everything, and when it goes; anything else is no receiver."""


class Publisher:
    """Sends to any number of receivers and waits for none. Thread-safe.

    A small thread says Hello while no frames come: a receiver that starts late, or early, knows within moments whom
    it hears.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        session: str | None = None,
        hello_interval_s: float = 1.0,
        curve: CurveServer | None = None,
        insecure: bool = False,
    ) -> None:
        """Bind; port * or 0 takes a free one. Raises StreamError: port in use, or open to others without keys, which
        `insecure` allows."""
        import zmq

        if not hello_interval_s > 0:
            raise StreamError(f"hello_interval_s must be over 0, got {hello_interval_s}")
        self.session = session or secrets.token_hex(8)
        self._hello = Hello(session=self.session, versions={"rdr-live": __version__})
        self._hello_interval_s = hello_interval_s
        self._next_hello_s = 0.0
        self._subscribers = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        options = {
            zmq.SNDHWM: _QUEUE,
            zmq.RCVHWM: _REQUESTS_QUEUED,
            zmq.XPUB_VERBOSER: 1,  # hear of every receiver that comes or goes, not only of the first
            zmq.MAXMSGSIZE: 1024,  # receivers send their subscription and nothing else
        }
        self._bound = BoundSocket(zmq.XPUB, endpoint, curve, insecure, options)
        self._socket, self.endpoint = self._bound.socket, self._bound.endpoint
        self._thread = threading.Thread(target=self._say_hello, name="publisher hello", daemon=True)
        self._thread.start()

    @property
    def hello(self) -> Hello:
        """What receivers are told about this sender."""
        return self._hello

    @property
    def subscribers(self) -> int:
        """How many receivers are connected."""
        return self._subscribers

    def describe(self, hello: Hello) -> None:
        """Change what receivers are told, and tell them: describe(replace(publisher.hello, rate_hz=30.0))."""
        if hello.session != self.session:
            raise StreamError(f"Hello must be of this session, {self.session}, got {hello.session}")
        with self._lock:
            self._hello = hello
            if not self._stop.is_set():
                self._send_hello()

    def publish(self, frame: FaceFrame) -> FaceFrame:
        """Send a frame and return it as sent, with its publish_time_ns."""
        with self._lock:
            if self._stop.is_set():
                raise StreamError(f"the stream {self.endpoint} is closed already")
            self._greet()
            payload, publish_time_ns = encode_now(frame)
            self._send(payload)
        return frame.sent_at(publish_time_ns)

    def close(self) -> None:
        """Send what is queued for at most 0.2 s and free the endpoint."""
        self._stop.set()
        self._thread.join()
        with self._lock:
            self._bound.close(_LINGER_MS)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _say_hello(self) -> None:
        while not self._stop.wait(_TICK_S):
            with self._lock:
                self._greet()
                if time.monotonic() >= self._next_hello_s:
                    self._send_hello()

    def _greet(self) -> None:
        """Answer new receivers with Hello."""
        import zmq

        greet = False
        for _ in range(_REQUESTS):
            if not self._socket.poll(0):
                break
            request = self._socket.recv_multipart(zmq.NOBLOCK)
            greet = greet or request == [_JOIN]
            self._subscribers = max(0, self._subscribers + (request == [_JOIN]) - (request == [_LEAVE]))
        if greet:
            self._send_hello()

    def _send_hello(self) -> None:
        self._next_hello_s = time.monotonic() + self._hello_interval_s
        self._send(encode_now(self._hello)[0])

    def _send(self, payload: bytes) -> None:
        import zmq

        try:
            self._socket.send(payload, zmq.NOBLOCK)
        except zmq.Again:  # XPUB drops for slow receivers rather than wait, so this is not expected
            _log.debug("a message was not sent: the queue is full")
