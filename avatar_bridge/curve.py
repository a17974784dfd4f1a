"""CURVE: encrypted streams between machines, for the receivers on a list only."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from avatar_bridge.errors import StreamError

if TYPE_CHECKING:
    import zmq
    from zmq.auth.thread import ThreadAuthenticator


@dataclass(frozen=True, slots=True)
class CurveServer:
    """Keys of a sender and the public keys of the receivers that it serves; 40 characters (Z85) each."""

    public_key: str
    """Give this one to the receivers."""
    secret_key: str = field(repr=False)
    """Never leaves the machine."""
    allowed_clients: frozenset[str]
    """Public keys of the receivers; nobody else gets anything."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed_clients", frozenset(self.allowed_clients))
        _check_keys([self.public_key, self.secret_key, *self.allowed_clients])
        if not self.allowed_clients:
            raise StreamError("nobody is allowed to receive: give the public key of a receiver at least")


@dataclass(frozen=True, slots=True)
class CurveClient:
    """Keys of a receiver and the public key of its sender; 40 characters (Z85) each."""

    public_key: str
    """Give this one to the sender."""
    secret_key: str = field(repr=False)
    """Never leaves the machine."""
    server_key: str
    """The sender's public key."""

    def __post_init__(self) -> None:
        _check_keys([self.public_key, self.secret_key, self.server_key])


def new_key_pair() -> tuple[str, str]:
    """Return a new public key and its secret key."""
    import zmq

    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def serve_with(keys: CurveServer, context: zmq.Context[Any], socket: zmq.Socket[bytes]) -> ThreadAuthenticator:
    """Make an unbound socket encrypted and open to listed receivers only; stop() what is returned at the end."""
    from zmq.auth.thread import ThreadAuthenticator

    quiet = logging.getLogger(f"{__name__}.zap")
    quiet.setLevel(logging.WARNING)
    authenticator = ThreadAuthenticator(context, log=quiet)
    authenticator.start()
    authenticator.configure_curve_callback("*", credentials_provider=_AllowList(keys.allowed_clients))
    socket.curve_server = True
    socket.curve_publickey, socket.curve_secretkey = keys.public_key.encode(), keys.secret_key.encode()
    return authenticator


def connect_with(keys: CurveClient, socket: zmq.Socket[bytes]) -> None:
    """Make an unconnected socket encrypted."""
    socket.curve_serverkey = keys.server_key.encode()
    socket.curve_publickey, socket.curve_secretkey = keys.public_key.encode(), keys.secret_key.encode()


class _AllowList:
    """Asked by pyzmq for every receiver that wants to connect."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(key.encode() for key in allowed)

    def callback(self, domain: str, key: bytes) -> bool:
        return key in self._allowed


def _check_keys(keys: Iterable[str]) -> None:
    for key in keys:
        if not (isinstance(key, str) and len(key) == 40 and key.isascii()):
            raise StreamError("a CURVE key must be 40 characters (Z85): make a pair with new_key_pair()")
