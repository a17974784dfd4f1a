"""ZeroMQ sockets that others connect to: loopback or encrypted, limited in what they take, never in the way of exit."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from avatar_bridge.curve import CurveServer, serve_with
from avatar_bridge.endpoint import check_endpoint, is_local, port_of
from avatar_bridge.errors import StreamError
from avatar_bridge.zmq_context import end_context

if TYPE_CHECKING:
    import zmq


class BoundSocket:
    """A socket that others connect to, with the context and the doorkeeper that belong to it."""

    def __init__(
        self,
        kind: int,
        endpoint: str,
        curve: CurveServer | None = None,
        insecure: bool = False,
        options: Mapping[Any, int] | None = None,
    ) -> None:
        """Bind; port * or 0 takes a free one.

        Args:
            kind: zmq.XPUB, zmq.REP.
            curve: keys; the socket is encrypted, and open to listed keys only.
            insecure: allow an address that other machines reach, without keys.
            options: ZeroMQ socket options, set before the socket is bound.

        Raises:
            StreamError: no endpoint, in use, or open to others without keys.
        """
        import zmq

        check_endpoint(endpoint)
        if curve is None and not insecure and not is_local(endpoint):
            raise StreamError(
                f"{endpoint} would be open to other machines: give keys (rdr keys --help), or --insecure where you "
                "trust everybody in this network; or use this machine's own address, tcp://127.0.0.1:PORT"
            )
        self._context: zmq.Context[Any] = zmq.Context()
        self.socket = self._context.socket(kind)
        for option, value in (options or {}).items():
            self.socket.setsockopt(option, value)
        self._authenticator = serve_with(curve, self._context, self.socket) if curve else None
        try:
            self.socket.bind(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise _bind_error(endpoint, error) from None
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        """Where others connect, with the port that was taken."""

    def close(self, linger_ms: int = 0) -> None:
        """Send what is queued for at most `linger_ms` and free the endpoint; may be called twice."""
        if self.socket.closed:
            return
        self.socket.close(linger=linger_ms)
        if self._authenticator is not None:
            with suppress(Exception):  # its thread may be gone already, at the end of a process
                self._authenticator.stop()
        end_context(self._context)


def keepalive_options() -> dict[Any, int]:
    """Return options by which a socket notices, within seconds, a machine that went away without a word.

    TCP's own probes. ZeroMQ's heartbeats end the whole process, by an assertion, where a peer goes whose queue was full
    (libzmq 4.3.5; github.com/zeromq/libzmq/issues/4364 and 4767).
    """
    import zmq

    options: dict[Any, int] = {zmq.TCP_KEEPALIVE: 1, zmq.TCP_KEEPALIVE_IDLE: 2, zmq.TCP_KEEPALIVE_INTVL: 1}
    return (
        options if sys.platform == "win32" else options | {zmq.TCP_KEEPALIVE_CNT: 3}
    )  # Windows has a count of its own


def _bind_error(endpoint: str, error: zmq.ZMQError) -> StreamError:
    port = port_of(endpoint)
    if error.errno == errno.EADDRINUSE:
        what = f"port {port}" if port else endpoint
        return StreamError(f"{what} is in use: stop the other program (another rdr?), or choose another endpoint")
    if error.errno == errno.EACCES:
        return StreamError(f"no permission for {endpoint}: choose a port over 1023")
    return StreamError(f"cannot open {endpoint}: {error.strerror}; is it an address of this machine?")
