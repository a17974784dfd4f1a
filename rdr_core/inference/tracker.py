"""Faces of a stream of pictures under stable ids: found by the detector, then followed by the network alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Protocol

import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.inference.appearance import MAX_DIFFERENCE, difference, looks_of
from rdr_core.inference.detector import OVERLAP_OF_ONE_FACE, Detection, check_image, landmark_crop, overlap
from rdr_core.inference.track import (
    Track,
    TrackerConfig,
    crop_of,
    square,
    square_of_crop,
    why_lost,
)
from rdr_core.types import FacePrediction, Float32, TrackedFace, UInt8

__all__ = ["Detector", "FaceTracker", "Predictor", "TrackerConfig", "TrackerStatistics"]

logger = logging.getLogger(__name__)

SPARE_TRIES = 2
"""Detections that are tried beyond the free places, so that a crowd of false ones cannot stall a frame."""


class Predictor(Protocol):
    """The network: crops of a picture in, faces out."""

    crop_size: int
    """Side of the crops it wants, px."""

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Return one prediction per crop, image px."""


class Detector(Protocol):
    """What finds faces in a whole picture."""

    def detect(self, image_bgr: UInt8) -> list[Detection]:
        """Return the faces of an (H, W, 3) uint8 BGR picture."""


@dataclass(slots=True)
class TrackerStatistics:
    """Counts since the tracker was made."""

    frames: int = 0
    detections_run: int = 0
    acquisitions: int = 0
    """Faces found, again or for the first time."""
    losses: int = 0
    cuts: int = 0
    """Times that the stream jumped: time ran backwards or leapt, or the pictures' size changed."""
    detector_milliseconds: float = 0.0


