"""The colour of a person's eyes: the ring of the iris over the white beside it, so that the light does not count.

Where the iris is, is known from the eyeballs and the gaze (`gaze.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from calibration.gaze import Eyeball, eyeballs_of, look
from calibration.identity import PersonFit
from calibration.observation import FacePicture, Observation
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.eyes import gaze_rotation
from rdr_core.fitting.pose import Camera
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT
from rdr_core.types import Float32

Rgb = tuple[int, int, int]

_RING_DEG: Final = (13.0, 19.0)
_WHITE_DEG: Final = (30.0, 42.0)
_WHITE_SRGB: Final = 182.0
"""What the white of an eye has in even light."""
_LEAST_PX_PER_CM: Final = 7.0
"""An iris of fewer than eight pixels has no colour of its own."""
_LEAST_FRAMES: Final = 4
_LEAST_POINTS: Final = 12
_LIDS_SHRUNK: Final = 0.85
_GAMMA: Final = 2.2


def iris_color(model: DynamicExpressionModel, frames: Sequence[Observation], fit: PersonFit) -> Rgb | None:
    """Return the colour of a person's irises, sRGB; None where too little of them was seen."""
    eyes = eyeballs_of(model, fit.alpha_id)
    found = [
        color
        for g, frame in enumerate(frames)
        if frame.picture is not None and fit.cameras[g].flat.scale_px_per_cm >= _LEAST_PX_PER_CM
        for color in _colors(frame, frame.picture, fit.cameras[g].flat, eyes)
    ]
    if len(found) < _LEAST_FRAMES:
        return None
    red, green, blue = (_WHITE_SRGB * np.clip(np.median(found, axis=0), 0, 1) ** (1 / _GAMMA)).round()
    return int(red), int(green), int(blue)


def _colors(frame: Observation, picture: FacePicture, camera: Camera, eyes: tuple[Eyeball, ...]) -> Iterator[Float32]:
    """Yield for each eye that is open (3,) linear RGB of the iris over that of the white."""
    square = picture.square
    points = square.points_to_crop(frame.landmarks_px)
    place = square.points_to_crop(np.asarray(camera.translation_px))
    near = replace(camera, translation_px=place, scale_px_per_cm=camera.scale_px_per_cm * square.scale)
    gaze = look(picture.image_bgr, near, points, frame.alpha_exp, eyes)
    linear = (picture.image_bgr[..., ::-1].astype(np.float32) / 255) ** _GAMMA
    for eye in eyes:
        lids = points[EYE_LEFT if eye.side == "L" else EYE_RIGHT].astype(np.float32)
        center = lids[[0, 3]].mean(axis=0) + near.scale_px_per_cm * (near.rotation @ eye.from_corners_cm)[:2] * [1, -1]
        axis = near.rotation @ gaze_rotation(gaze, eye.side == "L")
        middle = lids.mean(axis=0)
        opening = middle + _LIDS_SHRUNK * (lids - middle)
        iris, white = (
            _seen(linear, center + near.scale_px_per_cm * eye.radius_cm * ring[:, :2] * [1, -1], opening)
            for ring in (_ring(span, axis) for span in (_RING_DEG, _WHITE_DEG))
        )
        if min(len(iris), len(white)) >= _LEAST_POINTS:
            yield np.median(iris, axis=0) / np.maximum(np.quantile(white, 0.75, axis=0), 1e-3)


def _ring(span_deg: tuple[float, float], axis: Float32) -> Float32:
    """Directions (m, 3) of so many degrees from the third column of (3, 3)."""
    off, around = (
        grid.ravel() for grid in np.meshgrid(np.radians(np.linspace(*span_deg, 4)), np.linspace(0, 2 * np.pi, 48))
    )
    ring = np.stack([np.sin(off) * np.cos(around), np.sin(off) * np.sin(around), np.cos(off)], axis=1)
    return ring @ axis.T


def _seen(linear: Float32, at: Float32, opening: Float32) -> Float32:
    """(m, 2) px in a picture -> colours of those between the lids, (6, 2) px."""
    height, width = linear.shape[:2]
    inside = [
        (x, y)
        for x, y in at.astype(float)
        if 0 <= x < width and 0 <= y < height and cv2.pointPolygonTest(opening, (x, y), False) > 0
    ]
    x, y = np.array(inside, int).reshape(-1, 2).T
    return linear[y, x]
