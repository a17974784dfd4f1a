"""Smoothing of the stream of face frames: one set of filters per face, started anew after a gap."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np

from avatar_bridge.config import REGIONS, OneEuroConfig, SmoothingConfig
from avatar_bridge.messages import FaceFrame
from avatar_bridge.one_euro import OneEuroFilter, RotationFilter
from avatar_bridge.quaternions import matrix_from_quaternion
from avatar_bridge.regions import COEFFICIENTS, LANDMARKS
from rdr_core.geometry.rotation import euler_from_matrix
from rdr_core.types import Float32

_SMOOTHED: Final = ("alpha_exp", "quaternion", "euler_rad", "translation_px", "scale_px_per_cm", "landmarks_px")


class FaceSmoother:
    """Smooths face frames; frames of several faces may be mixed, each face in the order of its capture times."""

    def __init__(self, config: SmoothingConfig | None = None) -> None:
        self.config = config or SmoothingConfig()
        self._faces: dict[tuple[str, int], _FaceFilters] = {}

    def smooth(self, frame: FaceFrame) -> FaceFrame:
        """Return the frame with smoothed coefficients, pose and landmarks.

        A lost face (tracked False) stays where its last smoothed frame was, and leaves no trace in the filters. So does
        a frame whose time is not after the last one, unless it is so long before that a new clip must have begun.
        """
        if not self.config.enabled:
            return frame
        key = (frame.session, frame.face_id)
        face = self._faces.get(key)
        if face is not None and face.goes_on(frame):
            return face.smooth(frame)
        if not frame.tracked:
            return frame
        self._forget_silent(frame)
        face = self._faces[key] = _FaceFilters(self.config)
        return face.smooth(frame)

    def lag_ms(self) -> dict[str, float]:
        """Return the present delay by region, mean over the faces; the delay at rest where there is none."""
        faces = list(self._faces.values()) or [_FaceFilters(self.config)]
        lags = [face.lag_ms() for face in faces]
        return {region: float(np.mean([lag[region] for lag in lags])) for region in REGIONS}

    def reset(self) -> None:
        """Forget all faces."""
        self._faces.clear()

    def _forget_silent(self, frame: FaceFrame) -> None:
        """Drop faces of which nothing has been heard for longer than a gap; they would pile up in a long session."""
        self._faces = {key: face for key, face in self._faces.items() if face.is_heard(frame)}


class _FaceFilters:
    """All filters of one face, and its last frame."""

    def __init__(self, config: SmoothingConfig) -> None:
        self._config = config
        self._max_gap_ns = round(config.max_gap_ms * 1e6)
        self._time_ns = 0
        self._heard_ns = 0
        self._px_per_cm = 1.0
        self._last: FaceFrame | None = None
        self._coefficients = {region: _OptionalFilter(getattr(config, region)) for region in COEFFICIENTS}
        self._rotation = RotationFilter(config.rotation) if config.rotation else None
        self._translation = _OptionalFilter(config.translation)
        self._scale = _OptionalFilter(config.scale)
        self._landmarks = {part: _OptionalFilter(getattr(config, part)) for part in LANDMARKS}

    def goes_on(self, frame: FaceFrame) -> bool:
        """Say whether a frame goes on with what was seen last; a lost one does as long as the face is heard of."""
        since_ns = self._time_ns if frame.tracked else self._heard_ns
        return abs(frame.capture_time_ns - since_ns) <= self._max_gap_ns

    def is_heard(self, frame: FaceFrame) -> bool:
        """Say whether the face was heard of shortly before (or after) a frame."""
        return abs(frame.capture_time_ns - self._heard_ns) <= self._max_gap_ns

    def smooth(self, frame: FaceFrame) -> FaceFrame:
        self._heard_ns = max(self._heard_ns, frame.capture_time_ns)
        if self._last is not None and (not frame.tracked or frame.capture_time_ns <= self._time_ns):
            return _as_in(self._last, frame)
        self._time_ns = frame.capture_time_ns
        self._last = replace(frame, **self._smoothed(frame))
        return self._last

    def _smoothed(self, frame: FaceFrame) -> dict[str, Any]:
        time_ns, weight = frame.capture_time_ns, self._config.weight(frame.confidence)
        (log_scale,) = self._scale.filter([math.log(frame.scale_px_per_cm)], time_ns, weight)
        self._px_per_cm = math.exp(log_scale)
        smooth: dict[str, Any] = {
            "alpha_exp": self._smooth_coefficients(frame, weight),
            "translation_px": np.array(
                self._translation.filter(frame.translation_px.tolist(), time_ns, weight, self._px_per_cm)
            ),
            "scale_px_per_cm": self._px_per_cm,
            "landmarks_px": self._smooth_landmarks(frame, weight),
        }
        if self._rotation:
            quaternion = self._rotation.filter(frame.quaternion.tolist(), time_ns, weight)
            smooth["quaternion"] = quaternion
            smooth["euler_rad"] = euler_from_matrix(np.array(matrix_from_quaternion(quaternion)))
        return smooth

    def _smooth_coefficients(self, frame: FaceFrame, weight: float) -> Float32:
        values, smooth = frame.alpha_exp.tolist(), np.empty(frame.alpha_exp.shape)
        for region, where in COEFFICIENTS.items():
            one_euro = self._coefficients[region]
            smooth[list(where)] = one_euro.filter([values[i] for i in where], frame.capture_time_ns, weight)
        return np.clip(smooth, 0, 1)

    def _smooth_landmarks(self, frame: FaceFrame, weight: float) -> Float32 | None:
        if frame.landmarks_px is None:
            for one_euro in self._landmarks.values():
                one_euro.reset()
            return None
        smooth = np.empty(frame.landmarks_px.shape)
        for part, where in LANDMARKS.items():
            points = frame.landmarks_px[list(where)]
            flat = self._landmarks[part].filter(points.ravel().tolist(), frame.capture_time_ns, weight, self._px_per_cm)
            smooth[list(where)] = np.reshape(flat, points.shape)
        return smooth

    def lag_ms(self) -> dict[str, float]:
        lags = {region: one_euro.lag_ms() for region, one_euro in self._coefficients.items()}
        lags["head"] = self._rotation.lag_ms() if self._rotation else 0.0
        lags["landmarks"] = self._landmarks["landmarks"].lag_ms(self._px_per_cm)
        return lags


class _OptionalFilter:
    """A One Euro filter, or nothing where the region is off."""

    def __init__(self, config: OneEuroConfig | None) -> None:
        self._filter = OneEuroFilter(config) if config else None

    def reset(self) -> None:
        if self._filter:
            self._filter.reset()

    def filter(self, values: list[float], time_ns: int, weight: float, unit: float = 1.0) -> list[float]:
        return self._filter.filter(values, time_ns, weight, unit) if self._filter else values

    def lag_ms(self, unit: float = 1.0) -> float:
        return self._filter.lag_ms(unit) if self._filter else 0.0


def _as_in(last: FaceFrame, frame: FaceFrame) -> FaceFrame:
    """Return a frame with the face as it was in `last`."""
    held = {name: getattr(last, name) for name in _SMOOTHED}
    if frame.landmarks_px is None or last.landmarks_px is None:
        held["landmarks_px"] = None
    return replace(frame, **held)
