"""Messages to bytes and back: one msgpack map per message, unknown keys ignored.

`kind` says which message it is, `v` the protocol version; both are checked before anything else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final

import msgpack
import numpy as np

from avatar_bridge.control_messages import MAX_PICTURE_BYTES, Done, Picture, Pong, Refused, Reply, Request, Status
from avatar_bridge.errors import WireError
from avatar_bridge.frame_reader import read_frame
from avatar_bridge.messages import PROTOCOL_VERSION, FaceFrame, Hello, Message

MAX_MESSAGE_BYTES: Final = 64 * 1024

_STREAM: Final[dict[str, type[Any]]] = {"face_frame": FaceFrame, "hello": Hello}
_REQUESTS: Final[dict[str, type[Any]]] = {"request": Request}
_REPLIES: Final[dict[str, type[Any]]] = {
    "pong": Pong,
    "hello": Hello,
    "status": Status,
    "picture": Picture,
    "done": Done,
    "refused": Refused,
}
_KIND_OF: Final = {cls: kind for kinds in (_STREAM, _REQUESTS, _REPLIES) for kind, cls in kinds.items()}
_NAMES: Final = {cls: tuple(field.name for field in fields(cls)) for cls in _KIND_OF}
_REQUIRED: Final = {
    cls: frozenset(f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING)
    for cls in _KIND_OF
}
_LIMITS: Final = {
    "max_str_len": 4096,
    "max_bin_len": MAX_PICTURE_BYTES,
    "max_array_len": 1024,
    "max_map_len": 256,
    "max_ext_len": 64,
}


def encode(message: Message | Request | Reply) -> bytes:
    """Return the bytes of a message, one ZeroMQ frame. Raises WireError where they exceed 64 KiB."""
    return _packed(_wire(message))


def encode_now(message: Message) -> tuple[bytes, int]:
    """Return the bytes of a message that is sent now, and its publish_time_ns, taken when all else is done."""
    wire = _wire(message)
    wire["publish_time_ns"] = time.time_ns()
    return _packed(wire), wire["publish_time_ns"]


def decode(payload: bytes) -> Message:
    """Return the message of a stream. Raises WireError, and nothing else, whatever the bytes are."""
    frame = read_frame(payload) if len(payload) <= MAX_MESSAGE_BYTES else None
    message: Message = frame or _decode(payload, _STREAM)
    return message


def decode_request(payload: bytes) -> Request:
    """Return what a control socket is asked for; errors as in `decode`."""
    request: Request = _decode(payload, _REQUESTS)
    return request


def decode_reply(payload: bytes) -> Reply:
    """Return what a control socket answers; errors as in `decode`."""
    reply: Reply = _decode(payload, _REPLIES)
    return reply


def _wire(message: Message | Request | Reply) -> dict[str, Any]:
    wire: dict[str, Any] = {"v": PROTOCOL_VERSION, "kind": _KIND_OF[type(message)]}
    for name in _NAMES[type(message)]:
        value = getattr(message, name)
        if value is not None:  # an optional value that is not there has no key
            wire[name] = value.tolist() if isinstance(value, np.ndarray) else value
    return wire


def _packed(wire: dict[str, Any]) -> bytes:
    payload: bytes = msgpack.packb(wire, use_single_float=True)
    if len(payload) > MAX_MESSAGE_BYTES:
        raise WireError(f"a message may have {MAX_MESSAGE_BYTES} bytes, got {len(payload)}")
    return payload


def _decode(payload: bytes, kinds: Mapping[str, type[Any]]) -> Any:
    wire = _unpack(payload)
    version, kind = wire.get("v"), wire.get("kind")
    if type(version) is not int or version != PROTOCOL_VERSION:
        raise WireError(
            f"the sender speaks protocol version {version!r:.40}, this program {PROTOCOL_VERSION}: update the older one"
        )
    cls = kinds.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise WireError(f"kind must be one of {', '.join(kinds)}, got {kind!r:.40}")
    if not _REQUIRED[cls] <= wire.keys():
        raise WireError(
            f"{kind} lacks {', '.join(name for name in _NAMES[cls] if name in _REQUIRED[cls] - wire.keys())}"
        )
    return cls(**{name: wire[name] for name in _NAMES[cls] if name in wire})


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
