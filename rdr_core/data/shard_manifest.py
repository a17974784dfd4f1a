"""The manifest of a set of shards: what they are, who made them from what, and how to tell that they are whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from rdr_core.atomic import whole_file
from rdr_core.errors import DataError

SCHEMA_VERSION: Final = "1"
MAX_MANIFEST_BYTES: Final = 64 << 20
OPEN: Final = "open"
RESEARCH_ONLY: Final = "research-only"
_FILE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.tar")  # a plain name: a manifest may come from anywhere
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ShardEntry:
    """One shard of a manifest."""

    file: str
    """Name, beside the manifest."""
    samples: int
    faces: int
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        numbers = (self.samples, self.faces, self.bytes)
        if not all(type(number) is int for number in numbers) or not 0 <= self.faces <= self.samples or self.bytes < 1:
            raise ValueError(f"samples, faces and bytes of {self.file!r} are {numbers}")
        if not _FILE.fullmatch(self.file) or not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.file!r} is no plain name of a tar, or {self.sha256!r} no SHA-256")


@dataclass(frozen=True)
class ShardManifest:
    """All shards of one generator, configuration and seed."""

    name: str
    """Shards are NAME-000000.tar and so on; the manifest is NAME.json."""
    generator: str
    """The program that made the samples, e.g. "rdr synth"."""
    config: dict[str, Any]
    """Its whole configuration."""
    seed: int
    licence: str
    """Of the pictures, and so of what is learned from them: "open", "research-only", or what their owner says."""
    sources: tuple[str, ...]
    """Data sets and assets that went in."""
    program_version: str
    shards: tuple[ShardEntry, ...] = ()

    @property
    def samples(self) -> int:
        return sum(shard.samples for shard in self.shards)

    @property
    def faces(self) -> int:
        return sum(shard.faces for shard in self.shards)

    @property
    def bytes(self) -> int:
        return sum(shard.bytes for shard in self.shards)

    def made_as(self, other: ShardManifest) -> list[str]:
        """Names of the fields, shards aside, in which another differs."""
        names = [field.name for field in fields(self) if field.name != "shards"]
        return [name for name in names if getattr(self, name) != getattr(other, name)]

    def with_shard(self, entry: ShardEntry) -> ShardManifest:
        """Return one with a shard added, or replaced where it has one of that name."""
        others = [shard for shard in self.shards if shard.file != entry.file]
        return replace(self, shards=tuple(sorted([*others, entry], key=lambda shard: shard.file)))

    def save(self, path: Path) -> None:
        """Write JSON; it appears only when it is whole."""
        totals = {"samples": self.samples, "faces": self.faces, "bytes": self.bytes}
        rows = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "shards"}
        content = {"schema_version": SCHEMA_VERSION} | rows | totals | {"shards": [asdict(s) for s in self.shards]}
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, where: str | None = None) -> ShardManifest:
        """Read what `save` wrote; DataError in one line, about `where` or the path, where it is not that."""
        where = where or str(path)
        try:
            if path.stat().st_size > MAX_MANIFEST_BYTES:
                raise ValueError("too large")
            row = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DataError(f"{where}: no such manifest of shards") from error
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{where}: not a manifest of shards ({error})") from error
        return cls._from_json(row, where)

    @classmethod
    def _from_json(cls, row: Any, where: str) -> ShardManifest:
        try:
            if row["schema_version"] != SCHEMA_VERSION:
                raise ValueError(f"schema {row['schema_version']!r}, this program reads {SCHEMA_VERSION}")
            if not isinstance(row["config"], dict) or type(row["seed"]) is not int:
                raise ValueError("`config` is an object and `seed` a whole number")
            text = {name: str(row[name]) for name in ("name", "generator", "licence", "program_version")}
            sources = tuple(str(source) for source in row["sources"])
            shards = tuple(ShardEntry(**entry) for entry in row["shards"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}: not a manifest of shards ({type(error).__name__}: {error})") from error
        if len({shard.file for shard in shards}) < len(shards):
            raise DataError(f"{where}: names a shard twice")
        return cls(**text, config=row["config"], seed=row["seed"], sources=sources, shards=shards)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def union_of_licences(licences: Iterable[str]) -> str:
    """What may be done with something made from all: "open" only if all are, "research-only" if one is."""
    found = set(licences)
    if not found or RESEARCH_ONLY in found:
        return RESEARCH_ONLY
    return OPEN if found == {OPEN} else " + ".join(sorted(found - {OPEN}))
