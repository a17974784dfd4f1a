"""`rdr keys`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from avatar_bridge.errors import StreamError


def keys(
    action: Annotated[Literal["show", "new", "allow", "revoke"], tyro.conf.Positional] = "show",
    name: Annotated[str, tyro.conf.Positional] = "",
    key: Annotated[str, tyro.conf.Positional] = "",
    folder: Path | None = None,
    replace: bool = False,
) -> None:
    """Keys for streams between machines: encrypted, and for the machines on a list only.

    On each machine make a key pair once ("new"). On the machine that tracks, "allow" the public keys of the others; on
    those, give the tracker's public key as --server-key.

    Examples:
        rdr keys new
        rdr keys allow laptop KEY_OF_THE_LAPTOP
        rdr keys revoke laptop
        rdr track 0 --endpoint tcp://0.0.0.0:5570
        rdr preview --endpoint tcp://studio.local:5570 --server-key KEY_OF_THE_TRACKER

    Args:
        action: show: the own public key and who may connect; new: make a key pair; allow, revoke: change the list.
        name: Whom to allow or revoke: letters, digits, - and _.
        key: With allow: their public key, 64 hexadecimal digits or a .key file.
        folder: Where the keys are; default: the user's configuration folder.
        replace: With new: in place of the pair that is there.
    """
    from avatar_bridge.keys import KeyStore, to_hex

    store = KeyStore(folder)
    if (action in ("allow", "revoke") and not name) or (action == "allow" and not key):
        raise StreamError(f"rdr keys {action} needs {'NAME KEY' if action == 'allow' else 'NAME'}: see rdr keys --help")
    if action == "new":
        print(f"public key: {to_hex(store.make(replace))}\nkept in {store.folder}; allow it where rdr track runs")
    elif action == "allow":
        store.allow(name, key)
        print(f"{name} may connect to streams that are started from now on")
    elif action == "revoke":
        store.revoke(name)
        print(f"{name} may not connect to streams that are started from now on")
    else:
        print(f"public key: {to_hex(store.own()[0])}\nin {store.folder}")
        for allowed, public in store.allowed().items():
            print(f"may connect: {allowed}  {to_hex(public)}")
