"""Fitting a data set: samples in, Q* and S* out, on as many processes as there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.engines import Engine, Processes, ThisProcess
from rdr_core.data.reading import Broken
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError, RdrError
from rdr_core.fitting.fit_group import FitConfig
from rdr_core.training.fit_jobs import (
    Chunk,
    Failure,
    FitJob,
    FittedRows,
    chunks_of,
    fingerprint,
    fit_chunk,
    jobs_of,
    program_digest,
)
from rdr_core.training.fit_journal import FitJournal
from rdr_core.training.targets import TargetTable
from rdr_core.types import Float32

Progress = Callable[[int], object]
_FACES_A_CHUNK: Final = 16
"""About a second of work."""
_TRIES: Final = 3
"""Processes that a job may kill before it is given up: once in a chunk, twice alone."""
_HOPELESS: Final = 12
"""Processes that may die before the first has done anything."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fits of a data set; a face that could not be fitted one way round is left out altogether."""

    table: TargetTable
    seconds: Float32
    """(M,) float32 processor time of each fit."""
    failures: list[Failure]
    resumed: int = 0
    """How many of the fits an earlier, interrupted call had made."""


def fit_samples(
    samples: Sequence[FaceSample],
    config: FitConfig | None = None,
    mirror: bool = False,
    jobs: int | None = None,
    progress: Progress = lambda done: None,
) -> TargetTable:
    """Fit annotated faces on this machine; those of one `person` share alpha_id. DataError where one cannot be fitted.

    Args:
        samples: faces with `shape` (jaw on the contour) or `landmarks_3d` (jaw at the head's own points).
        mirror: fit each face flipped, too.
        jobs: processes, all cores by default.
        progress: called with the number of faces done since the last call.
    """
    here = jobs == 1 or len(samples) * (1 + mirror) < 8  # starting processes takes longer than fitting a few faces
    return fit_faces(samples, config, mirror, ThisProcess() if here else Processes(jobs or 0), progress=progress).table


def fit_faces(
    samples: Sequence[FaceSample],
    config: FitConfig | None = None,
    mirror: bool = False,
    engine: Engine | None = None,
    journal: Path | None = None,
    broken: Broken = "fail",
    progress: Progress = lambda done: None,
) -> Fitted:
    """Fit annotated faces on an engine.

    Args:
        samples: as for `fit_samples`.
        mirror: fit each face flipped, too.
        engine: all cores of this machine by default.
        journal: folder that keeps what is done while the rest is not: called again, only that is fitted. The caller
            lets go of it (`fit_journal.forget`) when the table is safe.
        broken: whether a face that cannot be fitted ends the work (DataError) or is listed in `failures`.
        progress: called with the number of faces done since the last call.

    Raises:
        DataError: see `broken`; or no face can be fitted.
        ConfigError: the journal belongs to other work.
    """
    config = config or FitConfig()
    work, failures = jobs_of(samples, mirror)
    kept = FitJournal(journal, fingerprint(work, config)) if journal else None
    run = _Run(work, config, broken, kept, failures, progress)
    try:
        run.on(engine or Processes())
    finally:  # also at Ctrl-C
        if kept:
            kept.write()
    return run.result()


class _Run:
    """Bookkeeping of one call: rows, failures, and what has to be tried again."""

    def __init__(
        self,
        work: list[FitJob],
        config: FitConfig,
        broken: Broken,
        journal: FitJournal | None,
        failures: list[Failure],
        progress: Progress,
    ) -> None:
        self.work, self.config, self.broken, self.journal, self.progress = work, config, broken, journal, progress
        self.failures: list[Failure] = []
        self.rows: list[FittedRows] = list(journal.rows) if journal else []
        self.resumed = self.lost_chunks = 0
        self.deaths: dict[int, int] = {}
        for failure in failures:
            self._fail(failure)

    def on(self, engine: Engine) -> None:
        done = self.journal.done() if self.journal else set()
        self.resumed = sum(len(self.work[number]) for number in done)
        self.progress(self.resumed)
        left = [(number, job) for number, job in enumerate(self.work) if number not in done]
        size = min(_FACES_A_CHUNK, 1 + sum(len(job) for _, job in left) // 32)  # few faces go to all processes, too
        waiting = deque(chunks_of(left, size))
        work = partial(fit_chunk, config=self.config, program=program_digest())
        with closing(engine.run(work, waiting)) as answers:
            for chunk, results in answers:
                if results is None:
                    waiting.extend(self._again(chunk))
                    continue
                for (_, job), result in zip(chunk, results, strict=True):
                    self._take(job, result)

    def _take(self, job: FitJob, result: FittedRows | str) -> None:
        if isinstance(result, str):
            for name in job.names:
                self._fail(Failure(name, result))
        else:
            self.rows.append(result)
            if self.journal:
                self.journal.add(result)
        self.progress(len(job))

    def _again(self, chunk: Chunk) -> list[Chunk]:
        """The process died: the chunk's jobs are tried alone, and given up when that has not helped."""
        self.lost_chunks += 1
        if self.lost_chunks >= _HOPELESS and not self.rows:
            raise RdrError("the processes that fit die as soon as they work: is there enough memory? try --jobs 1")
        again: list[Chunk] = []
        for number, job in chunk:
            self.deaths[number] = self.deaths.get(number, 0) + 1
            if self.deaths[number] < _TRIES:
                again.append([(number, job)])
            else:
                self._take(job, f"cannot be fitted (the process died {_TRIES} times, of memory perhaps)")
        return again

    def _fail(self, failure: Failure) -> None:
        if self.broken == "fail":
            raise DataError(f"{failure.name}: {failure.reason}")
        self.failures.append(failure)

    def result(self) -> Fitted:
        failures = {failure.name: failure for failure in self.failures}  # a face once, also where both ways round fail
        if self.rows:
            rows = FittedRows.concatenate(self.rows).in_order()
            whole = ~np.isin(rows.table.names, list(failures))
            if whole.any():
                table, seconds = rows.table.where(whole), rows.seconds[whole]
                return Fitted(table, seconds, list(failures.values()), self.resumed)
        first = f"; the first: {self.failures[0].name} {self.failures[0].reason}" if failures else ""
        raise DataError(f"there is no face that can be fitted{first}")
