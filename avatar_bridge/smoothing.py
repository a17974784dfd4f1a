"""Smoothing of the stream of face frames: one set of filters per face, started anew after loss or a gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from avatar_bridge.config import SmoothingConfig
from avatar_bridge.filters import Array, OneEuroFilter, RotationFilter, matrix_from_quaternion
from avatar_bridge.messages import FaceFrame
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import euler_from_matrix

EYELIDS = np.array([name.startswith(("EyeClose", "EyeWide")) for name in BLENDSHAPE_NAMES])
"""(46,) bool: shapes that blink."""


class FaceSmoother:
    """Smooths face frames; frames of several faces may be mixed, each face in the order of its capture times."""

    def __init__(self, config: SmoothingConfig | None = None) -> None:
        self.config = config or SmoothingConfig()
        self._faces: dict[tuple[str, int], _FaceFilters] = {}

    def smooth(self, frame: FaceFrame) -> FaceFrame:
        """Return the frame with smoothed coefficients, pose and landmarks; a lost face passes as it is."""
        if not self.config.enabled:
            return frame
        key = (frame.session, frame.face_id)
        if not frame.tracked:
            self._faces.pop(key, None)
            return frame
        filters = self._faces.get(key)
        if filters is None or not filters.continues(frame.capture_time_ns):
            self._forget_older_than(frame.capture_time_ns)
            filters = self._faces[key] = _FaceFilters(self.config)
        return filters.smooth(frame)

    def lag_ms(self) -> dict[str, float]:
        """Return the present delay by region, mean over the faces; the delay at rest where there is none."""
        if not self.config.enabled or not self._faces:
            return self.config.rest_lag_ms()
        lags = [filters.lag_ms() for filters in self._faces.values()]
        return {region: float(np.mean([lag[region] for lag in lags])) for region in lags[0]}

    def reset(self) -> None:
        """Forget all faces."""
        self._faces.clear()

    def _forget_older_than(self, time_ns: int) -> None:
        """Drop faces whose filters would not go on; they would pile up in a long session."""
        self._faces = {key: filters for key, filters in self._faces.items() if filters.continues(time_ns)}


class _FaceFilters:
    def __init__(self, config: SmoothingConfig) -> None:
        self._max_gap_ns = round(config.max_gap_ms * 1e6)
        self._time_ns: int | None = None
        self._px_per_cm = 1.0
        self._expression = OneEuroFilter(config.expression)
        self._eyelids = OneEuroFilter(config.eyelids)
        self._rotation = RotationFilter(config.rotation)
        self._translation = OneEuroFilter(config.translation)
        self._scale = OneEuroFilter(config.scale)
        self._landmarks = OneEuroFilter(config.landmarks)

    def continues(self, time_ns: int) -> bool:
        """Say whether a frame of `time_ns` continues what was seen last."""
        return self._time_ns is None or 0 <= time_ns - self._time_ns <= self._max_gap_ns

    def smooth(self, frame: FaceFrame) -> FaceFrame:
        time_ns = self._time_ns = frame.capture_time_ns
        scale = float(self._scale.filter(np.array(frame.scale_px_per_cm), time_ns, frame.scale_px_per_cm))
        self._px_per_cm = scale
        alpha_exp = np.empty(EYELIDS.size)
        alpha_exp[EYELIDS] = self._eyelids.filter(frame.alpha_exp[EYELIDS], time_ns)
        alpha_exp[~EYELIDS] = self._expression.filter(frame.alpha_exp[~EYELIDS], time_ns)
        quaternion = self._rotation.filter(frame.quaternion, time_ns)
        return replace(
            frame,
            alpha_exp=np.clip(alpha_exp, 0, 1),
            quaternion=quaternion,
            euler_rad=euler_from_matrix(matrix_from_quaternion(quaternion)),
            translation_px=self._translation.filter(frame.translation_px, time_ns, scale),
            scale_px_per_cm=scale,
            landmarks_px=self._smooth_landmarks(frame, scale),
        )

    def lag_ms(self) -> dict[str, float]:
        return {
            "expression": self._expression.lag_ms(),
            "eyelids": self._eyelids.lag_ms(),
            "rotation": self._rotation.lag_ms(),
            "translation": self._translation.lag_ms(self._px_per_cm),
            "scale": self._scale.lag_ms(self._px_per_cm),
            "landmarks": self._landmarks.lag_ms(self._px_per_cm),
        }

    def _smooth_landmarks(self, frame: FaceFrame, px_per_cm: float) -> Array | None:
        if frame.landmarks_px is None:
            self._landmarks.reset()
            return None
        return self._landmarks.filter(frame.landmarks_px, frame.capture_time_ns, px_per_cm)