class FaceTracker:
    """Follows up to `max_faces` faces. For one stream and one thread."""

    def __init__(self, predictor: Predictor, detector: Detector, config: TrackerConfig | None = None) -> None:
        self.config = config or TrackerConfig()
        self.statistics = TrackerStatistics()
        self._predictor = predictor
        self._detector = detector
        self._next_id = 0
        self.reset()

    def reset(self) -> None:
        """Forget every face, as for another stream; ids and statistics go on."""
        self._tracks: list[Track] = []
        self._size_px = (0, 0)
        self._time_ns: int | None = None
        self._detected_ns: int | None = None

    def update(self, image_bgr: UInt8, capture_time_ns: int) -> list[TrackedFace]:
        """Return the faces of the next picture, (H, W, 3) uint8 BGR, by id; DataError where it is no such picture."""
        check_image(image_bgr)
        self._begin((image_bgr.shape[1], image_bgr.shape[0]), capture_time_ns)
        self._follow(image_bgr, capture_time_ns)
        self._part_doubles()
        if self._detection_due(capture_time_ns):
            self._acquire(image_bgr, capture_time_ns)
        held = [t for t in self._tracks if t.tracked or capture_time_ns - t.seen_ns <= self.config.hold_ms * 1e6]
        held.sort(key=lambda track: track.face_id)
        return [TrackedFace(t.face_id, t.tracked, t.prediction, t.milliseconds) for t in held]

    @property
    def n_tracked(self) -> int:
        """Number of faces that are tracked now."""
        return sum(track.tracked for track in self._tracks)

    def _begin(self, size_px: tuple[int, int], time_ns: int) -> None:
        self.statistics.frames += 1
        before, longest_ns = self._time_ns, self.config.reacquire_s * 1e9
        if before is not None and self._size_px != size_px:
            self.statistics.cuts += 1
            self.statistics.losses += self.n_tracked
            self._tracks = []  # their places mean nothing in the new picture
        elif before is not None and not 0 <= time_ns - before <= longest_ns:
            self.statistics.cuts += 1
            self._tracks = [self._lost(track, "a jump in time") for track in self._tracks]
            if time_ns < before:  # a clock set back or a clip begun anew: count from here
                self._tracks = [replace(track, seen_ns=time_ns) for track in self._tracks]
        self._size_px, self._time_ns = size_px, time_ns
        self._tracks = [t for t in self._tracks if t.tracked or time_ns - t.seen_ns <= longest_ns]

    def _follow(self, image: UInt8, time_ns: int) -> None:
        tracked = [track for track in self._tracks if track.tracked]
        if not tracked:
            return
        crops = [track.next_crop(time_ns, self._predictor.crop_size) for track in tracked]
        predictions, milliseconds = self._predict(image, crops)
        for track, crop, prediction in zip(tracked, crops, predictions, strict=True):
            reason = why_lost(prediction, crop, self._size_px, self.config.keep_confidence, self.config)
            if reason:
                self._put(self._lost(track, reason))
            else:
                due = len(self._tracks) > 1 or track.look_due(time_ns)
                looks = self._looks(image, prediction) if due else None
                self._put(track.seen(prediction, crop, time_ns, milliseconds, looks))

    def _part_doubles(self) -> None:
        tracked = sorted((t for t in self._tracks if t.tracked), key=lambda t: (-t.credibility, t.face_id))
        gone: set[int] = set()
        for better, worse in combinations(tracked, 2):
            shared = overlap(better.square_xyxy, worse.square_xyxy[None])[0]
            if better.face_id not in gone and worse.face_id not in gone and shared > self.config.merge_overlap:
                gone.add(worse.face_id)
                self._put(self._lost(worse, f"it fell on face {better.face_id}"))

    def _detection_due(self, time_ns: int) -> bool:
        if self.n_tracked >= self.config.max_faces:
            return False
        if self.n_tracked == 0 or self.n_tracked < len(self._tracks) or self._detected_ns is None:
            return True
        return time_ns - self._detected_ns >= self.config.detect_interval_s * 1e9

    def _acquire(self, image: UInt8, time_ns: int) -> None:
        began = time.perf_counter()
        detections = self._detector.detect(image)
        self.statistics.detector_milliseconds += (time.perf_counter() - began) * 1e3
        self.statistics.detections_run += 1
        self._detected_ns = time_ns
        crops = [landmark_crop(detection, self._predictor.crop_size) for detection in detections]
        tries = self.config.max_faces - self.n_tracked + SPARE_TRIES
        for crop in sorted(crops, key=lambda crop: self._rank(crop, time_ns)):
            if self.n_tracked >= self.config.max_faces or tries == 0:
                return
            if not self._is_tracked(square_of_crop(crop)):
                tries -= 1
                self._try(image, crop, time_ns)

    def _rank(self, crop: Crop, time_ns: int) -> tuple[bool, float]:
        """Faces that were lost come first, then large ones: the user sits in front."""
        return self._missed(square_of_crop(crop), time_ns) is None, -crop.side_px

    def _try(self, image: UInt8, crop: Crop, time_ns: int) -> None:
        """Take up a detected face if the network agrees; its second look is from a crop as in tracking."""
        (first,), first_ms = self._predict(image, [crop])
        if why_lost(first, crop, self._size_px, 0.0, self.config):
            return
        crop = crop_of(first, self._predictor.crop_size)
        (second,), second_ms = self._predict(image, [crop])
        place = square(second.shape)
        reason = why_lost(second, crop, self._size_px, self.config.acquire_confidence, self.config)
        if reason or self._is_tracked(place):
            return
        looks = self._looks(image, second)
        track = self._missed(place, time_ns, looks)
        if track is None:
            track = Track(self._next_id, second, time_ns, tracked=False)
            self._next_id += 1
        self.statistics.acquisitions += 1
        self._put(track.seen(second, crop, time_ns, first_ms + second_ms, looks))
        logger.debug("face %d found", track.face_id)

    def _missed(self, place_xyxy: Float32, time_ns: int, looks: Float32 | None = None) -> Track | None:
        """Return the lost face that one found at a square, with such looks, most likely is, if any."""

        def strangeness(track: Track) -> float:
            away = track.distance(place_xyxy, time_ns) / self.config.reacquire_reach
            other = difference(track.looks, looks) / MAX_DIFFERENCE
            return np.inf if max(away, other) > 1 else away + other

        lost = [track for track in self._tracks if not track.tracked]
        likeliest = min(lost, key=strangeness, default=None)
        return likeliest if likeliest is not None and strangeness(likeliest) < np.inf else None

    def _looks(self, image: UInt8, prediction: FacePrediction) -> Float32:
        return looks_of(image, crop_of(prediction, self._predictor.crop_size))

    def _is_tracked(self, place_xyxy: Float32) -> bool:
        return any(
            overlap(place_xyxy, track.square_xyxy[None])[0] > OVERLAP_OF_ONE_FACE
            for track in self._tracks
            if track.tracked
        )

    def _predict(self, image: UInt8, crops: Sequence[Crop]) -> tuple[list[FacePrediction], float]:
        """Return predictions and the milliseconds spent on each."""
        began = time.perf_counter()
        predictions = self._predictor.predict(image, list(crops))
        return predictions, (time.perf_counter() - began) * 1e3 / len(crops)

    def _put(self, track: Track) -> None:
        self._tracks = [other for other in self._tracks if other.face_id != track.face_id] + [track]

    def _lost(self, track: Track, reason: str) -> Track:
        if track.tracked:
            self.statistics.losses += 1
            logger.debug("face %d lost: %s", track.face_id, reason)
        return replace(track, tracked=False, milliseconds=0.0)
