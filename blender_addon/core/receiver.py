"""The receiving end of a stream: drains the socket without ever waiting, keeps the newest frame of each face."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .address import CurveKeys, check_address
from .errors import StreamError, WireError
from .protocol import FaceFrame, Hello, Message, decode
from .sockets import encrypt, end_context
from .stream_stats import StreamMeter, StreamStats

if TYPE_CHECKING:
    import zmq

_QUEUE: Final = 10_000
"""Messages kept while nobody polls: Blender may be busy for minutes."""
_BATCH: Final = 1_000
"""Messages taken in one poll, so that a flood cannot freeze the window."""
_MAX_RECEIVED_BYTES: Final = 1024 * 1024
"""A longer message makes ZeroMQ drop the connection; those between here and the wire's limit are only counted."""
_RECONNECT_MS: Final = 50
_MAX_RECONNECT_MS: Final = 1000
_HEARTBEAT_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Received:
    """One valid message."""

    message: Message
    payload: bytes
    """As it came, for a take."""


class Receiver:
    """Receives from one sender, which may come later, go and come back. Use from one thread."""

    def __init__(self, address: str, keys: CurveKeys | None = None) -> None:
        """Start to connect. Raises StreamError."""
        import zmq

        self.address = check_address(address)
        self.hello: Hello | None = None
        """The last Hello that came."""
        self.newest: dict[int, FaceFrame] = {}
        """Of each face of this session, by face_id."""
        self._meter = StreamMeter()
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.set_hwm(_QUEUE)
        self._socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, _MAX_RECONNECT_MS)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)  # notices a machine that went away without a word
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MAX_RECEIVED_BYTES)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        self._monitor = self._socket.get_monitor_socket(_events())
        try:
            if keys is not None:
                encrypt(self._socket, keys)
            self._socket.connect(self.address)
        except (zmq.ZMQError, ValueError) as error:
            self.close()
            raise StreamError(f"cannot connect to {self.address}: {error}") from None

    def poll(self) -> list[Received]:
        """Return what has come since the last time, in its order. Never waits."""
        import zmq

        received: list[Received] = []
        for _ in range(_BATCH):
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            try:
                if len(parts) != 1:
                    raise WireError(f"a message must be one ZeroMQ frame, got {len(parts)}")
                message = decode(parts[0])
            except WireError as error:
                self._meter.count_invalid(error)
                continue
            self._take(message)
            received.append(Received(message, parts[0]))
        self._watch()
        return received

    def stats(self) -> StreamStats:
        """Return rate, latency and losses so far."""
        return self._meter.stats()

    def close(self) -> None:
        """Disconnect; may be called twice."""
        if self._socket.closed:
            return
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=0)
        end_context(self._context)

    def _take(self, message: Message) -> None:
        if isinstance(message, Hello):
            self.hello = message
            self._meter.hellos += 1
            self._meter.session = self._meter.session or message.session
            return
        if self._meter.count_frame(message, time.monotonic_ns(), time.time_ns()):
            self.newest.clear()  # another run of the sender: its faces are others
        self.newest[message.face_id] = message

    def _watch(self) -> None:
        """Notice connections made, lost and refused."""
        import zmq
        from zmq.utils.monitor import recv_monitor_message

        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor, zmq.NOBLOCK)["event"]
            self._meter.connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self._meter.connections += self._meter.connected
            if event != zmq.EVENT_DISCONNECTED:
                self._meter.refused = event != zmq.EVENT_HANDSHAKE_SUCCEEDED


def _events() -> int:
    import zmq

    return int(
        zmq.EVENT_HANDSHAKE_SUCCEEDED
        | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        | zmq.EVENT_DISCONNECTED
    )
