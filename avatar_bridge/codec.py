"""Messages to bytes and back: one msgpack map per message, single floats, unknown keys ignored.

`kind` says which message it is, `v` the protocol version; both are checked before anything else.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, Final

import msgpack
import numpy as np

from avatar_bridge.errors import WireError
from avatar_bridge.messages import PROTOCOL_VERSION, FaceFrame, Hello, Message

MAX_MESSAGE_BYTES: Final = 64 * 1024

_KINDS: Final[dict[str, type[FaceFrame] | type[Hello]]] = {"face_frame": FaceFrame, "hello": Hello}
_KIND_OF: Final = {cls: kind for kind, cls in _KINDS.items()}
_LIMITS: Final = {
    "max_str_len": 4096,
    "max_bin_len": 4096,
    "max_array_len": 1024,
    "max_map_len": 256,
    "max_ext_len": 64,
}


def encode(message: Message) -> bytes:
    """Return the bytes of a message, one ZeroMQ frame. Raises WireError where they exceed 64 KiB."""
    wire: dict[str, Any] = {"v": PROTOCOL_VERSION, "kind": _KIND_OF[type(message)]}
    for field in fields(message):
        value = getattr(message, field.name)
        if value is not None:  # an optional value that is not there has no key
            wire[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
    payload: bytes = msgpack.packb(wire, use_single_float=True)
    if len(payload) > MAX_MESSAGE_BYTES:
        raise WireError(f"a message may have {MAX_MESSAGE_BYTES} bytes, got {len(payload)}")
    return payload


def decode(payload: bytes) -> Message:
    """Return the message in `payload`. Raises WireError, and nothing else, whatever the bytes are."""
    wire = _unpack(payload)
    version, kind = wire.get("v"), wire.get("kind")
    if type(version) is not int or version != PROTOCOL_VERSION:
        raise WireError(
            f"the sender speaks protocol version {version!r:.40}, this program {PROTOCOL_VERSION}: update the older one"
        )
    cls = _KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise WireError(f"kind must be one of {', '.join(_KINDS)}, got {kind!r:.40}")
    values = {field.name: wire[field.name] for field in fields(cls) if field.name in wire}
    missing = [field.name for field in fields(cls) if field.name not in values and _is_required(field)]
    if missing:
        raise WireError(f"{kind} lacks {', '.join(missing)}")
    return cls(**values)


def _unpack(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_MESSAGE_BYTES:
        raise WireError(f"a message may have {MAX_MESSAGE_BYTES} bytes, got {len(payload)}")
    try:
        wire = msgpack.unpackb(payload, raw=False, strict_map_key=True, **_LIMITS)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        reason = str(error) or type(error).__name__
        raise WireError(
            f"a message must be one msgpack map, got {len(payload)} bytes that are none: {reason:.80}"
        ) from None
    if not isinstance(wire, dict):
        raise WireError(f"a message must be one msgpack map, got {type(wire).__name__}")
    return wire


def _is_required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
