"""The asking end of the control socket."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TypeVar

from avatar_bridge.codec import decode_reply, encode
from avatar_bridge.config import DEFAULT_CONTROL_ENDPOINT
from avatar_bridge.control_messages import Command, Done, Picture, Pong, Refused, Reply, Request, Status
from avatar_bridge.curve import CurveClient, connect_with
from avatar_bridge.endpoint import check_endpoint
from avatar_bridge.errors import ControlError, StreamError
from avatar_bridge.messages import Hello
from avatar_bridge.zmq_context import end_context

_MAX_REPLY_BYTES: Final = 64 * 1024
R = TypeVar("R", Pong, Hello, Status, Picture, Done)


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far the tracker's clock is ahead of ours."""

    offset_ns: int
    """Tracker's time minus ours: subtract it from the times in its messages."""
    uncertainty_ns: int
    """Half of the way there and back: the offset is wrong by no more."""

    def __str__(self) -> str:
        return f"{self.offset_ns / 1e6:+.3f} ms (within {self.uncertainty_ns / 1e6:.3f} ms)"


class ControlClient:
    """Asks one tracker. Use from one thread."""

    def __init__(
        self, endpoint: str = DEFAULT_CONTROL_ENDPOINT, timeout_s: float = 3.0, curve: CurveClient | None = None
    ) -> None:
        """Start to connect; `timeout_s` is how long to wait for each reply."""
        import zmq

        self.endpoint, self._timeout_s = check_endpoint(endpoint), timeout_s
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.REQ)
        self._socket.setsockopt(zmq.REQ_RELAXED, 1)  # a request without an answer does not block the next one,
        self._socket.setsockopt(zmq.REQ_CORRELATE, 1)  # and an answer that comes too late is not taken for another's
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MAX_REPLY_BYTES)
        if curve is not None:
            connect_with(curve, self._socket)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise StreamError(f"cannot connect to {endpoint}: {error.strerror}") from None

    def status(self) -> Status:
        """Return how the tracker is."""
        return self._ask("status", Status)

    def hello(self) -> Hello:
        """Return what the tracker says of itself."""
        return self._ask("hello", Hello)

    def picture(self) -> Picture:
        """Return what the camera saw last; ControlError where it is not shared."""
        return self._ask("picture", Picture)

    def do(self, command: Command, take: str | None = None, seconds: float = 1.0) -> str:
        """Have something done; return what was done, for people."""
        return self._ask(command, Done, take, seconds).what

    def clock_offset(self, samples: int = 8) -> ClockOffset:
        """Compare clocks as NTP does (RFC 5905): of several exchanges the quickest says most."""
        return min((self._compare_clocks() for _ in range(samples)), key=lambda sample: sample.uncertainty_ns)

    def close(self) -> None:
        """Disconnect; may be called twice."""
        if not self._socket.closed:
            self._socket.close(linger=0)
            end_context(self._context)

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _compare_clocks(self) -> ClockOffset:
        wall, sent = time.time_ns(), time.monotonic_ns()
        pong = self._ask("ping", Pong)
        elapsed = time.monotonic_ns() - sent  # not by the wall clock, which may be set meanwhile
        away = pong.reply_time_ns - pong.received_time_ns
        middle = (pong.received_time_ns + pong.reply_time_ns) // 2
        return ClockOffset(middle - (wall + elapsed // 2), max(0, elapsed - away) // 2)

    def _ask(self, command: Command, expected: type[R], take: str | None = None, seconds: float = 1.0) -> R:
        reply = self._exchange(Request(command=command, take=take, seconds=seconds))
        if isinstance(reply, Refused):
            raise ControlError(reply.why)
        if not isinstance(reply, expected):
            raise ControlError(f"{self.endpoint} answered {command} with {type(reply).__name__}: is it a tracker?")
        return reply

    def _exchange(self, request: Request) -> Reply:
        import zmq

        with suppress(zmq.Again):  # the queue is full of earlier requests: nobody answers, as below
            self._socket.send(encode(request), zmq.NOBLOCK)
        if not self._socket.poll(int(1000 * self._timeout_s)):
            raise ControlError(
                f"no answer on {self.endpoint} within {self._timeout_s:g} s: is rdr track running, "
                "and is this its --control?"
            )
        parts = self._socket.recv_multipart()
        if len(parts) != 1:
            raise ControlError(f"{self.endpoint} answered in {len(parts)} parts: is it a tracker?")
        return decode_reply(parts[0])
