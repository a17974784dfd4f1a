"""Opening streams as commands are told to."""

from __future__ import annotations

from avatar_bridge.curve import CurveServer
from avatar_bridge.endpoint import is_local
from avatar_bridge.subscriber import Subscriber


def open_stream(endpoint: str, server_key: str | None, latest_only: bool = False) -> Subscriber:
    """Start to receive; server_key: the sender's public key where the stream is encrypted."""
    from avatar_bridge.keys import KeyStore

    keys = KeyStore().client(server_key) if server_key else None
    return Subscriber(endpoint, latest_only, keys)


def sender_keys(endpoint: str, insecure: bool) -> CurveServer | None:
    """Return the user's keys where other machines can reach the endpoint; None on this machine alone, or insecure."""
    from avatar_bridge.keys import KeyStore

    return None if insecure or is_local(endpoint) else KeyStore().server()
