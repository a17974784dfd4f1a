"""The network that was adapted to a user, beside their model: NAME.adapted.json says which files it is.

Each network has file names of its own and NAME.adapted.json is put in place last, so whatever ends the program, the
former network or the new one is there whole. No torch here: tracking reads this.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from calibration.errors import AdaptationError
from calibration.store import UserStore
from rdr_core.atomic import whole_file

SCHEMA_VERSION: Final = 1
_ENDINGS: Final = (".onnx", ".safetensors")
_STEM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.adapted-[0-9a-f]{8}")


@dataclass(frozen=True)
class AdaptedNetwork:
    """A network of one user."""

    network: Path
    """NAME.adapted-TOKEN.onnx; its weights lie beside it."""
    user_sha256: str
    """Of the user model that it was made of."""
    base_sha256: str
    """Of the network that it was made from."""
    facts: dict[str, Any]
    """licence, model_card, created_unix_ns, report."""

    def problem(self, store: UserStore, name: str, base_sha256: str) -> str:
        """Say why it is not to be used, empty where it is."""
        if self.user_sha256 != hashlib.sha256(store.read(name)).hexdigest():
            return f"{name}'s face was calibrated anew since: rdr adapt --user {name} again"
        if self.base_sha256 != base_sha256:
            return "it was made from another network than the one asked for"
        missing = [e for e in _ENDINGS if not self.network.with_suffix(e).is_file()]
        return f"{self.network.stem}{missing[0]} is missing: rdr adapt --user {name} again" if missing else ""


def record_path(store: UserStore, name: str) -> Path:
    """Return where a user's record is, or would be."""
    return store.path(name).with_name(f"{name}.adapted.json")


def find_adapted(store: UserStore, name: str) -> AdaptedNetwork | None:
    """Return a user's network, None where there is none. AdaptationError: its record is damaged or newer."""
    path = record_path(store, name)
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"version {about['schema_version']!r:.20}, this program reads {SCHEMA_VERSION}")
        stem = about["network"]
        if not isinstance(stem, str) or not _STEM.fullmatch(stem) or not isinstance(about["facts"], dict):
            raise ValueError("it names no network")
        return AdaptedNetwork(
            path.with_name(stem + ".onnx"), str(about["user_sha256"]), str(about["base_sha256"]), about["facts"]
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise AdaptationError(
            f"{path}: not a whole record of an adapted network ({error}); delete it, or adapt again with rdr adapt "
            f"--user {name}"
        ) from error


def save_adapted(
    store: UserStore,
    name: str,
    write: Callable[[Path], object],
    user_sha256: str,
    base_sha256: str,
    facts: dict[str, Any],
) -> AdaptedNetwork:
    """Put a network in the place of the former one; `write` writes OUT.onnx and OUT.safetensors to the path it gets."""
    path = record_path(store, name)
    stem = f"{name}.adapted-{secrets.token_hex(4)}"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(path.with_name(stem))
        about = {
            "schema_version": SCHEMA_VERSION,
            "network": stem,
            "user_sha256": user_sha256,
            "base_sha256": base_sha256,
            "facts": facts,
        }
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(about, indent=1), encoding="utf-8")
    except BaseException:
        _remove(path.with_name(stem + ".onnx"))
        raise
    for other in path.parent.glob(f"{name}.adapted-*.onnx"):
        if other.stem != stem:
            _remove(other)
    return AdaptedNetwork(path.with_name(stem + ".onnx"), user_sha256, base_sha256, facts)


def forget_adapted(store: UserStore, name: str) -> bool:
    """Delete a user's network; True where there was one."""
    path = record_path(store, name)
    there = path.exists()
    path.unlink(missing_ok=True)
    for network in path.parent.glob(f"{name}.adapted-*"):
        network.unlink(missing_ok=True)
    return there


def _remove(network: Path) -> None:
    for ending in _ENDINGS:
        network.with_suffix(ending).unlink(missing_ok=True)
