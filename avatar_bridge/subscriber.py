"""The receiving end: everything for a recorder, only the newest of each face for a live view."""

from __future__ import annotations

import logging
import math
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

from avatar_bridge.clock import Timestamp
from avatar_bridge.codec import MAX_MESSAGE_BYTES, decode
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.curve import CurveClient, connect_with
from avatar_bridge.endpoint import check_endpoint
from avatar_bridge.errors import StreamError, WireError
from avatar_bridge.messages import MAX_FACES, FaceFrame, Hello, Message
from avatar_bridge.sockets import keepalive_options
from avatar_bridge.stream_stats import StreamMeter, StreamStats
from avatar_bridge.zmq_context import end_context

_log = logging.getLogger(__name__)

_QUEUE: Final = 10_000
"""Messages kept while nobody polls."""
_BATCH: Final = 2_000
"""Messages taken in one poll, so that a flood cannot keep the caller for ever."""
_POLLIN: Final = 1
"""zmq.POLLIN, as a plain number."""
_NEWEST: Final = 4 * MAX_FACES
"""Messages that are read in one poll where only the newest frames count; older ones are passed over unread."""
_MAX_RECEIVED_BYTES: Final = 2 * MAX_MESSAGE_BYTES
"""A longer message makes ZeroMQ drop the connection; those between here and the wire's limit are only counted. A full
queue of such is what a rogue sender can make this end hold."""
_RECONNECT_MS: Final = 50
_GIVEN_UP_S: Final = 3.0
"""Without a connection for so long, it is begun anew: ZeroMQ gives up for good on a peer that once sent garbage."""


class Subscriber:
    """Receives from one sender, which may come later, go and come back. Use from one thread."""

    def __init__(
        self, endpoint: str = DEFAULT_ENDPOINT, latest_only: bool = False, curve: CurveClient | None = None
    ) -> None:
        """Start to connect. latest_only: poll gives only the newest frame of each face."""
        import zmq

        self.endpoint = check_endpoint(endpoint)
        self.latest_only = latest_only
        self.hello: Hello | None = None
        """The last Hello that came."""
        self._meter = StreamMeter()
        self._newest: dict[int, tuple[FaceFrame, Timestamp]] = {}
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.set_hwm(_QUEUE)
        self._socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        for option, value in keepalive_options().items():
            self._socket.setsockopt(option, value)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MAX_RECEIVED_BYTES)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        if curve is not None:
            connect_with(curve, self._socket)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self._wait_ms = -1
        self._tried_s = time.monotonic()
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise StreamError(f"cannot connect to {endpoint}: {error.strerror}") from None

    def poll(self, timeout_ms: float = 0) -> list[Message]:
        """Return what has come, waiting up to `timeout_ms` for the first message.

        latest_only: the newest Hello and the newest frame of each face, in the order they came.
        """
        start, left_ms = time.monotonic(), timeout_ms
        while True:
            arrivals = self._arrivals(left_ms)
            messages = self._read(arrivals)
            left_ms = timeout_ms - 1e3 * (time.monotonic() - start)
            if messages or not arrivals or left_ms <= 0:  # else it was garbage, and there is time left
                break
        if not messages:
            self._watch()
            self._persist()
        return self._only_newest(messages) if self.latest_only else messages

    def latest(self, max_age_ms: float = 500.0) -> dict[int, FaceFrame]:
        """Return the newest frame of each face by face_id, none that came over `max_age_ms` ago. Never waits."""
        self.poll(0)
        self._newest = {face: new for face, new in self._newest.items() if new[1].age_ms() <= max_age_ms}
        return {face_id: frame for face_id, (frame, _) in self._newest.items()}

    def stats(self) -> StreamStats:
        """Return rate, latency and losses so far."""
        self._watch()
        return self._meter.stats()

    def close(self) -> None:
        """Disconnect; may be called twice."""
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
            self._socket.close(linger=0)
            end_context(self._context)

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, arrivals: list[tuple[list[bytes], Timestamp]]) -> list[Message]:
        messages: list[Message] = []
        if self.latest_only and len(arrivals) > _NEWEST:
            self._meter.pass_over(len(arrivals) - _NEWEST)
            arrivals = arrivals[-_NEWEST:]
        for parts, received in arrivals:
            try:
                if len(parts) != 1:
                    raise WireError(f"a message must be one ZeroMQ frame, got {len(parts)}")
                message = decode(parts[0])
            except WireError as error:
                if not self._meter.invalid:
                    _log.warning("dropped a message from %s: %s", self.endpoint, error)
                self._meter.count_invalid(error)
                continue
            self._take(message, received)
            messages.append(message)
        return messages

    def _arrivals(self, wait_ms: float) -> list[tuple[list[bytes], Timestamp]]:
        """Return what lies in the queue, and when it was seen there; where that is nothing, wait for the first."""
        import zmq

        first = self._first(max(0, math.ceil(wait_ms)))
        arrivals = [] if first is None else [(first, Timestamp.now())]
        most = _QUEUE if self.latest_only else _BATCH
        while arrivals and len(arrivals) < most and _waits(self._socket):
            received = Timestamp.now()
            arrivals.append((self._socket.recv_multipart(zmq.NOBLOCK), received))
        return arrivals

    def _first(self, wait_ms: int) -> list[bytes] | None:
        """Wait in reading itself: to be woken by a poller and then to read takes twice as long."""
        import zmq

        if wait_ms != self._wait_ms:
            self._socket.setsockopt(zmq.RCVTIMEO, wait_ms)
            self._wait_ms = wait_ms
        try:
            return self._socket.recv_multipart()
        except zmq.Again:
            return None

    def _take(self, message: Message, received: Timestamp) -> None:
        if isinstance(message, Hello):
            self.hello = message
            self._meter.hellos += 1
            return
        if self._meter.count_frame(message, received):
            self._newest.clear()  # another run of the sender: its faces are others
        self._newest[message.face_id] = message, received

    def _only_newest(self, messages: list[Message]) -> list[Message]:
        newest: dict[int | None, Message] = {}
        for message in messages:
            key = message.face_id if isinstance(message, FaceFrame) else None
            older = newest.pop(key, None)
            self._meter.superseded += isinstance(older, FaceFrame)
            newest[key] = message
        return list(newest.values())

    def _watch(self) -> None:
        """Count connections made and lost."""
        import zmq
        from zmq.utils.monitor import recv_monitor_message

        while _waits(self._monitor):
            event = recv_monitor_message(self._monitor, zmq.NOBLOCK)["event"]
            self._meter.connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self._meter.connections += self._meter.connected
            self._tried_s = time.monotonic()

    def _persist(self) -> None:
        """Connect anew where ZeroMQ may have given up."""
        import zmq

        if self._meter.connected or time.monotonic() - self._tried_s < _GIVEN_UP_S:
            return
        self._tried_s = time.monotonic()
        with suppress(zmq.ZMQError):  # it has given up, and knows of no such connection
            self._socket.disconnect(self.endpoint)
        with suppress(zmq.ZMQError):  # a network that is not there for now
            self._socket.connect(self.endpoint)


def _waits(socket: Any) -> bool:
    """Whether a message lies in the queue; a third of the time of poll(0)."""
    import zmq

    return bool(int(socket.get(zmq.EVENTS)) & _POLLIN)
