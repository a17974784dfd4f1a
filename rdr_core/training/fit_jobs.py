"""The work of fitting a data set, cut into jobs that any process can do: one person, one way round."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from rdr_core import __version__
from rdr_core.data.sample import FaceSample
from rdr_core.errors import AssetError, DataError
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.face_model.fingerprint import fingerprint as fingerprint_of_model
from rdr_core.fitting.fit_group import FitConfig, face_box_size, fit_group
from rdr_core.landmarks import N_LANDMARKS
from rdr_core.training.targets import TargetTable, mirror_points
from rdr_core.types import Float32


@dataclass(frozen=True, eq=False)
class FitJob:
    """Faces of one person, fitted together."""

    names: tuple[str, ...]
    points: Float32
    """(G, 68, 2) annotated landmarks, image px; flipped where `mirrored`."""
    mirrored: bool
    contour: bool
    """The jaw is annotated on the visible contour, not at the head's own points."""

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Failure:
    """A face that has no fit."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class FittedRows:
    """Rows of the table to be, with the job that each belongs to; M rows."""

    table: TargetTable
    job: np.ndarray
    """(M,) int64 number of the job."""
    seconds: Float32
    """(M,) float32 processor time of each fit."""

    def __len__(self) -> int:
        return len(self.job)

    @classmethod
    def concatenate(cls, rows: Sequence[FittedRows]) -> FittedRows:
        """Put rows, at least one, below each other."""
        table = TargetTable.concatenate([r.table for r in rows])
        return cls(table, np.concatenate([r.job for r in rows]), np.concatenate([r.seconds for r in rows]))

    def in_order(self) -> FittedRows:
        """Sort by job: in which order they were done does not show."""
        order = np.argsort(self.job, kind="stable")
        return FittedRows(self.table.where(order), self.job[order], self.seconds[order])


Chunk = list[tuple[int, FitJob]]
"""Numbered jobs that go to a process together."""


def jobs_of(samples: Iterable[FaceSample], mirror: bool) -> tuple[list[FitJob], list[Failure]]:
    """Cut samples into jobs, those of one `person` together, flipped jobs after their originals.

    A face's `shape` (jaw on the contour) is taken where it has one, else its `landmarks_3d`; a person with faces of
    both kinds becomes two jobs. Faces without usable landmarks are returned as failures.
    """
    groups: dict[tuple[str, bool], list[tuple[str, Float32]]] = defaultdict(list)
    failures = []
    for number, sample in enumerate(samples):
        points, contour = (sample.landmarks_3d, False) if sample.shape is None else (sample.shape, True)
        reason = _unusable(points) if points is not None else _absent(sample)
        if points is None or reason:
            failures.append(Failure(sample.name, reason))
            continue
        person = f"face {number}" if sample.person is None else f"person {sample.person}"
        groups[person, contour].append((sample.name, points[:, :2].astype(np.float32)))
    jobs = []
    for (_, contour), faces in groups.items():
        names, points = tuple(name for name, _ in faces), np.stack([face for _, face in faces])
        for flip in (False, True) if mirror else (False,):
            jobs.append(FitJob(names, mirror_points(points) if flip else points, flip, contour))
    return jobs, failures


def _absent(sample: FaceSample) -> str:
    if sample.other:
        return f"has landmarks of the scheme {sample.other.scheme}; only the 68 of iBUG can be fitted"
    return "has no landmarks to fit (`pts68` in a manifest)"


def _unusable(points: Float32) -> str:
    if points.ndim != 2 or points.shape[0] != N_LANDMARKS or points.shape[1] < 2:
        return f"has landmarks of shape {points.shape}; only the 68 of iBUG can be fitted"
    if not np.isfinite(points).all():
        return "has landmarks that are not finite"
    if not face_box_size(points[:, :2]) >= 1:
        return "has landmarks that span less than a pixel"
    return ""


def chunks_of(numbered: Sequence[tuple[int, FitJob]], faces: int) -> Iterator[Chunk]:
    """Gather jobs until a chunk has at least so many faces."""
    chunk: Chunk = []
    for number, job in numbered:
        chunk.append((number, job))
        if sum(len(job) for _, job in chunk) >= faces:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def fit_chunk(chunk: Chunk, config: FitConfig, program: str) -> list[FittedRows | str]:
    """Do jobs: the rows of each, or why it cannot be fitted.

    Args:
        program: `program_digest` of who asks; AssetError where this process would fit something else.
    """
    if program != program_digest():
        raise AssetError(
            "the machine that fits has another version of the program or its face model: install the same everywhere"
        )
    return [_fit(number, job, config) for number, job in chunk]


def _fit(number: int, job: FitJob, config: FitConfig) -> FittedRows | str:
    model = default_face_model()
    started = time.process_time()
    try:
        fits = fit_group(model, job.points, config, job.contour)
    except (DataError, ArithmeticError, ValueError) as error:  # among them numpy's LinAlgError
        return f"cannot be fitted ({error})"
    table = TargetTable.of_fits(job.names, job.mirrored, job.points, fits)
    if not np.isfinite(table.error).all():
        return "cannot be fitted (its fit is not finite)"
    each = np.float32((time.process_time() - started) / len(job))
    return FittedRows(table, np.full(len(job), number, np.int64), np.full(len(job), each))


def fingerprint(jobs: Iterable[FitJob], config: FitConfig) -> str:
    """Name the result of the jobs: the same faces, settings, program and face model, and only those, give the same."""
    settings = asdict(replace(config, max_error=1.0))  # only sifts what was fitted
    digest = hashlib.sha256(f"{program_digest()} {sorted(settings.items())}".encode())
    for job in jobs:
        digest.update(repr((job.names, job.mirrored, job.contour)).encode())
        digest.update(np.ascontiguousarray(job.points, np.float32).tobytes())
    return digest.hexdigest()


def program_digest() -> str:
    """Name the program's version and the face model in use."""
    return f"{__version__} {fingerprint_of_model(default_face_model())}"
