"""UDP, as the gateways use it."""

from __future__ import annotations

import socket

from avatar_bridge.errors import StreamError

MAX_BYTES = 65_507


class DatagramSender:
    """Sends to one host, whether anybody listens or not."""

    def __init__(self, host: str, port: int) -> None:
        """StreamError where the host is not known or the port is none."""
        if not 1 <= port <= 65535:
            raise StreamError(f"a port must be 1 to 65535, got {port}")
        try:
            found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
        except OSError as error:
            raise StreamError(f"no such host: {host}: {error.strerror or error}") from None
        self._address = found
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.refused = 0
        """Datagrams that the network did not take."""

    def send(self, datagram: bytes) -> None:
        """Send; what the network refuses is left out, as UDP may lose any."""
        try:
            self._socket.sendto(datagram, self._address)
        except OSError:
            self.refused += 1

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()


class DatagramReceiver:
    """Listens on a port."""

    def __init__(self, host: str, port: int) -> None:
        """Port 0 takes a free one. StreamError where it is taken."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            raise StreamError(f"cannot listen on {host}:{port}: {error}; choose another --port") from None
        self.port: int = self._socket.getsockname()[1]

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next datagram; None where none comes in time."""
        self._socket.settimeout(timeout_s)
        try:
            return self._socket.recv(MAX_BYTES)
        except TimeoutError:
            return None

    def close(self) -> None:
        """Free the port."""
        self._socket.close()
