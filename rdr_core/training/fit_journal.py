"""What of a long fit is done already: a folder of parts beside the table to be, so that nothing is fitted twice."""

from __future__ import annotations

import json
import logging
import shutil
import time
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.errors import ConfigError
from rdr_core.training.fit_jobs import FittedRows
from rdr_core.training.targets import TargetTable

log = logging.getLogger(__name__)
_KEY: Final = "fingerprint"


class FitJournal:
    """Parts of a table, each a file that appears when it is whole. One process writes, rows are kept in memory, too."""

    def __init__(self, folder: Path, fingerprint: str, every_s: float = 10.0) -> None:
        """Open or begin a journal.

        Args:
            folder: where the parts lie.
            fingerprint: names the work; ConfigError where the folder holds parts of other work.
            every_s: how much work, in seconds of waiting for it, a crash may cost.
        """
        self.folder, self.every_s = folder, every_s
        self._unwritten: list[FittedRows] = []
        self._written_s = time.monotonic()
        note = folder / "run.json"
        if note.exists():
            self._check(note, fingerprint)
        else:
            with whole_file(note) as temporary:
                temporary.write_text(json.dumps({_KEY: fingerprint}) + "\n")
        self.rows = [rows for path in sorted(folder.glob("part-*.npz")) if (rows := _read(path)) is not None]

    def _check(self, note: Path, fingerprint: str) -> None:
        try:
            same = json.loads(note.read_text())[_KEY] == fingerprint
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise ConfigError(
                f"{self.folder} keeps an unfinished fit of other faces, settings or another version: "
                "give another --out, or delete that folder"
            )

    def done(self) -> set[int]:
        """Return the numbers of the jobs whose rows are at hand."""
        return {int(number) for rows in self.rows for number in np.unique(rows.job)}

    def add(self, rows: FittedRows) -> None:
        """Keep the rows of whole jobs; they are written at the latest with the next after `every_s`."""
        self.rows.append(rows)
        self._unwritten.append(rows)
        if time.monotonic() - self._written_s > self.every_s:
            self.write()

    def write(self) -> None:
        """Write a part with what is not written yet."""
        if self._unwritten:
            rows = FittedRows.concatenate(self._unwritten)
            columns = {f.name: getattr(rows.table, f.name) for f in fields(TargetTable)}
            with whole_file(self._new_part()) as temporary, temporary.open("wb") as file:
                np.savez(file, job=rows.job, seconds=rows.seconds, **columns)
            self._unwritten.clear()
        self._written_s = time.monotonic()

    def _new_part(self) -> Path:
        taken = [int(path.stem.removeprefix("part-")) for path in self.folder.glob("part-*.npz")]
        return self.folder / f"part-{max(taken, default=-1) + 1:06d}.npz"

    def remove(self) -> None:
        """Delete the folder: the table is written."""
        shutil.rmtree(self.folder)


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
