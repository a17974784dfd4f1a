"""Q* and S* of a data set: fitted once, kept as a table, both ways round (flipping is an augmentation)."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.fitting.fit_group import Fit, FitConfig, fit_group
from rdr_core.landmarks import MIRROR
from rdr_core.types import Float32


@dataclass(frozen=True)
class TargetTable:
    """Fits of M faces; every array has M rows. `mirrored` rows are fits of the face flipped about x = 0."""

    names: np.ndarray
    """(M,) str."""
    mirrored: np.ndarray
    """(M,) bool."""
    shape: Float32
    """(M, 68, 2) S*, image px (x negated where mirrored)."""
    projected_shape: Float32
    """(M, 68, 2) S_p of the fit, image px."""
    landmarks_3d: Float32
    """(M, 68, 3) the head's own points, px."""
    euler_rad: Float32
    """(M, 3)."""
    translation_px: Float32
    """(M, 3)."""
    scale_px_per_cm: Float32
    """(M,)."""
    alpha_id: Float32
    """(M, I)."""
    alpha_exp: Float32
    """(M, E)."""
    error: Float32
    """(M,) mean distance over sqrt(w h) of the annotated box."""

    def __len__(self) -> int:
        return len(self.names)

    def where(self, mask: np.ndarray) -> TargetTable:
        """Return the rows of a mask (M,) bool."""
        return TargetTable(**{field.name: getattr(self, field.name)[mask] for field in fields(self)})

    def save(self, path: Path) -> None:
        """Write an npz; it appears only when it is whole."""
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> TargetTable:
        """Read what `save` wrote; DataError where it is not that."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return cls(**{field.name: archive[field.name] for field in fields(cls)})
        except FileNotFoundError as error:
            raise DataError(f"{path}: no such table of fits; make it with rdr fit") from error
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataError(f"{path}: not a table of fits ({error}); make it again with rdr fit") from error


Job = tuple[list[str], Float32, bool, bool]


def fit_samples(
    samples: Sequence[FaceSample],
    config: FitConfig | None = None,
    mirror: bool = False,
    jobs: int | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> TargetTable:
    """Fit annotated faces; those of one `person` share alpha_id.

    Args:
        samples: faces with `shape` (jaw on the contour) or `landmarks_3d` (jaw at the head's own points).
        mirror: fit each face flipped, too.
        jobs: processes, all cores by default.
        progress: called with the number of faces done since the last call.
    """
    groups: dict[str, list[FaceSample]] = defaultdict(list)
    for number, sample in enumerate(samples):
        groups[f"person {sample.person}" if sample.person else f"face {number}"].append(sample)
    work = [
        job
        for group in groups.values()
        for flip in ((False, True) if mirror else (False,))
        for job in _jobs(group, flip)
    ]
    rows: list[tuple[str, bool, Float32, Fit]] = []
    for job, fits in zip(work, _run(work, config or FitConfig(), jobs), strict=True):
        rows += [(name, job[2], shape, fit) for name, shape, fit in zip(job[0], job[1], fits, strict=True)]
        progress(len(fits))
    return _table(rows)


def _jobs(group: list[FaceSample], flip: bool) -> Iterator[Job]:
    for contour in (True, False):
        annotated = [(s.name, s.shape if contour else s.landmarks_3d) for s in group]
        found = [(name, points[:, :2]) for name, points in annotated if points is not None]
        if found:
            points = np.stack([p for _, p in found])
            yield [name for name, _ in found], mirror_points(points) if flip else points, flip, contour
            return
    raise DataError(f"{group[0].name}: has no landmarks to fit (`pts68` in the manifest)")


def mirror_points(points: Float32) -> Float32:
    """Flip (..., 68, 2) landmarks about x = 0: negated x, left and right exchanged."""
    return points[..., MIRROR, :] * np.array([-1, 1], np.float32)


def _run(work: list[Job], config: FitConfig, jobs: int | None) -> Iterator[list[Fit]]:
    jobs = jobs or os.cpu_count() or 1
    if jobs == 1 or len(work) < 8:
        model = default_face_model()
        yield from (_fit(model, job, config) for job in work)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_fit_in_process, work, [config] * len(work), chunksize=8)


def _fit_in_process(job: Job, config: FitConfig) -> list[Fit]:
    return _fit(default_face_model(), job, config)


def _fit(model: DynamicExpressionModel, job: Job, config: FitConfig) -> list[Fit]:
    return fit_group(model, job[1], config, contour=job[3])


def _table(rows: list[tuple[str, bool, Float32, Fit]]) -> TargetTable:
    fits = [fit for *_, fit in rows]
    return TargetTable(
        np.array([name for name, *_ in rows]),
        np.array([flip for _, flip, *_ in rows]),
        np.stack([shape for _, _, shape, _ in rows]).astype(np.float32),
        np.stack([fit.projected_shape for fit in fits]),
        np.stack([fit.landmarks_3d for fit in fits]),
        np.stack([fit.pose.euler_rad for fit in fits]),
        np.stack([fit.pose.translation_px for fit in fits]),
        np.array([fit.pose.scale_px_per_cm for fit in fits], np.float32),
        np.stack([fit.alpha_id for fit in fits]),
        np.stack([fit.alpha_exp for fit in fits]),
        np.array([fit.error for fit in fits], np.float32),
    )
