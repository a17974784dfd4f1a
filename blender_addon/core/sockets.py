"""What the stream's socket and the control socket have in common: keys, and an end that never hangs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import zmq

    from .address import CurveKeys

_PATIENCE_S: Final = 2.0
"""How long the end of a context may take; some ms as a rule."""


def encrypt(socket: zmq.Socket[bytes], keys: CurveKeys) -> None:
    """Give a socket its keys, before it connects."""
    socket.curve_serverkey = keys.server_key.encode()
    socket.curve_publickey, socket.curve_secretkey = keys.public_key.encode(), keys.secret_key.encode()


def end_context(context: zmq.Context[Any]) -> None:
    """End a context whose sockets are closed; wait for a moment, not for ever."""
    # libzmq now and then waits for ever where a sender vanished; Blender must not
    ending = threading.Thread(target=context.term, name="rdr live: zmq context end", daemon=True)
    ending.start()
    ending.join(_PATIENCE_S)
