"""AFLW's 21 points (Table 1 of the paper), of which only the visible ones count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.aflw2000 import read_aflw2000
from rdr_core.data.datasets import Layout, detect_layout, read_dataset
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.evaluation.nme import box_size, nme, roi_size
from rdr_core.evaluation.point_schemes import to_aflw21
from rdr_core.evaluation.protocols.aflw2000 import lp_angles_deg
from rdr_core.evaluation.published import AFLW21
from rdr_core.evaluation.scores import (
    OURS,
    Evaluation,
    Predict,
    bin_curves,
    bin_row,
    binned,
    found,
    landmarks_3d_of,
    names_of,
    percent,
    picture_columns,
    rates,
    shape_of,
)
from rdr_core.evaluation.tables import Row
from rdr_core.types import Float32

_LAYOUTS: Final[tuple[Layout, ...]] = ("aflw", "aflw-csv", "aflw2000")


def evaluate_aflw21(folder: Path, predict: Predict, published: bool = False) -> Evaluation:
    """21 points over the size of the face, by bins of yaw.

    The size is sqrt(w h) of the box of the 68 fitted points, where the set has them: AFLW2000-3D, whose development
    part is in the data folder. AFLW itself has none; there it is sqrt(w h) of the face's rectangle, which is larger.
    """
    samples = _read_published(folder) if published else _read_development(folder)
    results = predict(samples)
    sets = [s.other for s in samples if s.other is not None]
    truth, visible = np.stack([s.points for s in sets]), np.stack([s.visible for s in sets if s.visible is not None])
    predicted = to_aflw21(shape_of(results), landmarks_3d_of(results))
    sizes = _sizes(samples)
    by = {name: nme(predicted, truth, size, visible) for name, size in sizes.items()}
    name, errors = next(iter(by.items()))
    yaw = _yaw_deg(samples)
    return Evaluation(
        f"AFLW-21{' on the AFLW2000-3D development part' if not published else ''} ({name})",
        _scores(by, yaw) | rates(errors) | found(results),
        names_of(results),
        errors,
        picture_columns(results, yaw) | {f"nme_by_{n}".replace(" ", "_"): e for n, e in by.items()},
        {} if yaw is None else bin_curves(errors, yaw),
        (AFLW21.with_rows(_rows(by, yaw, not published)),),
    )


def _read_development(data: Path) -> list[FaceSample]:
    samples = [face.sample for face in read_aflw2000(data) if face.sample.other is not None]
    if not samples:
        raise DataError(f"{data}: the manifest of AFLW2000-3D has no `pts21` and `vis21`")
    return samples


def _read_published(folder: Path) -> list[FaceSample]:
    """Faces with 21 points and a size; where a set has no box of landmarks, crops are around the face's rectangle."""
    layout = detect_layout(folder)
    if layout not in _LAYOUTS:
        raise DataError(f"{folder}: looks like {layout}; AFLW's 21 points are in {', '.join(_LAYOUTS)}")
    samples = [
        replace(s, box_xyxy=s.face_box_xyxy if s.box_xyxy is None else s.box_xyxy)
        for s in read_dataset(layout, folder).samples
        if s.other is not None and s.other.scheme == "aflw21"
    ]
    chosen = [sample for sample in samples if sample.box_xyxy is not None]
    if not chosen:
        raise DataError(f"{folder}: no face with AFLW's 21 points and a rectangle")
    return chosen


def _sizes(samples: Sequence[FaceSample]) -> dict[str, Float32]:
    """What errors are divided by, (M,) px each; the main one first."""
    points = [s.landmarks_3d for s in samples if s.landmarks_3d is not None]
    if len(points) == len(samples):
        return {"box": box_size(np.stack(points)), "roi": roi_size(np.stack(points))}
    box = np.stack([s.box_xyxy for s in samples if s.box_xyxy is not None])
    return {"face rectangle": np.sqrt((box[:, 2:] - box[:, :2]).prod(axis=1))}


def _yaw_deg(samples: Sequence[FaceSample]) -> Float32 | None:
    """(M,) annotated yaw, in AFLW2000-3D that of its files, NaN where a face has none; None where no face has one."""
    yaw = np.array([_yaw_of(s.euler_rad, s.landmarks_3d is not None) for s in samples])
    return None if np.isnan(yaw).all() else yaw


def _yaw_of(euler_rad: Float32 | None, fitted: bool) -> float:
    if euler_rad is None:
        return float("nan")
    return float((lp_angles_deg(euler_rad) if fitted else np.degrees(euler_rad))[1])


def _scores(by: dict[str, Float32], yaw_deg: Float32 | None) -> dict[str, float]:
    scores = {}
    for name, errors in by.items():
        scores[f"NME by {name}"] = percent(errors)
        if yaw_deg is not None:
            scores |= binned(f"NME by {name}", errors, yaw_deg)
    return scores


def _rows(by: dict[str, Float32], yaw_deg: Float32 | None, development: bool) -> list[Row]:
    pictures = "AFLW2000-3D development part" if development else "your folder"
    rows = []
    for name, errors in by.items():
        source = f"{pictures}, by {name}"
        if yaw_deg is None:
            rows.append(
                Row(OURS, (None, None, None, percent(errors), None), f"{source}, all faces: no yaw is annotated")
            )
        else:
            rows.append(bin_row(OURS, errors, yaw_deg, source))
    return rows
