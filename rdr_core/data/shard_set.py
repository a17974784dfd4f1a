"""Sets of shards, on disk or on the web, by their manifests."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Final, Self
from urllib.parse import urljoin

from rdr_core.data.fetch import fetch, is_url
from rdr_core.data.shard import OnBroken, Shard
from rdr_core.data.shard_manifest import MAX_MANIFEST_BYTES, ShardEntry, ShardManifest, sha256_of, union_of_licences
from rdr_core.errors import DataError

logger = logging.getLogger(__name__)

_SHARD: Final = re.compile(r"(.+)-\d{6}\.tar")
_PATIENCE_S: Final = 600.0
"""How long a process waits for another one to fetch a shard."""
_POLL_S: Final = 0.1


@dataclass(frozen=True)
class ShardFile:
    """A shard and what its manifest says of it."""

    where: str
    """Path, or http(s) address."""
    entry: ShardEntry

    def open(self, spool: Spool | None = None, on_broken: OnBroken = "fail") -> Shard:
        """Open the shard for reading; one of the web by way of the spool.

        Raises:
            DataError: it cannot be had or is not what the manifest says; with `on_broken` "skip" only if there is none.
        """
        if is_url(self.where) and spool is None:
            raise DataError(f"{self.where}: a shard of the web is read by way of a spool folder")
        path = spool.path(self) if spool is not None and is_url(self.where) else Path(self.where)
        shard = Shard(path, on_broken)
        if on_broken == "fail" and (path.stat().st_size, len(shard)) != (self.entry.bytes, self.entry.samples):
            shard.close()
            raise DataError(f"{path}: is not the shard that its manifest records: copy or write it again")
        return shard

    def problems(self, spool: Spool | None = None) -> Iterator[str]:
        """Yield what is wrong with the shard: its bytes, its pictures and labels, its counts."""
        try:
            with self.open(spool) as shard:
                if sha256_of(shard.path) != self.entry.sha256:
                    yield f"{self.where}: its content is not that of the manifest (SHA-256)"
                faces = 0
                for index in range(len(shard)):
                    try:
                        sample = shard.sample(index)
                        sample.image()
                        faces += sample.label is not None
                    except DataError as error:
                        yield str(error)
                if (len(shard), faces) != (self.entry.samples, self.entry.faces):
                    expected = f"{self.entry.samples} samples with {self.entry.faces} faces"
                    yield f"{self.where}: holds {len(shard)} samples with {faces} faces, its manifest says {expected}"
        except DataError as error:
            yield str(error)


@dataclass(frozen=True)
class ShardSet:
    """Shards of one or several manifests, in a fixed order."""

    files: tuple[ShardFile, ...]
    manifests: tuple[ShardManifest, ...]

    @property
    def samples(self) -> int:
        return sum(file.entry.samples for file in self.files)

    @property
    def faces(self) -> int:
        return sum(file.entry.faces for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.entry.bytes for file in self.files)

    @property
    def licence(self) -> str:
        return union_of_licences(manifest.licence for manifest in self.manifests)

    @classmethod
    def open(cls, patterns: str | Sequence[str]) -> Self:
        """Find shards.

        Args:
            patterns: each a manifest (path or http(s) address), a folder, a tar or a glob of tars. Tars stand beside
                their manifest; those that it does not record are not finished and left out.

        Raises:
            DataError: nothing is found, or a manifest is missing or broken.
        """
        found: dict[str, tuple[ShardFile, ShardManifest]] = {}
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            for file, manifest in _find(pattern):
                found.setdefault(file.where, (file, manifest))
        manifests: list[ShardManifest] = []
        for _, manifest in found.values():
            if manifest not in manifests:
                manifests.append(manifest)
        shards = cls(tuple(file for file, _ in found.values()), tuple(manifests))
        if not shards.samples:
            raise DataError(f"{patterns}: no samples in these shards")
        return shards


def _find(pattern: str) -> Iterator[tuple[ShardFile, ShardManifest]]:
    if is_url(pattern):
        if not pattern.partition("?")[0].endswith(".json"):
            raise DataError(f"{pattern}: shards of the web are found by their manifest: give the address of NAME.json")
        with tempfile.TemporaryDirectory(prefix="rdr-shards-") as folder:
            path = Path(folder) / "manifest.json"
            fetch(pattern, path, MAX_MANIFEST_BYTES)
            manifest = ShardManifest.load(path, pattern)
        yield from ((ShardFile(urljoin(pattern, entry.file), entry), manifest) for entry in manifest.shards)
        return
    path = Path(pattern).expanduser()
    if path.suffix == ".json":
        manifest = ShardManifest.load(path)
        yield from ((ShardFile(str(path.parent / entry.file), entry), manifest) for entry in manifest.shards)
        return
    # what begins with a dot is still being written
    tars = sorted(path.glob("[!.]*.tar")) if path.is_dir() else [Path(name) for name in sorted(glob(str(path)))]
    if not tars:
        raise DataError(f"{pattern}: no shards here; give a manifest, a folder, or a pattern of tars in quotes")
    yield from _recorded(tars)


def _recorded(tars: list[Path]) -> Iterator[tuple[ShardFile, ShardManifest]]:
    manifests: dict[Path, tuple[ShardManifest, dict[str, ShardEntry]]] = {}
    for tar in tars:
        name = _SHARD.fullmatch(tar.name)
        if name is None:
            raise DataError(f"{tar}: shards are named NAME-000000.tar and stand beside their manifest NAME.json")
        path = tar.with_name(f"{name[1]}.json")
        if path not in manifests:
            manifest = ShardManifest.load(path)
            manifests[path] = manifest, {entry.file: entry for entry in manifest.shards}
        manifest, entries = manifests[path]
        if tar.name in entries:
            yield ShardFile(str(tar), entries[tar.name]), manifest
        else:
            logger.warning("%s: not recorded in %s, so not finished: left out", tar, path.name)


class Spool:
    """A folder that keeps shards of the web as long as they are needed; several processes may share it."""

    def __init__(self, folder: Path, keep: int) -> None:
        """`keep`: how many shards stay; the oldest go first."""
        self.folder, self.keep = folder, keep

    def path(self, file: ShardFile) -> Path:
        """Return where the shard lies, fetched and checked if it was not there; DataError where it cannot be had."""
        path = self.folder / f"{file.entry.sha256}.tar"
        lock = path.with_suffix(".lock")
        deadline = time.monotonic() + _PATIENCE_S
        while not path.exists():
            try:
                os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                if time.monotonic() > deadline:
                    raise DataError(f"{file.where}: another process did not finish fetching it") from None
                time.sleep(_POLL_S)
                continue
            try:
                if not path.exists():
                    fetch(file.where, path, file.entry.bytes, file.entry.sha256)
                    self._prune(path)
            finally:
                lock.unlink()
        return path

    def _prune(self, newest: Path) -> None:
        tars = [path for path in self.folder.glob("[0-9a-f]*.tar") if path != newest]
        for path in sorted(tars, key=_age)[: -self.keep + 1 or None]:
            try:
                path.unlink()  # who reads it goes on reading
            except OSError:
                logger.debug("%s stays: it is in use", path)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process was faster
        return 0.0
