"""Prediction over a set of pictures, and the file that `rdr predict` writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.data.crop import Crop, crop_from_box
from rdr_core.data.sample import FaceSample
from rdr_core.errors import ConfigError, DataError, NoFaceError
from rdr_core.inference.decode import decode, decode_pose, network_input, to_image
from rdr_core.inference.detector import FaceDetector, landmark_crop
from rdr_core.inference.track import crop_of
from rdr_core.types import FacePrediction, Float32, Pose, UInt8


@dataclass(frozen=True)
class ImageResult:
    """One named face of a picture; `prediction` is None where no face was found."""

    sample: FaceSample
    prediction: FacePrediction | None
    step_shapes: Float32 | None
    """(K + 1, 68, 2) S after each step, image px."""
    step_projected: Float32 | None
    """(K + 1, 68, 2) S_p after each step, image px."""
    milliseconds: float
    """Crop, network and decode, without reading and detecting."""
    step_poses: tuple[Pose, ...] = ()
    """K + 1 poses, after each step, image px; empty where the predictor gives the last only (onnxruntime)."""
    step_alpha_exp: Float32 | None = None
    """(K + 1, E) expressions after each step, None where the predictor gives the last only."""


def predict_images(
    predictor: Any,
    samples: Iterable[FaceSample],
    detector: FaceDetector | None,
    passes: int = 1,
    progress: Callable[[], object] = lambda: None,
    batch: int = 1,
) -> list[ImageResult]:
    """Predict the face of each sample.

    Args:
        predictor: `OnnxPredictor` or `RDRPredictor`.
        detector: finds the faces; None takes the manifests' boxes instead.
        passes: 2 crops again around the first answer, upright, as a tracker would.
        batch: how many faces the network looks at together; a GPU wants hundreds.
    """
    if min(passes, batch) < 1:
        raise ConfigError(f"passes and batch must be at least 1, got {passes} and {batch}")
    results: list[ImageResult] = []
    left = iter(samples)
    while several := list(islice(left, batch)):
        images = [sample.read_image() for sample in several]
        crops = [
            first_crop(sample, image, predictor.crop_size, detector)
            for sample, image in zip(several, images, strict=True)
        ]
        results += _predict(predictor, several, images, crops, passes)
        for _ in several:
            progress()
    return results


def face_inputs(
    samples: Iterable[FaceSample],
    size: int,
    detector: FaceDetector | None,
    progress: Callable[[], object] = lambda: None,
) -> UInt8:
    """Return what the network sees of each sample, (n, s, s, 3) BGR; `detector` as in `predict_images`.
    NoFaceError where there is no face in any of them."""
    inputs = []
    for sample in samples:
        image = sample.read_image()
        crop = first_crop(sample, image, size, detector)
        inputs += [network_input(image, [crop])] if crop is not None else []
        progress()
    if not inputs:
        raise NoFaceError("no face was found in these pictures; is a face visible and over 20 px wide?")
    return np.concatenate(inputs)


def first_crop(sample: FaceSample, image: UInt8, size: int, detector: FaceDetector | None) -> Crop | None:
    """Return the crop around a sample's box or, with a detector, around what it finds there; None: no face."""
    if detector is None:
        if sample.box_xyxy is None:
            raise DataError(f"{sample.name}: no `bbox_xyxy` in the manifest; use --boxes detect")
        return crop_from_box(sample.box_xyxy, size)
    found = detector.detect(image)
    if not found:
        return None
    if sample.box_xyxy is None:
        return landmark_crop(found[0], size)
    center = (sample.box_xyxy[:2] + sample.box_xyxy[2:]) / 2  # of several faces, the one that the manifest means
    near = min(found, key=lambda d: float(np.linalg.norm((d.box_xyxy[:2] + d.box_xyxy[2:]) / 2 - center)))
    return landmark_crop(near, size)


def _predict(
    predictor: Any, samples: list[FaceSample], images: list[UInt8], crops: list[Crop | None], passes: int
) -> list[ImageResult]:
    """Predict the faces that have a crop, together."""
    found = [n for n, crop in enumerate(crops) if crop is not None]
    results = [ImageResult(sample, None, None, None, 0.0) for sample in samples]
    if found:
        placed = [crop for crop in crops if crop is not None]
        faces = _faces(predictor, [samples[n] for n in found], [images[n] for n in found], placed, passes)
        for n, face in zip(found, faces, strict=True):
            results[n] = face
    return results


def _faces(
    predictor: Any, samples: list[FaceSample], images: list[UInt8], crops: list[Crop], passes: int
) -> list[ImageResult]:
    started = time.perf_counter()
    for remaining in range(passes - 1, -1, -1):
        pixels = [network_input(image, [crop]) for image, crop in zip(images, crops, strict=True)]
        outputs = predictor.run(np.concatenate(pixels))
        predictions = decode(outputs, crops)
        if remaining:
            crops = [crop_of(prediction, predictor.crop_size) for prediction in predictions]
    milliseconds = 1e3 * (time.perf_counter() - started) / len(samples)
    return [
        _result(sample, prediction, {name: values[n] for name, values in outputs.items()}, crop, milliseconds)
        for n, (sample, prediction, crop) in enumerate(zip(samples, predictions, crops, strict=True))
    ]


def _result(
    sample: FaceSample, prediction: FacePrediction, output: dict[str, Any], crop: Crop, milliseconds: float
) -> ImageResult:
    shapes, projected = (to_image(output[name], crop) for name in ("shapes", "projected_shapes"))
    if "step_pose" not in output:
        return ImageResult(sample, prediction, shapes, projected, milliseconds)
    poses = tuple(decode_pose(pose, crop) for pose in output["step_pose"])
    return ImageResult(sample, prediction, shapes, projected, milliseconds, poses, output["step_alpha_exp"])


def save_predictions(path: Path, results: list[ImageResult]) -> None:
    """Write P.npz: names (n,), landmarks (n, 68, 2) S, landmarks_3d (n, 68, 3), projected (n, 68, 2) S_p, detected
    (n,), yaw_deg pitch_deg roll_deg (n,), alpha_exp (n, E), scale (n,), ms (n,); NaN where nothing was found."""
    found = [r.prediction for r in results]
    one = next((p for p in found if p is not None), None)
    n_expressions = 46 if one is None else len(one.alpha_exp)

    def column(read: Callable[[FacePrediction], Any], shape: tuple[int, ...]) -> Float32:
        empty = np.full(shape, np.nan, np.float32)
        return np.stack([empty if p is None else np.asarray(read(p), np.float32) for p in found])

    pitch_yaw_roll = np.degrees(column(lambda p: p.pose.euler_rad, (3,)))
    arrays: dict[str, Any] = {
        "names": np.array([r.sample.name for r in results], dtype=str),
        "landmarks": column(lambda p: p.shape, (68, 2)),
        "landmarks_3d": column(lambda p: p.landmarks_3d, (68, 3)),
        "projected": column(lambda p: p.projected_shape, (68, 2)),
        "detected": np.array([p is not None for p in found]),
        "yaw_deg": pitch_yaw_roll[:, 1],
        "pitch_deg": pitch_yaw_roll[:, 0],
        "roll_deg": pitch_yaw_roll[:, 2],
        "alpha_exp": column(lambda p: p.alpha_exp, (n_expressions,)),
        "scale": column(lambda p: p.pose.scale_px_per_cm, ()),
        "confidence": column(lambda p: p.confidence, ()),
        "ms": np.array([r.milliseconds for r in results], np.float32),
    }
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
