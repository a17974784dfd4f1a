"""Gaze read from the picture where nobody was calibrated: on the face model's own eyeballs.

The network sees gaze to the side hardly at all, at a size at which an iris is four pixels. What `gaze.py` reads is
nearly twice as near the truth, with an average person's eyeballs as with the user's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.fitting.pose import Camera
from rdr_core.inference.gaze import Eyeball, eyeballs_of, look, shut
from rdr_core.inference.tracker import Predictor
from rdr_core.types import FacePrediction, Float32, UInt8

_MOST_KNOWN: Final = 16
_FORGOTTEN: Final = 20
"""A face that was not seen for so many calls is another one."""
_REACH: Final = 0.5
"""From one frame to the next a face moves by less than so much of its size."""


@dataclass(frozen=True, eq=False)
class _Known:
    """A face as it was seen last."""

    middle_px: Float32
    """(2,)."""
    alpha_exp: Float32
    """(E,)."""
    call: int


class GazePredictor:
    """A network whose gaze is read from the picture; takes the place of the network in a tracker."""

    def __init__(self, predictor: Predictor, model: DynamicExpressionModel) -> None:
        """A face model without eyeballs leaves the network as it is."""
        self.crop_size = predictor.crop_size
        self._predictor = predictor
        self._eyes: tuple[Eyeball, ...] = eyeballs_of(model, model.identity_mean)
        self._known: list[_Known] = []
        self._calls = 0

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        """Return one prediction per crop, image px."""
        said = self._predictor.predict(image_bgr, crops)
        if not self._eyes:
            return said
        self._calls += 1
        self._known = [face for face in self._known if self._calls - face.call <= _FORGOTTEN][-_MOST_KNOWN:]
        return [self._read(image_bgr, prediction) for prediction in said]

    def _read(self, image_bgr: UInt8, prediction: FacePrediction) -> FacePrediction:
        middle, pose = prediction.shape.mean(axis=0), prediction.pose
        if not np.isfinite(prediction.shape).all() or pose.scale_px_per_cm <= 0:
            return prediction
        before = self._take(middle, float(np.ptp(prediction.shape[:, 0])))
        euler_rad, place = (np.asarray(values, np.float64) for values in (pose.euler_rad, pose.translation_px[:2]))
        camera, alpha = Camera(euler_rad, place, pose.scale_px_per_cm), prediction.alpha_exp
        closed = shut(alpha, before)
        read = look(image_bgr, camera, prediction.shape, alpha, self._eyes, closed, before).astype(np.float32)
        self._known.append(_Known(middle, read, self._calls))
        return replace(prediction, alpha_exp=read)

    def _take(self, middle_px: Float32, size_px: float) -> Float32 | None:
        """Return the coefficients of the face that was last seen here, and forget them; None where there was none."""
        away = [float(np.linalg.norm(face.middle_px - middle_px)) for face in self._known]
        if not away or min(away) > _REACH * size_px:
            return None
        return self._known.pop(int(np.argmin(away))).alpha_exp
