"""Opening streams as commands are told to."""

from __future__ import annotations

from avatar_bridge.curve import CurveServer
from avatar_bridge.endpoint import is_local
from avatar_bridge.errors import StreamError
from avatar_bridge.subscriber import Subscriber


def open_stream(endpoint: str, server_key: str | None, latest_only: bool = False) -> Subscriber:
    """Start to receive; server_key: the sender's public key where the stream is encrypted."""
    from avatar_bridge.keys import KeyStore

    keys = KeyStore().client(server_key) if server_key else None
    return Subscriber(endpoint, latest_only, keys)


def endpoint_of_source(endpoint: str, source: str | None, wait_s: float, server_key: str | None = None) -> str:
    """Return where a source of this name is published, from `endpoint` on; without a name `endpoint` itself."""
    from avatar_bridge.find_source import find_source
    from avatar_bridge.keys import KeyStore

    if source is None:
        return endpoint
    return find_source(source, endpoint, wait_s, KeyStore().client(server_key) if server_key else None)


def sender_keys(endpoint: str, insecure: bool) -> CurveServer | None:
    """Return the user's keys where other machines can reach the endpoint; None on this machine alone, or insecure."""
    from avatar_bridge.keys import KeyStore

    if insecure or is_local(endpoint):
        return None
    try:
        return KeyStore().server()
    except StreamError as error:
        raise StreamError(f"{endpoint} would be open to other machines: {error}; or --insecure to go without") from None
