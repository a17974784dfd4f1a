"""What of a long fit is done already: a folder of parts beside the table to be, so that nothing is fitted twice."""

from __future__ import annotations

import json
import logging
import time
import zipfile
import zlib
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.errors import ConfigError
from rdr_core.training.fit_jobs import FittedRows
from rdr_core.training.targets import TargetTable

log = logging.getLogger(__name__)
_NOTE: Final = "run.json"
_KEY: Final = "fingerprint"
_PARTS: Final = "part-*.npz"
_SHARE: Final = 0.02


class FitJournal:
    """Parts of a table, each a file that appears when it is whole. One process writes, rows are kept in memory, too."""

    def __init__(self, folder: Path, fingerprint: str, every_s: float = 0.2) -> None:
        """Open or begin a journal.

        Args:
            folder: where the parts lie; made with the first.
            fingerprint: names the work; ConfigError where the folder holds parts of other work.
            every_s: how long rows may stay unwritten at first. Later it is two hundredths of the time that has
                passed: a crash costs little, and days of work do not make a million files.
        """
        self.folder, self.every_s = folder, every_s
        self._unwritten: list[FittedRows] = []
        self._began_s = self._written_s = time.monotonic()
        self._note, self._fingerprint = folder / _NOTE, fingerprint
        parts = sorted(folder.glob(_PARTS))
        if parts or self._note.exists():
            self._check()
        self.rows = [rows for path in parts if (rows := _read(path)) is not None]

    def _check(self) -> None:
        try:
            same = json.loads(self._note.read_text())[_KEY] == self._fingerprint
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise ConfigError(
                f"{self.folder} keeps an unfinished fit of other faces or settings, or of another version: "
                "give another --out, or delete that folder"
            )

    def done(self) -> set[int]:
        """Return the numbers of the jobs whose rows are at hand."""
        return {int(number) for rows in self.rows for number in np.unique(rows.job)}

    def add(self, rows: FittedRows) -> None:
        """Keep the rows of a whole job; they are written now or with later ones."""
        self.rows.append(rows)
        self._unwritten.append(rows)
        now = time.monotonic()
        if now - self._written_s > max(self.every_s, _SHARE * (now - self._began_s)):
            self.write()

    def write(self) -> None:
        """Write a part with what is not written yet. Only now there is a folder: who fitted nothing leaves nothing."""
        if self._unwritten:
            if not self._note.exists():
                with whole_file(self._note) as temporary:
                    temporary.write_text(json.dumps({_KEY: self._fingerprint}) + "\n")
            rows = FittedRows.concatenate(self._unwritten)
            columns = {f.name: getattr(rows.table, f.name) for f in fields(TargetTable)}
            with whole_file(self._new_part()) as temporary, temporary.open("wb") as file:
                np.savez(file, job=rows.job, seconds=rows.seconds, **columns)
            self._unwritten.clear()
        self._written_s = time.monotonic()

    def _new_part(self) -> Path:
        taken = [int(path.stem.removeprefix("part-")) for path in self.folder.glob(_PARTS)]
        return self.folder / f"part-{max(taken, default=-1) + 1:06d}.npz"


def forget(folder: Path) -> None:
    """Delete a journal, if there is one: its table is written. Files that are not the journal's stay."""
    for path in [*folder.glob(_PARTS), folder / _NOTE, *folder.glob(".*.part.*")]:
        path.unlink(missing_ok=True)
    with suppress(OSError):  # no such folder, or not empty
        folder.rmdir()


def _read(path: Path) -> FittedRows | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            table = TargetTable(**{field.name: archive[field.name] for field in fields(TargetTable)})
            rows = FittedRows(table, archive["job"].astype(np.int64), archive["seconds"].astype(np.float32))
        lengths = {len(getattr(table, field.name)) for field in fields(TargetTable)} | {len(rows.seconds)}
        if lengths != {len(rows)}:
            raise ValueError(f"columns of different lengths {sorted(lengths)}")
        return rows
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        log.warning("%s cannot be read (%s): what was in it is fitted again", path, error)
        path.unlink(missing_ok=True)
        return None
