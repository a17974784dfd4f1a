"""Where a stream is: tcp://HOST:PORT or ipc://PATH, and whether only this machine can reach it."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from avatar_bridge.errors import StreamError

_TCP: Final = re.compile(r"tcp://(?P<host>\[[^\]]+\]|[^:/\s\[\]]+):(?P<port>\d{1,5}|\*)")
_IPC: Final = re.compile(r"ipc://\S{1,100}")


def check_endpoint(endpoint: str) -> str:
    """Return the endpoint if it is one. Raises StreamError."""
    tcp = _TCP.fullmatch(endpoint)
    if not (tcp or _IPC.fullmatch(endpoint)):
        raise StreamError(f"an endpoint must be tcp://HOST:PORT or ipc://PATH, got {endpoint!r:.80}")
    if tcp and tcp["port"] != "*" and int(tcp["port"]) > 65535:
        raise StreamError(f"a port must be in 0..65535, got {tcp['port']}")
    return endpoint


def port_of(endpoint: str) -> str | None:
    """Return the port of a tcp endpoint."""
    tcp = _TCP.fullmatch(endpoint)
    return tcp["port"] if tcp else None


def control_endpoint(endpoint: str) -> str:
    """Return where the control socket of a stream is unless told otherwise: at the next port, or beside its file."""
    port = port_of(check_endpoint(endpoint))
    if port is None:
        return f"{endpoint}.control"
    if port in {"*", "0"}:
        return endpoint
    if port == "65535":
        raise StreamError("there is no port after 65535 for the control socket: give it one with --control")
    return f"{endpoint.removesuffix(port)}{int(port) + 1}"


def is_local(endpoint: str) -> bool:
    """Say whether only programs of this machine can reach the endpoint."""
    tcp = _TCP.fullmatch(endpoint)
    if tcp is None:
        return endpoint.startswith("ipc://")
    host = tcp["host"].strip("[]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name or an interface
        return False
