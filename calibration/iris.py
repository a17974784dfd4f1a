"""The colour of a person's eyes, from how bright the iris is beside the white.

Irises differ by one pigment, from brown over hazel to grey and blue, the less there is of it. A few pixels tell hue
badly (the sky is seen in dark eyes), but brightness well. Where the iris is, is known from the eyeballs and the gaze.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from calibration.eyeballs import Eyeball, eyeballs_of
from calibration.identity import PersonFit
from calibration.observation import FacePicture, Observation
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.eyes import Rgb, gaze_rotation
from rdr_core.fitting.pose import Camera
from rdr_core.types import Float32

_RING_DEG: Final = (13.0, 19.0)
_PUPIL_DEG: Final = (0.0, 6.0)
_WHITE_DEG: Final = (30.0, 42.0)
_BRIGHTNESS: Final = (0.03, 0.1, 0.18)
_COLORS: Final = ((66, 40, 22), (100, 95, 58), (96, 108, 114))
"""Brown, hazel, grey blue, sRGB, and how bright such irises are in pictures, linear, of the white."""
_LEAST_PX_PER_CM: Final = 7.0
"""An iris of fewer than eight pixels has no colour of its own."""
_LEAST_FRAMES: Final = 4
_LEAST_POINTS: Final = 12
_LIDS_SHRUNK: Final = 0.85
_VEIL: Final = 0.7
"""A pupil is black: so much of what is seen there lies over the iris, too, as the sky does on dark eyes."""
_GAMMA: Final = 2.2


def iris_color(model: DynamicExpressionModel, frames: Sequence[Observation], fit: PersonFit) -> Rgb | None:
    """Return the colour of a person's irises, sRGB; None where too little of them was seen."""
    eyes = eyeballs_of(model, fit.alpha_id)
    found = [
        brightness
        for g, frame in enumerate(frames)
        if frame.picture is not None and fit.cameras[g].flat.scale_px_per_cm >= _LEAST_PX_PER_CM
        for brightness in _brightness(frame, frame.picture, fit.cameras[g].flat, eyes)
    ]
    if len(found) < _LEAST_FRAMES:
        return None
    red, green, blue = (round(float(np.interp(np.median(found), _BRIGHTNESS, c))) for c in zip(*_COLORS, strict=True))
    return red, green, blue


def _brightness(frame: Observation, picture: FacePicture, camera: Camera, eyes: tuple[Eyeball, ...]) -> Iterator[float]:
    """Yield for each eye that is open how bright the iris is, linear, of the white."""
    square = picture.square
    points = square.points_to_crop(frame.landmarks_px)
    place = square.points_to_crop(np.asarray(camera.translation_px))
    near = replace(camera, translation_px=place, scale_px_per_cm=camera.scale_px_per_cm * square.scale)
    linear = ((picture.image_bgr.astype(np.float32) / 255) ** _GAMMA).mean(axis=2)
    for eye in eyes:
        lids = eye.lids_of(points).astype(np.float32)
        center = eye.center_px(near, lids)
        axis = near.rotation @ gaze_rotation(frame.alpha_exp, eye.side == "L")
        middle = lids.mean(axis=0)
        opening = middle + _LIDS_SHRUNK * (lids - middle)
        pupil, iris, white = (
            _seen(linear, center + near.scale_px_per_cm * eye.radius_cm * ring[:, :2] * [1, -1], opening)
            for ring in (_ring(span, axis) for span in (_PUPIL_DEG, _RING_DEG, _WHITE_DEG))
        )
        if min(len(pupil), len(iris), len(white)) >= _LEAST_POINTS:
            veil = _VEIL * float(np.quantile(pupil, 0.25))
            yield (float(np.median(iris)) - veil) / max(float(np.quantile(white, 0.75)) - veil, 1e-3)


def _ring(span_deg: tuple[float, float], axis: Float32) -> Float32:
    """Directions (m, 3) of so many degrees from the third column of (3, 3)."""
    off, around = (
        grid.ravel() for grid in np.meshgrid(np.radians(np.linspace(*span_deg, 4)), np.linspace(0, 2 * np.pi, 48))
    )
    ring = np.stack([np.sin(off) * np.cos(around), np.sin(off) * np.sin(around), np.cos(off)], axis=1)
    return ring @ axis.T


def _seen(linear: Float32, at: Float32, opening: Float32) -> Float32:
    """(m, 2) px in a picture (H, W) -> values of those between the lids, (6, 2) px."""
    height, width = linear.shape[:2]
    inside = [
        (x, y)
        for x, y in at.astype(float)
        if 0 <= x < width and 0 <= y < height and cv2.pointPolygonTest(opening, (x, y), False) > 0
    ]
    x, y = np.array(inside, int).reshape(-1, 2).T
    return linear[y, x]
