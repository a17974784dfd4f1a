"""A face that nobody makes: it talks, smiles, blinks and looks about, for trying a rig without camera or weights.

Everything is a function of the time, so that two runs show the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from avatar_bridge.messages import FaceFrame
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, N_EXPRESSIONS
from rdr_core.face_model.dynamic_expression_model import combine, default_face_model
from rdr_core.fitting.contour import visible_landmarks
from rdr_core.geometry.rotation import quaternion_from_euler
from rdr_core.geometry.weak_perspective import project
from rdr_core.types import Float32

SIZE_PX: Final = (640, 480)
_SCALE_PX_PER_CM: Final = 12.0
_BLINK_EVERY_S: Final = 3.7
_BLINK_S: Final = 0.24
_SHOWN_S: Final = 1.0
"""How long a sweep shows each shape."""


@dataclass(frozen=True, slots=True)
class FakeFace:
    """Which of the faces, and what it does."""

    number: int = 0
    sweep: bool = False
    """Show each of the 46 shapes alone, one after another, instead of acting."""

    def frame(self, session: str, seq: int, capture_time_ns: int, seconds: float) -> FaceFrame:
        """Return the face as it is after so many seconds."""
        alpha_exp = _sweep(seconds) if self.sweep else _act(seconds + 7.3 * self.number)
        euler = np.zeros(3) if self.sweep else _look_about(seconds + 7.3 * self.number)
        place = np.array([SIZE_PX[0] / 2 + 160 * self.number, SIZE_PX[1] / 2, 0.0])
        return FaceFrame(
            session=session,
            seq=seq,
            face_id=self.number,
            capture_time_ns=capture_time_ns,
            publish_time_ns=0,
            source_size_px=SIZE_PX,
            tracked=True,
            confidence=1.0,
            alpha_exp=alpha_exp,
            quaternion=quaternion_from_euler(euler),
            euler_rad=euler.astype(np.float32),
            translation_px=place,
            scale_px_per_cm=_SCALE_PX_PER_CM,
            landmarks_px=_landmarks(alpha_exp, euler, place),
        )


def shown_in_sweep(seconds: float) -> str:
    """Return the name of the shape that a sweep shows at this time."""
    return BLENDSHAPE_NAMES[int(seconds / _SHOWN_S) % N_EXPRESSIONS]


def _sweep(seconds: float) -> Float32:
    alpha = np.zeros(N_EXPRESSIONS, np.float32)
    alpha[BLENDSHAPE_NAMES.index(shown_in_sweep(seconds))] = _bump(seconds % _SHOWN_S / _SHOWN_S)
    return alpha


def _act(seconds: float) -> Float32:
    talks = _bump(seconds / 6.1 % 1) ** 0.5 * (seconds % 12.2 < 6.1)
    syllable = 0.5 - 0.5 * math.cos(2 * math.pi * 3.1 * seconds + 1.3 * math.sin(2.2 * seconds))
    smiles = _bump((seconds % 9.0 - 5.0) / 3.2)
    wonders = _bump((seconds % 7.0 - 1.5) / 2.0)
    frowns = _bump((seconds % 11.0 - 8.0) / 2.4)
    blink = _bump(seconds % _BLINK_EVERY_S / _BLINK_S)
    values = {
        "JawOpen": 0.4 * talks * syllable,
        "MouthFunnel": 0.35 * talks * (0.5 + 0.5 * math.sin(4.7 * seconds)),
        "MouthPucker": 0.5 * talks * _bump(seconds % 1.9 / 0.7),
        "MouthSmile": 0.8 * smiles,
        "CheekUp": 0.4 * smiles,
        "BrowInnerUp": 0.7 * wonders,
        "BrowOuterUp": 0.6 * wonders,
        "EyeWide": 0.3 * wonders,
        "BrowDown": 0.7 * frowns,
        "EyeSquint": 0.4 * max(frowns, smiles),
        "EyeClose": blink,
    }
    both_sides = (name.removesuffix("_L").removesuffix("_R") for name in BLENDSHAPE_NAMES)
    return np.clip([values.get(name, 0.0) for name in both_sides], 0, 1).astype(np.float32)


def _look_about(seconds: float) -> np.ndarray:
    pitch = 6 * math.sin(0.9 * seconds) + 2 * math.sin(2.3 * seconds)
    yaw = 18 * math.sin(0.55 * seconds) + 4 * math.sin(1.7 * seconds)
    roll = 5 * math.sin(0.7 * seconds + 1)
    return np.radians([pitch, yaw, roll])


def _bump(x: float) -> float:
    """0 outside of (0, 1), smoothly up to 1 and down in between."""
    return math.sin(math.pi * x) ** 2 if 0 < x < 1 else 0.0


@cache
def _mean_face() -> tuple[Float32, Float32]:
    model = default_face_model()
    return model.landmark_tensor.contract_identity(model.identity_mean)


def _landmarks(alpha_exp: Float32, euler: np.ndarray, place: np.ndarray) -> Float32:
    vertices = combine(*_mean_face(), alpha_exp)
    points = visible_landmarks(default_face_model().topology, vertices, euler).on(vertices)
    return project(points, euler, place, np.float64(_SCALE_PX_PER_CM))[:, :2].astype(np.float32)
