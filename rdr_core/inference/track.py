"""One face over time: where it will be in the next frame, and whether a new prediction can be that face."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from rdr_core.data.crop import CROP_MARGIN, Crop, crop_from_landmarks
from rdr_core.errors import ConfigError
from rdr_core.geometry.rotation import upright_roll_rad
from rdr_core.inference.appearance import MAX_DIFFERENCE, difference, remembered
from rdr_core.types import FacePrediction, Float32

MAX_LEAD: Final = 0.25
"""The next crop is moved by at most this share of the landmark box's side: a false start must not fling it away."""
HELD: Final = (0.012, 0.012, 0.025, 0.02)
"""A crop stays where it is while the face is no farther from it: shift in shares of the side, logarithm of the side,
turn in rad. A crop that follows every tremble of the landmarks makes them tremble more."""
LOOK_S: Final = 0.2
"""How often a face is looked at that is alone; one of several is in every frame, as they may cross."""
MAX_COAST_S: Final = 0.5
"""A lost face is thought to keep its motion for so long."""


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """When faces are looked for, believed, lost and found again. Sides are those of the square landmark box."""

    max_faces: int = 1
    """Faces that are tracked at a time."""
    detect_interval_s: float = 1.0
    """How often new faces are looked for while fewer than `max_faces`, but some, are tracked."""
    acquire_confidence: float = 0.6
    """A new face must be at least so certain."""
    keep_confidence: float = 0.35
    """A tracked face is lost below it; lower than `acquire_confidence`, so that a face does not flicker."""
    min_side_px: float = 16.0
    """A face whose landmark box is smaller is lost."""
    min_inside: float = 0.5
    """A face with a smaller share of its landmark box inside the picture is lost."""
    max_jump: float = 0.5
    """A face is lost that is farther, in sides, from the middle of its crop; at 0.7 half of it is out of the crop."""
    max_growth: float = 1.6
    """A face is lost that grows or shrinks by more from one frame to the next."""
    merge_overlap: float = 0.5
    """Two tracked faces whose landmark boxes overlap more (IoU) are one; the less credible is lost."""
    reacquire_s: float = 2.0
    """A face that was lost for no longer keeps its id when found again nearby."""
    reacquire_reach: float = 1.5
    """What nearby is: distance in sides from where it was last seen, or from where its motion led."""
    hold_ms: float = 500.0
    """A lost face is reported (tracked=False) for so long; no longer than `reacquire_s`, when it is forgotten."""

    def __post_init__(self) -> None:
        if self.max_faces < 1:
            raise ConfigError(f"max_faces must be at least 1, got {self.max_faces}")
        if not 0 <= self.keep_confidence <= self.acquire_confidence <= 1:
            raise ConfigError(
                "confidences must be 0 <= keep_confidence <= acquire_confidence <= 1, "
                f"got {self.keep_confidence} and {self.acquire_confidence}"
            )
        for name in ("min_inside", "merge_overlap"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in (0, 1], got {getattr(self, name)}")
        if not 1 <= self.min_side_px < np.inf:
            raise ConfigError(f"min_side_px must be at least 1, got {self.min_side_px}")
        for name in ("max_jump", "reacquire_reach"):
            if not 0 < getattr(self, name) < np.inf:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("detect_interval_s", "reacquire_s", "hold_ms"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ConfigError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.hold_ms > self.reacquire_s * 1e3:
            raise ConfigError(
                f"hold_ms ({self.hold_ms}) must not exceed reacquire_s ({self.reacquire_s}): lower hold_ms"
            )
        if not 1 < self.max_growth < np.inf:
            raise ConfigError(f"max_growth must be over 1, got {self.max_growth}")


@dataclass(frozen=True, slots=True)
class Track:
    """What is known of one face."""

    face_id: int
    prediction: FacePrediction
    """The last good one."""
    seen_ns: int
    """Capture time of `prediction`."""
    crop: Crop | None = None
    """In which it was seen."""
    tracked: bool = True
    velocity_px_per_s: tuple[float, float] = (0.0, 0.0)
    surprise: float = 0.0
    """How far from its crop's centre the face was, in sides."""
    milliseconds: float = 0.0
    """Time spent on its last prediction."""
    looks: Float32 | None = None
    """What it looked like of late."""
    looked_ns: int = 0
    """Capture time of the last look."""
    change: float = 0.0
    """How different it looked then."""

    @property
    def square_xyxy(self) -> Float32:
        """(4,) the square about the landmark box, image px."""
        return square_of(self.prediction)

    @property
    def credibility(self) -> float:
        """Which of two tracks on one face is to stay: the surer one, that did not have to jump there, and looked alike
        before."""
        return self.prediction.confidence - self.surprise - self.change / MAX_DIFFERENCE

    def lead_px(self, time_ns: int, longest_s: float = MAX_COAST_S) -> Float32:
        """(2,) how far its motion leads it by `time_ns`, px."""
        seconds = min(max((time_ns - self.seen_ns) / 1e9, 0.0), longest_s)
        return np.array(self.velocity_px_per_s, np.float32) * np.float32(seconds)

    def next_crop(self, time_ns: int, size: int) -> Crop:
        """Return the crop that will hold the face at `time_ns`: the last one, where that will do."""
        crop = crop_of(self.prediction, size)
        limit = MAX_LEAD * crop.side_px / CROP_MARGIN
        crop = replace(crop, center_px=crop.center_px + np.clip(self.lead_px(time_ns), -limit, limit))
        if self.crop is not None and (np.abs(self.crop.offset_from(crop)) <= HELD).all():
            return self.crop
        return crop

    def seen(
        self, prediction: FacePrediction, crop: Crop, time_ns: int, milliseconds: float, looks: Float32 | None = None
    ) -> Track:
        """Return the track with a new prediction, and new looks where it was looked at; the velocity is the mean of the
        old and the new one."""
        velocity, seconds = np.array(self.velocity_px_per_s), (time_ns - self.seen_ns) / 1e9
        if not self.tracked:
            velocity = np.zeros(2)
        elif seconds > 0:
            velocity = (velocity + (center(square_of(prediction)) - center(self.square_xyxy)) / seconds) / 2
        track = replace(
            self,
            prediction=prediction,
            seen_ns=time_ns,
            crop=crop,
            tracked=True,
            velocity_px_per_s=(float(velocity[0]), float(velocity[1])),
            surprise=surprise_of(prediction, crop),
            milliseconds=milliseconds,
        )
        return track if looks is None else track.looking(looks, time_ns)

    def look_due(self, time_ns: int) -> bool:
        """Whether it has not been looked at for a while."""
        return self.looks is None or not 0 <= time_ns - self.looked_ns < LOOK_S * 1e9

    def looking(self, looks: Float32, time_ns: int) -> Track:
        """Return the track of a face that looks so."""
        return replace(
            self,
            looks=remembered(self.looks, looks, (time_ns - self.looked_ns) / 1e9),
            looked_ns=time_ns,
            change=difference(self.looks, looks),
        )

    def distance(self, place_xyxy: Float32, time_ns: int) -> float:
        """Return how far a square is from where the face was or would be now, in sides of the larger of the two."""
        offset = center(place_xyxy) - center(self.square_xyxy)
        gap = min(np.linalg.norm(offset), np.linalg.norm(offset - self.lead_px(time_ns)))
        return float(gap / max(side(place_xyxy), side(self.square_xyxy)))


@lru_cache(maxsize=64)
def crop_of(prediction: FacePrediction, size: int) -> Crop:
    """Return the upright crop about a prediction's landmarks."""
    return crop_from_landmarks(prediction.shape, size, upright_roll_rad(prediction.pose.euler_rad))


@lru_cache(maxsize=64)
def square_of(prediction: FacePrediction) -> Float32:
    """(4,) the upright square about a prediction's landmarks, x0, y0, x1, y1."""
    return square(prediction.shape)


def square(landmarks_px: Float32) -> Float32:
    """(L, 2) landmarks -> (4,) the upright square about them, x0, y0, x1, y1."""
    lower, upper = landmarks_px.min(axis=0), landmarks_px.max(axis=0)
    middle, half = (lower + upper) / 2, (upper - lower).max() / 2
    return np.concatenate([middle - half, middle + half])


def square_of_crop(crop: Crop) -> Float32:
    """(4,) the square of the landmark box that a crop was laid about, its turn left out."""
    half = crop.side_px / CROP_MARGIN / 2
    return np.concatenate([crop.center_px - half, crop.center_px + half]).astype(np.float32)


def center(square_xyxy: Float32) -> Float32:
    """(2,) centre of a box."""
    return (square_xyxy[:2] + square_xyxy[2:]) / 2


def side(square_xyxy: Float32) -> float:
    """Side of a square box."""
    return float(square_xyxy[2] - square_xyxy[0])


def surprise_of(prediction: FacePrediction, crop: Crop) -> float:
    """Return how far a face is from the centre of its crop, in sides of the landmark box that the crop is for."""
    offset = crop_of(prediction, crop.size).center_px - crop.center_px
    return float(np.linalg.norm(offset) * CROP_MARGIN / crop.side_px)


def why_lost(
    prediction: FacePrediction, crop: Crop, size_px: tuple[int, int], least_confidence: float, config: TrackerConfig
) -> str | None:
    """Return why a prediction cannot be the face that `crop` was laid about, or None; `size_px` is width, height."""
    if not _is_finite(prediction):
        return "values that are not finite"
    if prediction.confidence < least_confidence:
        return f"a confidence of {prediction.confidence:.2f}"
    lower, upper = prediction.shape.min(axis=0), prediction.shape.max(axis=0)
    if (longer := float((upper - lower).max())) < config.min_side_px:
        return f"a side of {longer:.0f} px"
    inside = np.clip(np.minimum(upper, size_px) - np.maximum(lower, 0), 0, None) / np.maximum(upper - lower, 1e-3)
    if (share := float(inside.prod())) < config.min_inside:
        return f"{share:.0%} inside the picture"
    if (jump := surprise_of(prediction, crop)) > config.max_jump:
        return f"a jump by {jump:.2f} sides"
    growth = crop_of(prediction, crop.size).side_px / crop.side_px
    if not 1 / config.max_growth <= growth <= config.max_growth:
        return f"a growth by {growth:.2f}"
    return None


def _is_finite(prediction: FacePrediction) -> bool:
    pose = prediction.pose
    points = (prediction.shape, prediction.projected_shape, prediction.landmarks_3d)
    numbers = (pose.euler_rad, pose.translation_px, prediction.alpha_exp, prediction.alpha_id)
    sums = [float(values.sum()) for values in (*points, *numbers)]  # not finite where one of them is not
    return math.isfinite(sum(sums) + pose.scale_px_per_cm + prediction.confidence)
