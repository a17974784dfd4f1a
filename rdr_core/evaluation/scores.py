"""What a protocol makes of its pictures: numbers, errors per picture, curves and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError, NoFaceError
from rdr_core.evaluation.nme import area_under_curve, failure_rate
from rdr_core.evaluation.tables import Row, Table
from rdr_core.inference.images import ImageResult
from rdr_core.types import Float32

YAW_BINS: Final = ((0, 30), (30, 60), (60, 90))
"""Degrees of absolute yaw; the last one also holds what is beyond."""
BIN_NAMES: Final = tuple(f"{low}-{high}" for low, high in YAW_BINS)
OURS: Final = "this network"
Predict = Callable[[Sequence[FaceSample]], list[ImageResult]]
"""`predict_images` with everything but the samples given."""


@dataclass(frozen=True)
class Evaluation:
    """Numbers of one benchmark."""

    title: str
    scores: dict[str, float]
    """NME in %, rates in %, angles in degrees, times in ms."""
    names: list[str]
    errors: Float32
    """(M,) per-picture NME of the main measure, as a share."""
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    """What else the CSV says of each picture: (M,) each; NMEs as shares."""
    curves: dict[str, Float32] = field(default_factory=dict)
    """Errors (m,) of each curve to draw, as shares; the main measure's by default."""
    tables: tuple[Table, ...] = ()
    details: tuple[Table, ...] = ()
    """Long tables, each a CSV of its own."""

    @property
    def slug(self) -> str:
        """What its files are called."""
        return self.title.split(" (")[0].replace(" ", "_").lower()


def column(results: Sequence[ImageResult], read: Callable[[ImageResult], Float32 | None]) -> Float32:
    """Stack what `read` returns; NaN where no face was found."""
    values = [None if r.prediction is None else read(r) for r in results]
    shape = next((v.shape for v in values if v is not None), None)
    if shape is None:
        raise NoFaceError(f"no face was found in any of the {len(results)} pictures: are these the right pictures?")
    return np.stack([np.full(shape, np.nan, np.float32) if v is None else v for v in values])


def shape_of(results: Sequence[ImageResult]) -> Float32:
    """S, (M, 68, 2) image px."""
    return column(results, lambda r: None if r.prediction is None else r.prediction.shape)


def landmarks_3d_of(results: Sequence[ImageResult]) -> Float32:
    """The head's own points, (M, 68, 3) image px."""
    return column(results, lambda r: None if r.prediction is None else r.prediction.landmarks_3d)


def euler_of(results: Sequence[ImageResult]) -> Float32:
    """Pitch, yaw, roll (M, 3), rad."""
    return column(results, lambda r: None if r.prediction is None else r.prediction.pose.euler_rad)


def names_of(results: Sequence[ImageResult]) -> list[str]:
    return [r.sample.name for r in results]


def rates(errors: Float32) -> dict[str, float]:
    """Failure rates and area under the cumulative curve, %."""
    return {
        "FR@8": 100 * failure_rate(errors, 0.08),
        "FR@10": 100 * failure_rate(errors, 0.10),
        "AUC@8": 100 * area_under_curve(errors, 0.08),
    }


def found(results: Sequence[ImageResult]) -> dict[str, float]:
    """How many faces, how many of them were found, and how fast."""
    seen = [r for r in results if r.prediction is not None]
    return {
        "faces": float(len(results)),
        "found %": 100 * len(seen) / len(results),
        "ms per face (median)": float(np.median([r.milliseconds for r in seen])),
    }


def picture_columns(results: Sequence[ImageResult], yaw_deg: Float32 | None = None) -> dict[str, np.ndarray]:
    """Columns that every CSV has.

    `yaw_deg`: (M,) as annotated; ours where the set says nothing.
    """
    yaw = np.degrees(euler_of(results)[:, 1]) if yaw_deg is None else yaw_deg
    seen = np.array([r.prediction is not None for r in results])
    return {"yaw_deg": yaw, "found": seen, "ms": np.array([r.milliseconds for r in results])}


def inside(yaw_deg: Float32, number: int) -> np.ndarray:
    """Say which yaws (M,) are in bin `number`."""
    low, high = YAW_BINS[number]
    last = number == len(YAW_BINS) - 1
    return (np.abs(yaw_deg) >= low) & ((np.abs(yaw_deg) < high) | last)


def binned(name: str, errors: Float32, yaw_deg: Float32) -> dict[str, float]:
    """Mean error in % of each bin, mean and standard deviation of the bins; an empty bin is left out."""
    scores, means = {}, []
    for number, bin_name in enumerate(BIN_NAMES):
        chosen = inside(yaw_deg, number)
        if chosen.any():
            means.append(100 * float(errors[chosen].mean()))
            scores[f"{name}, yaw {bin_name} ({int(chosen.sum())})"] = means[-1]
    if not means:
        raise DataError(f"{name}: no face has a yaw")
    return scores | {f"{name}, mean of bins": float(np.mean(means)), f"{name}, std of bins": float(np.std(means))}


BIN_COLUMNS: Final = (*BIN_NAMES, "mean", "std")
"""Columns of `bin_row`."""


def bin_row(name: str, errors: Float32, yaw_deg: Float32, source: str = "") -> Row:
    """Row of a table with `BIN_COLUMNS`: the bins in %, their mean and standard deviation."""
    chosen = [inside(yaw_deg, number) for number in range(len(YAW_BINS))]
    means = [100 * float(errors[c].mean()) if c.any() else None for c in chosen]
    known = [mean for mean in means if mean is not None]
    return Row(name, (*means, float(np.mean(known)), float(np.std(known))), source)


def bin_curves(errors: Float32, yaw_deg: Float32) -> dict[str, Float32]:
    """Curves of the bins and of all faces, named with how many there are."""
    parts = {name: errors[inside(yaw_deg, number)] for number, name in enumerate(BIN_NAMES)}
    bins = {f"yaw {name} ({len(part)})": part for name, part in parts.items() if len(part)}
    return bins | {f"all ({len(errors)})": errors}


def percent(errors: Float32) -> float:
    """Mean of errors (M,), in %."""
    return 100 * float(errors.mean())
