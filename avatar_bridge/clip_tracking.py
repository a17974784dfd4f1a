"""A clip tracked offline, every frame of it, as arrays: raw and filtered side by side, and the crops it was seen in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from avatar_bridge.capture import VideoSource
from avatar_bridge.config import SmoothingConfig
from avatar_bridge.errors import VideoError
from avatar_bridge.pipeline import TrackedPicture, track_pictures
from avatar_bridge.smoothing import FaceSmoother
from rdr_core.data.crop import Crop
from rdr_core.errors import NoFaceError
from rdr_core.evaluation.crop_spread import RecropConfig, draw_offsets, moved_crop, recrop
from rdr_core.evaluation.face_series import ClipTrack, FaceSeries, Recrop
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.track import crop_of
from rdr_core.inference.tracker import FaceTracker, Predictor
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.types import FacePrediction, Float32, UInt8

LEAST_FRAMES: Final = 16
"""A clip with the face in fewer frames tells nothing about time."""


class CropLog:
    """A predictor that remembers through which crops a picture was seen."""

    def __init__(self, predictor: Predictor) -> None:
        self.crop_size = predictor.crop_size
        self._predictor = predictor
        self._seen: list[tuple[Crop, FacePrediction]] = []

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Return one prediction per crop, image px."""
        predictions = self._predictor.predict(image_bgr, crops)
        self._seen += zip(crops, predictions, strict=True)
        return predictions

    def take(self, prediction: FacePrediction) -> Crop | None:
        """Forget the picture; return the crop of `prediction` where it was the only one, i.e. followed, not found."""
        seen, self._seen = self._seen, []
        return seen[0][0] if len(seen) == 1 and seen[0][1] is prediction else None

    def forget(self) -> None:
        """Forget the picture."""
        self._seen = []


class _Rows:
    """The frames of a clip, as they come."""

    def __init__(self) -> None:
        self.frames: list[tuple[FacePrediction, FacePrediction, Float32] | None] = []
        self.recrops: list[Recrop] = []

    def raw(self) -> list[FacePrediction | None]:
        return [None if row is None else row[0] for row in self.frames]

    def filtered(self) -> list[FacePrediction | None]:
        return [None if row is None else row[1] for row in self.frames]


def track_clip(
    video: VideoSource,
    predictor: Predictor,
    detector: FaceDetector,
    name: str,
    person: str,
    config: RecropConfig | None = None,
    progress: Callable[[], object] = lambda: None,
) -> ClipTrack:
    """Track the most prominent face of a clip as `rdr track` does, at the file's own times.

    Args:
        video: The clip.
        predictor: The network.
        detector: What finds the face.
        name: Of the clip in the report.
        person: Who is in it.
        config: Which frames are looked at again through other crops; None: no frame.
        progress: Called after each frame.

    Raises:
        NoFaceError: no face, or too few frames of one.
        VideoError: the clip is damaged or too short.
    """
    log, rng = CropLog(predictor), np.random.default_rng(0)
    tracker, smoother, rows = FaceTracker(log, detector), FaceSmoother(SmoothingConfig()), _Rows()
    for picture in track_pictures(iter(video), tracker, smoother, "file"):
        crop = _add(rows, picture, log)
        index = len(rows.frames) - 1
        if config is not None and crop is not None and index % config.every == 0:
            offsets = draw_offsets(rng, config)
            crops = [moved_crop(crop, offset) for offset in offsets]
            rows.recrops.append(recrop(index, crop, offsets, predictor.predict(picture.captured.image_bgr, crops)))
        progress()
    _check_length(rows, video.path)
    return _clip_track(rows, name, person, video.rate_hz)


def _add(rows: _Rows, picture: TrackedPicture, log: CropLog) -> Crop | None:
    """Add a frame; return the crop in which the tracker followed the face, None where it found or lost it."""
    pairs = zip(picture.faces, picture.smoothed_faces(), strict=True)
    face = next(((raw, smooth) for raw, smooth in pairs if raw.tracked), None)
    if face is None:
        log.forget()
        rows.frames.append(None)
        return None
    raw, smooth = face[0].prediction, face[1].prediction
    crop = log.take(raw)
    offset = np.full(4, np.nan) if crop is None else crop.offset_from(crop_of(raw, crop.size))
    rows.frames.append((raw, smooth, offset))
    return crop


def _check_length(rows: _Rows, path: Path) -> None:
    frames, found = len(rows.frames), sum(row is not None for row in rows.frames)
    if frames < LEAST_FRAMES:
        raise VideoError(f"{path}: {frames} frames are too short a clip to measure; give one of {LEAST_FRAMES} or more")
    if not found:
        raise NoFaceError(f"{path}: no face was found in its {frames} frames; is one visible and over 20 px wide?")
    if found < LEAST_FRAMES:
        raise NoFaceError(f"{path}: a face was found in {found} of {frames} frames only; {LEAST_FRAMES} are needed")


def _clip_track(rows: _Rows, name: str, person: str, rate_hz: float) -> ClipTrack:
    raw = rows.raw()
    corners = _column(raw, lambda p: p.landmarks_3d[EYE_RIGHT[0]] - p.landmarks_3d[EYE_LEFT[3]])
    return ClipTrack(
        name=name,
        person=person,
        rate_hz=rate_hz,
        raw=_series(raw),
        filtered=_series(rows.filtered()),
        inter_ocular_px=float(np.nanmedian(np.linalg.norm(corners, axis=1))),
        confidence=_column(raw, lambda p: np.array(p.confidence)),
        alpha_id=_column(raw, lambda p: p.alpha_id),
        crop_offsets=np.stack([np.full(4, np.nan) if row is None else row[2] for row in rows.frames]),
        recrops=tuple(rows.recrops),
    )


def _series(predictions: Sequence[FacePrediction | None]) -> FaceSeries:
    return FaceSeries(
        landmarks_px=_column(predictions, lambda p: p.shape),
        euler_rad=_column(predictions, lambda p: p.pose.euler_rad),
        translation_px=_column(predictions, lambda p: p.pose.translation_px[:2]),
        scale_px_per_cm=_column(predictions, lambda p: np.array(p.pose.scale_px_per_cm)),
        alpha_exp=_column(predictions, lambda p: p.alpha_exp),
    )


def _column(predictions: Sequence[FacePrediction | None], read: Callable[[FacePrediction], Float32]) -> Float32:
    """One row a frame, float64, NaN where there is no face."""
    nothing = np.full(read(next(p for p in predictions if p is not None)).shape, np.nan)
    return np.stack([nothing if p is None else np.asarray(read(p), np.float64) for p in predictions])
