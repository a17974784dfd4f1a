"""Smoothing of face frames: one set of One Euro filters per face, started anew after a gap.

Off unless the user wants it: the tracker smooths already. The order of work is that of the tracker's program.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .one_euro import OneEuroFilter, RotationFilter
from .protocol import FaceFrame
from .shapes import REGIONS
from .smoothing_config import SMOOTHED_REGIONS, SmoothingConfig


class FaceSmoother:
    """Smooths the frames of one character, each face in the order of its capture times."""

    def __init__(self, config: SmoothingConfig | None = None) -> None:
        self.config = config or SmoothingConfig()
        self._face: _FaceFilters | None = None
        self._key: tuple[str, int] | None = None

    def smooth(self, frame: FaceFrame) -> FaceFrame:
        """Return the frame with smoothed coefficients and pose.

        A lost face (tracked False) stays where its last smoothed frame was, and leaves no trace in the filters; so does
        a frame whose time is not after the last one.
        """
        if not self.config.enabled:
            return frame
        key = (frame.session, frame.face_id)
        if self._face is not None and key == self._key and self._face.goes_on(frame):
            return self._face.smooth(frame)
        if not frame.tracked:
            return frame
        self._face, self._key = _FaceFilters(self.config), key
        return self._face.smooth(frame)

    def lag_ms(self) -> dict[str, float]:
        """Return the present delay by region, that at rest where there is no face."""
        return (self._face or _FaceFilters(self.config)).lag_ms()

    def reset(self) -> None:
        """Forget the face."""
        self._face = None


class _FaceFilters:
    """All filters of one face, and its last frame."""

    def __init__(self, config: SmoothingConfig) -> None:
        self._config = config
        self._max_gap_ns = round(config.max_gap_ms * 1e6)
        self._time_ns = 0
        self._heard_ns = 0
        self._last: FaceFrame | None = None
        self._coefficients = {region: _number_filter(config, region) for region in REGIONS}
        rotation = config.filter_of("rotation")
        self._rotation = RotationFilter(rotation) if rotation else None
        self._translation = _number_filter(config, "translation")
        self._scale = _number_filter(config, "scale")

    def goes_on(self, frame: FaceFrame) -> bool:
        """Say whether a frame goes on with what was seen last; a lost one does as long as the face is heard of."""
        since_ns = self._time_ns if frame.tracked else self._heard_ns
        return abs(frame.capture_time_ns - since_ns) <= self._max_gap_ns

    def smooth(self, frame: FaceFrame) -> FaceFrame:
        self._heard_ns = max(self._heard_ns, frame.capture_time_ns)
        if self._last is not None and (not frame.tracked or frame.capture_time_ns <= self._time_ns):
            return _as_in(self._last, frame)
        self._time_ns = frame.capture_time_ns
        self._last = replace(frame, **self._smoothed(frame))
        return self._last

    def _smoothed(self, frame: FaceFrame) -> dict[str, Any]:
        time_ns, weight = frame.capture_time_ns, self._config.weight(frame.confidence)
        scale_px_per_cm = frame.scale_px_per_cm
        if self._scale:
            (log_scale,) = self._scale.filter([math.log(scale_px_per_cm)], time_ns, weight)
            scale_px_per_cm = math.exp(log_scale)
        smooth: dict[str, Any] = {"scale_px_per_cm": scale_px_per_cm, "alpha_exp": self._smooth_shapes(frame, weight)}
        if self._translation:
            moved = self._translation.filter(frame.translation_px.tolist(), time_ns, weight, scale_px_per_cm)
            smooth["translation_px"] = np.array(moved, np.float32)
        if self._rotation:
            turned = self._rotation.filter(frame.quaternion.tolist(), time_ns, weight)
            smooth["quaternion"] = np.array(turned, np.float32)
        return smooth

    def _smooth_shapes(self, frame: FaceFrame, weight: float) -> Any:
        values = frame.alpha_exp.tolist()
        smooth = np.array(values)
        for region, where in REGIONS.items():
            one_euro = self._coefficients[region]
            if one_euro:
                smooth[list(where)] = one_euro.filter([values[i] for i in where], frame.capture_time_ns, weight)
        return np.clip(smooth, 0, 1).astype(np.float32)

    def lag_ms(self) -> dict[str, float]:
        lags = {region: one_euro.lag_ms() if one_euro else 0.0 for region, one_euro in self._coefficients.items()}
        lags["head"] = self._rotation.lag_ms() if self._rotation else 0.0
        return {region: lags[region] for region in SMOOTHED_REGIONS}


def _number_filter(config: SmoothingConfig, name: str) -> OneEuroFilter | None:
    settings = config.filter_of(name)
    return OneEuroFilter(settings) if settings else None


def _as_in(last: FaceFrame, frame: FaceFrame) -> FaceFrame:
    """Return a frame with the face as it was in `last`."""
    held = ("alpha_exp", "quaternion", "translation_px", "scale_px_per_cm")
    return replace(frame, **{name: getattr(last, name) for name in held})
