"""Where a stream is, and the keys of an encrypted one, as users type them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .errors import StreamError

DEFAULT_ADDRESS: Final = "tcp://127.0.0.1:5570"
DEFAULT_CONTROL_ADDRESS: Final = "tcp://127.0.0.1:5571"
_TCP: Final = re.compile(r"tcp://(?P<host>\[[^\]]+\]|[^:/\s\[\]]+):(?P<port>\d{1,5})")
_IPC: Final = re.compile(r"ipc://\S{1,100}")
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
_MAX_KEY_FILE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """Keys of a receiver and the public key of its sender; 40 characters (Z85) each."""

    public_key: str
    """Give this one to the sender."""
    secret_key: str = field(repr=False)
    """Never leaves the machine."""
    server_key: str
    """The sender's public key."""


def check_address(text: str) -> str:
    """Return the address of a stream; HOST:PORT is taken for tcp. Raises StreamError."""
    address = text.strip()
    if re.fullmatch(r"[^:/\s]+:\d{1,5}", address):
        address = f"tcp://{address}"
    tcp = _TCP.fullmatch(address)
    if not (tcp or _IPC.fullmatch(address)):
        raise StreamError(f"an address must be tcp://HOST:PORT or ipc://PATH, got {text!r:.80}")
    if tcp and not 0 < int(tcp["port"]) <= 65535:
        raise StreamError(f"a port must be in 1..65535, got {tcp['port']}")
    return address


def parse_public_key(text: str) -> str:
    """Return a public key (Z85) from 64 hexadecimal digits, as `rdr keys` shows it, or 40 characters Z85."""
    from zmq.utils import z85

    text = text.strip()
    if _HEX.fullmatch(text):
        return z85.encode(bytes.fromhex(text)).decode()
    try:
        if len(text) == 40 and len(z85.decode(text.encode("ascii"))) == 32:
            return text
    except (ValueError, KeyError):
        pass
    raise StreamError(f"a public key is 64 hexadecimal digits, got {text!r:.80}: rdr keys show prints it")


def read_own_keys(path: Path) -> tuple[str, str]:
    """Return public and secret key from a file that `rdr keys new` wrote (own.key_secret, ZeroMQ's format)."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_KEY_FILE_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise StreamError(f"cannot open the key file {path}: {error.strerror}; rdr keys new makes one") from None
    found = dict(re.findall(r'^\s*(public-key|secret-key)\s*=\s*"(\S{40})"\s*$', text, re.MULTILINE))
    if len(found) < 2:
        raise StreamError(f"{path} has no secret key: choose own.key_secret, which rdr keys new makes")
    return parse_public_key(found["public-key"]), found["secret-key"]
