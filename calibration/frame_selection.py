"""A bounded set of frames that tell most of a person: turned heads, other expressions, sharp and sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from calibration.errors import CalibrationError
from calibration.observation import Observation
from rdr_core.types import Float32

_COMPONENTS: Final = 6
"""Principal components that count as known of the other frames' expressions."""


@dataclass(frozen=True)
class SelectionConfig:
    """Which frames are kept."""

    capacity: int = 24
    """Frames kept at most: the work of fitting grows with them, what is new in them does not."""
    least_confidence: float = 0.6
    """Less sure frames are never taken."""
    most_yaw_deg: float = 60.0
    """Heads turned further show half a face: their landmarks are guesses."""
    interval_s: float = 0.15
    """Frames of so short a time are alike."""
    pose_step_deg: float = 12.0
    """Heads turned so far from each other are as different as two expressions are that have nothing in common."""

    def __post_init__(self) -> None:
        if self.capacity < 2 or not 0 <= self.least_confidence <= 1 or min(self.most_yaw_deg, self.pose_step_deg) <= 0:
            raise CalibrationError(f"a selection keeps two frames or more, of confidence in [0, 1], got {self}")


class FrameSelection:
    """Keeps the most telling frames of all that it is shown."""

    def __init__(self, config: SelectionConfig | None = None) -> None:
        self.config = config or SelectionConfig()
        self.frames: list[Observation] = []

    def add(self, frame: Observation) -> Observation | None:
        """Consider a frame; return the one that is not kept (maybe this one), None where all are."""
        if not self._fit(frame):
            return frame
        self.frames.append(frame)
        if len(self.frames) <= self.config.capacity:
            return None
        return self.frames.pop(int(np.argmin(self.values())))

    def values(self) -> Float32:
        """(G,) what each kept frame is worth beside the others."""
        quality = np.array([frame.confidence * np.sqrt(frame.sharpness) for frame in self.frames])
        return (self.novelty() + self.pose_distance()) * quality / max(float(np.median(quality)), 1e-9)

    def novelty(self) -> Float32:
        """(G,) how far each expression is from the span of the others: the residual of their principal components."""
        expressions = np.stack([frame.alpha_exp for frame in self.frames]).astype(np.float64)
        residuals = np.empty(len(expressions))
        for g, own in enumerate(expressions):
            others = np.delete(expressions, g, axis=0)
            mean = others.mean(axis=0)
            basis = np.linalg.svd(others - mean, full_matrices=False)[2][: min(_COMPONENTS, len(others) - 1)]
            away = own - mean
            residuals[g] = np.linalg.norm(away - (away @ basis.T) @ basis)
        return residuals

    def pose_distance(self) -> Float32:
        """(G,) how far each head is turned from the nearest other, in `pose_step_deg`."""
        turns = np.array([[frame.yaw_deg, frame.pitch_deg] for frame in self.frames]) / self.config.pose_step_deg
        apart = np.linalg.norm(turns[:, None] - turns[None], axis=2)
        np.fill_diagonal(apart, np.inf)
        return np.minimum(apart.min(axis=1), 2.0)

    def _fit(self, frame: Observation) -> bool:
        if frame.confidence < self.config.least_confidence or abs(frame.yaw_deg) > self.config.most_yaw_deg:
            return False
        if not np.isfinite(frame.landmarks_px).all() or frame.sharpness <= 0:
            return False
        near_ns = self.config.interval_s * 1e9
        return all(abs(frame.time_ns - kept.time_ns) >= near_ns for kept in self.frames)
