"""Q* and S* of a data set: fitted once, kept as a table, both ways round (flipping is an augmentation)."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.errors import DataError
from rdr_core.fitting.fit_group import Fit
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

    def within(self, max_error: float) -> TargetTable:
        """Return the faces whose fits all have at most this error: one that fits one way round only is doubtful."""
        bad = np.unique(self.names[~(self.error <= max_error)])
        return self.where(~np.isin(self.names, bad))

    @classmethod
    def of_fits(cls, names: Sequence[str], mirrored: bool, shape: Float32, fits: Sequence[Fit]) -> TargetTable:
        """Make a table of G fits of the landmarks (G, 68, 2)."""
        return cls(
            np.array(names),
            np.full(len(fits), mirrored),
            np.asarray(shape, np.float32),
            np.stack([fit.projected_shape for fit in fits]),
            np.stack([fit.landmarks_3d for fit in fits]),
            np.stack([fit.pose.euler_rad for fit in fits]),
            np.stack([fit.pose.translation_px for fit in fits]),
            np.array([fit.pose.scale_px_per_cm for fit in fits], np.float32),
            np.stack([fit.alpha_id for fit in fits]),
            np.stack([fit.alpha_exp for fit in fits]),
            np.array([fit.error for fit in fits], np.float32),
        )

    @classmethod
    def concatenate(cls, tables: Sequence[TargetTable]) -> TargetTable:
        """Put tables, at least one, below each other."""
        return cls(**{f.name: np.concatenate([getattr(table, f.name) for table in tables]) for f in fields(cls)})

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


def mirror_points(points: Float32) -> Float32:
    """Flip (..., 68, 2) landmarks about x = 0: negated x, left and right exchanged."""
    return points[..., MIRROR, :] * np.array([-1, 1], np.float32)
