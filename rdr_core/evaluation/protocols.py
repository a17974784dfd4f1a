"""Protocols of the benchmarks: which points, normalised by what, in which groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rdr_core.data.aflw2000 import lp_euler_from_matrix, read_aflw2000
from rdr_core.data.w300 import read_w300
from rdr_core.errors import NoFaceError
from rdr_core.evaluation.nme import area_under_curve, box_size, failure_rate, inter_ocular, inter_pupil, nme
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.images import ImageResult, predict_images
from rdr_core.types import Float32

YAW_BINS = ((0, 30), (30, 60), (60, 90.1))
"""Degrees of absolute yaw."""


@dataclass(frozen=True)
class Evaluation:
    """Numbers of one benchmark."""

    title: str
    scores: dict[str, float]
    """NME in %, rates in %, angles in degrees, times in ms."""
    names: list[str]
    errors: Float32
    """(M,) per-picture NME of the main measure, as a share."""


def evaluate_w300(
    data: Path, predictor: Any, detector: FaceDetector | None, passes: int, progress: Callable[[], object]
) -> Evaluation:
    """300-W common subset: 554 faces, jaw on the visible contour, inter-ocular and inter-pupil."""
    samples = read_w300(data, "common")
    results = predict_images(predictor, samples, detector, passes, progress)
    truth = np.stack([s.shape for s in samples if s.shape is not None])
    ocular = inter_ocular(truth)
    steps = _column(results, lambda r: r.step_shapes)
    projected = _column(results, lambda r: r.step_projected)
    errors = nme(steps[:, -1], truth, ocular)
    scores = {f"NME S step {k}": 100 * nme(steps[:, k], truth, ocular).mean() for k in range(steps.shape[1])}
    scores |= {f"NME S_p step {k}": 100 * nme(projected[:, k], truth, ocular).mean() for k in range(steps.shape[1])}
    scores["NME S"] = 100 * errors.mean()
    scores["NME S_p"] = 100 * nme(projected[:, -1], truth, ocular).mean()
    scores["NME S inter-pupil"] = 100 * nme(steps[:, -1], truth, inter_pupil(truth)).mean()
    scores["NME S, LFPW"] = 100 * errors[[s.name.startswith("300w_common/LFPW") for s in samples]].mean()
    scores["NME S, Helen"] = 100 * errors[[s.name.startswith("300w_common/HELEN") for s in samples]].mean()
    return Evaluation("300-W common (inter-ocular)", scores | _rates(errors) | _found(results), _names(results), errors)


def evaluate_aflw2000(
    data: Path, predictor: Any, detector: FaceDetector | None, passes: int, progress: Callable[[], object]
) -> Evaluation:
    """AFLW2000-3D, development part: 500 faces, the head's own points, both truths, box of the original, bins of
    yaw."""
    faces = read_aflw2000(data)
    results = predict_images(predictor, [face.sample for face in faces], detector, passes, progress)
    original = np.stack([f.sample.landmarks_3d[:, :2] for f in faces if f.sample.landmarks_3d is not None])
    reannotated = np.stack([f.reannotated for f in faces])
    euler = np.stack([f.sample.euler_rad for f in faces if f.sample.euler_rad is not None])
    angles = np.degrees(lp_euler_from_matrix(matrix_from_euler(euler)))
    predicted = _column(results, lambda r: None if r.prediction is None else r.prediction.landmarks_3d[:, :2])
    size = box_size(original)
    errors = nme(predicted, original, size)
    scores = _binned("NME original", errors, angles[:, 1])
    scores |= _binned("NME re-annotated", nme(predicted, reannotated, size), angles[:, 1])
    ours = _column(results, lambda r: None if r.prediction is None else r.prediction.pose.euler_rad)
    scores |= _pose_errors(np.degrees(lp_euler_from_matrix(matrix_from_euler(ours))), angles)
    return Evaluation(
        "AFLW2000-3D development part (box)", scores | _rates(errors) | _found(results), _names(results), errors
    )


def _column(results: list[ImageResult], read: Callable[[ImageResult], Float32 | None]) -> Float32:
    """Stack what `read` returns; NaN where no face was found."""
    values = [None if r.prediction is None else read(r) for r in results]
    shape = next((v.shape for v in values if v is not None), None)
    if shape is None:
        raise NoFaceError(f"no face was found in any of the {len(results)} pictures: are these the right pictures?")
    return np.stack([np.full(shape, np.nan, np.float32) if v is None else v for v in values])


def _names(results: list[ImageResult]) -> list[str]:
    return [r.sample.name for r in results]


def _rates(errors: Float32) -> dict[str, float]:
    return {
        "FR@8": 100 * failure_rate(errors, 0.08),
        "FR@10": 100 * failure_rate(errors, 0.10),
        "AUC@8": 100 * area_under_curve(errors, 0.08),
    }


def _found(results: list[ImageResult]) -> dict[str, float]:
    found = [r for r in results if r.prediction is not None]
    return {
        "faces": float(len(results)),
        "found %": 100 * len(found) / len(results),
        "ms per face (median)": float(np.median([r.milliseconds for r in found])),
    }


def _binned(name: str, errors: Float32, yaw_deg: Float32) -> dict[str, float]:
    scores, means = {}, []
    for low, high in YAW_BINS:
        inside = (np.abs(yaw_deg) >= low) & (np.abs(yaw_deg) < high)
        means.append(100 * float(errors[inside].mean()))
        scores[f"{name}, yaw {low}-{int(high)} ({int(inside.sum())})"] = means[-1]
    return scores | {f"{name}, mean of bins": float(np.mean(means)), f"{name}, std of bins": float(np.std(means))}


def _pose_errors(ours: Float32, truth: Float32) -> dict[str, float]:
    kept = (np.abs(truth) <= 99).all(axis=1) & np.isfinite(ours).all(axis=1)
    errors = np.abs(ours - truth)[kept].mean(axis=0)
    names = ("pitch", "yaw", "roll")
    return {f"{n} MAE deg": float(e) for n, e in zip(names, errors, strict=True)} | {
        "pose MAE deg": float(errors.mean())
    }
