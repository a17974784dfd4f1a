"""AFLW2000-3D: the same points of the head, hidden or not, so it is `landmarks_3d` that is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rdr_core.data.aflw2000 import lp_euler_from_matrix, read_aflw2000
from rdr_core.data.datasets import read_dataset
from rdr_core.data.sample import FaceSample
from rdr_core.evaluation.nme import box_size, nme
from rdr_core.evaluation.published import AFLW2000, AFLW2000_REANNOTATED, POSE
from rdr_core.evaluation.scores import (
    OURS,
    Evaluation,
    Predict,
    bin_curves,
    bin_row,
    binned,
    euler_of,
    found,
    landmarks_3d_of,
    names_of,
    picture_columns,
    rates,
)
from rdr_core.evaluation.tables import Row
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.types import Float32

_MAX_ANGLE_DEG = 99
"""Faces with a larger angle are left out of pose errors, by custom."""


def evaluate_aflw2000(folder: Path, predict: Predict, published: bool = False) -> Evaluation:
    """68 points over the box of the original annotation, by bins of yaw, and pose.

    The data folder has a development part of 500 with both annotations; a published folder of 2,000 has the original
    one only.
    """
    samples, reannotated = _read_published(folder) if published else _read_development(folder)
    results = predict(samples)
    original = np.stack([s.landmarks_3d[:, :2] for s in samples if s.landmarks_3d is not None])
    angles = lp_angles_deg(np.stack([s.euler_rad for s in samples if s.euler_rad is not None]))
    predicted, size, yaw = landmarks_3d_of(results)[..., :2], box_size(original), angles[:, 1]
    errors = nme(predicted, original, size)
    scores = binned("NME original", errors, yaw)
    tables = [AFLW2000.with_rows([bin_row(OURS, errors, yaw)])]
    columns, curves = picture_columns(results, yaw), bin_curves(errors, yaw)
    if reannotated is not None:
        again = nme(predicted, reannotated, size)
        scores |= binned("NME re-annotated", again, yaw)
        tables.append(AFLW2000_REANNOTATED.with_rows([bin_row(OURS, again, yaw)]))
        columns["nme_reannotated"] = again
        curves[f"all, re-annotated ({len(again)})"] = again
    turned = np.abs(lp_angles_deg(euler_of(results)) - angles)
    pose = pose_errors(turned, angles)
    own = Row(OURS, tuple(pose[f"{name} MAE deg"] for name in ("pitch", "yaw", "roll", "pose")))
    return Evaluation(
        f"AFLW2000-3D{' development part' if not published else ''} (box)",
        scores | pose | rates(errors) | found(results),
        names_of(results),
        errors,
        columns | {"pose_error_deg": turned.mean(axis=1)},
        curves,
        (*tables, POSE.with_rows([own])),
    )


def _read_development(data: Path) -> tuple[list[FaceSample], Float32]:
    faces = read_aflw2000(data)
    return [face.sample for face in faces], np.stack([face.reannotated for face in faces])


def _read_published(folder: Path) -> tuple[list[FaceSample], None]:
    return read_dataset("aflw2000", folder).samples, None


def lp_angles_deg(euler_rad: Float32) -> Float32:
    """Our angles (..., 3) -> pitch, yaw, roll in the order of turns that the set's files have, degrees."""
    return np.degrees(lp_euler_from_matrix(matrix_from_euler(euler_rad)))


def pose_errors(turned_deg: Float32, truth_deg: Float32) -> dict[str, float]:
    """Mean absolute errors (M, 3) of pitch, yaw, roll and the mean of the three, of the faces that count."""
    kept = (np.abs(truth_deg) <= _MAX_ANGLE_DEG).all(axis=1) & np.isfinite(turned_deg).all(axis=1)
    means = turned_deg[kept].mean(axis=0)
    names = ("pitch", "yaw", "roll")
    return {f"{n} MAE deg": float(e) for n, e in zip(names, means, strict=True)} | {"pose MAE deg": float(means.mean())}
