"""What the page is told of a frame: JSON, so that any page can read it."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from avatar_bridge.messages import FaceFrame
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.eyes import gaze_rotation
from rdr_core.geometry.rotation import euler_from_matrix, quaternion_from_euler

_XYZW: Final = [1, 2, 3, 0]
_DIGITS: Final = 4


GREETING: Final = json.dumps({"names": BLENDSHAPE_NAMES})
"""What a page is told first: the order of the weights."""


def page_message(frame: FaceFrame, place: int) -> str:
    """Return one face of one frame.

    place: its number from 0, among the faces that are there; `weights` are the 46 coefficients in FaceWarehouse's
    order; `head`, `eyes` unit quaternions x, y, z, w, in the axes of glTF; `capture_ms` since the epoch.
    """
    eyes = {
        name: _quaternion(quaternion_from_euler(euler_from_matrix(gaze_rotation(frame.alpha_exp, name == "EyeLeft"))))
        for name in ("EyeLeft", "EyeRight")
    }
    said = {
        "face": frame.face_id,
        "place": place,
        "tracked": frame.tracked,
        "weights": [round(float(value), _DIGITS) for value in frame.alpha_exp],
        "head": _quaternion(np.asarray(frame.quaternion)),
        "eyes": eyes,
        "capture_ms": round(frame.capture_time_ns / 1e6, 1),
    }
    return json.dumps(said, separators=(",", ":"))


def _quaternion(wxyz: np.ndarray) -> list[float]:
    return [round(float(value), _DIGITS + 2) for value in wxyz[_XYZW]]
