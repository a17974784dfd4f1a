"""Key pairs on disk: the own one, and the public keys of those who may connect. Files are in ZeroMQ's own format (ZPL).

    FOLDER/own.key          public, to be given away
    FOLDER/own.key_secret   readable by its owner only
    FOLDER/allowed/NAME.key public keys of others

People write public keys as 64 hexadecimal digits, which no shell takes for something else; ZeroMQ's own way of writing
them (Z85, 40 characters) is understood as well.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from avatar_bridge.curve import CurveClient, CurveServer, new_key_pair
from avatar_bridge.errors import StreamError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
_SECRET_MODE: Final = 0o600


def default_folder() -> Path:
    """Return where the keys of this user are."""
    import platformdirs

    return platformdirs.user_config_path("rdr-live") / "keys"


def to_hex(key: str) -> str:
    """Return a key (Z85) as people write it."""
    from zmq.utils import z85

    return z85.decode(key.encode()).hex()


def parse_key(text: str) -> str:
    """Return a public key (Z85) from 64 hexadecimal digits, 40 characters Z85, or the name of a .key file."""
    from zmq.utils import z85

    text = text.strip()
    if _HEX.fullmatch(text):
        return z85.encode(bytes.fromhex(text)).decode()
    if len(text) != 40 and Path(text).is_file():
        return _read(Path(text))[0]
    try:
        if len(text) == 40 and len(z85.decode(text.encode())) == 32:
            return text
    except (ValueError, KeyError, UnicodeEncodeError):
        pass
    raise StreamError(f"a public key is 64 hexadecimal digits or a .key file, got {text!r:.80}: see rdr keys")


class KeyStore:
    """The keys in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        self._public, self._secret = self.folder / "own.key", self.folder / "own.key_secret"
        self._allowed = self.folder / "allowed"

    def make(self, replace: bool = False) -> str:
        """Make the own key pair; return the public key. StreamError where there is one and `replace` is not given."""
        if self._secret.exists() and not replace:
            raise StreamError(
                f"there is a key pair in {self.folder} already: --replace makes a new one, and everybody "
                "who has the old public key needs the new one"
            )
        public, secret = new_key_pair()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(self._secret, public, secret)
        _write(self._public, public)
        return public

    def own(self) -> tuple[str, str]:
        """Return the own public and secret key."""
        if not self._secret.exists():
            raise StreamError(f"no key pair in {self.folder}: make one with rdr keys new")
        if os.name == "posix" and self._secret.stat().st_mode & 0o077:
            raise StreamError(f"others can read {self._secret}: chmod 600 it, or rdr keys new --replace")
        public, secret = _read(self._secret)
        if secret is None:
            raise StreamError(f"{self._secret} has no secret key: make new keys with rdr keys new --replace")
        return public, secret

    def allow(self, name: str, key: str) -> None:
        """Let the owner of a public key (as `parse_key` takes it) connect; a name that is there gets the new key."""
        path = self._path_of(name)
        public = parse_key(key)
        self._allowed.mkdir(parents=True, exist_ok=True)
        _write(path, public)

    def revoke(self, name: str) -> None:
        """Let nobody of that name connect any more."""
        path = self._path_of(name)
        if not path.exists():
            names = ", ".join(self.allowed()) or "nobody"
            raise StreamError(f"{name} is not on the list: {names}")
        path.unlink()

    def allowed(self) -> dict[str, str]:
        """Return names and public keys of those who may connect."""
        return {path.stem: _read(path)[0] for path in sorted(self._allowed.glob("*.key"))}

    def server(self) -> CurveServer:
        """Return what a sender needs."""
        public, secret = self.own()
        allowed = self.allowed()
        if not allowed:
            raise StreamError("nobody may connect yet: rdr keys allow NAME KEY with the other machine's public key")
        return CurveServer(public, secret, frozenset(allowed.values()))

    def client(self, server_key: str) -> CurveClient:
        """Return what a receiver needs; server_key: the sender's public key, as `parse_key` takes it."""
        return CurveClient(*self.own(), server_key=parse_key(server_key))

    def _path_of(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise StreamError(f"a name must be 1 to 64 letters, digits, - or _, got {name!r:.80}")
        return self._allowed / f"{name}.key"


def _write(path: Path, public: str, secret: str | None = None) -> None:
    """Write a key file whole, readable by its owner only where it holds a secret."""
    lines = ["# Key of RDR Live, in ZeroMQ's format", "curve", f'    public-key = "{public}"']
    if secret is not None:
        lines.append(f'    secret-key = "{secret}"')
    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)
    mode = _SECRET_MODE if secret is not None else 0o644
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii") as file:
        file.write("\n".join([*lines, ""]))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _read(path: Path) -> tuple[str, str | None]:
    from zmq.auth import load_certificate

    try:
        public, secret = load_certificate(path)
        return parse_key(public.decode()), secret.decode() if secret is not None else None
    except (OSError, ValueError, StreamError) as error:
        raise StreamError(f"{path} is no key file: {error}; ask for the key anew") from None
