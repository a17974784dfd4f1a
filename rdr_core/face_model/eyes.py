"""Drawn eyes: spheres in place of the face model's eyeballs, which have a hole beside the pupil.

They turn with the gaze expressions, and their iris is painted by angle from the gaze axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import Accessories
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.types import Float32, UInt8

Rgb = tuple[int, int, int]
TEXTURE_PX: Final = 256
_SPAN_DEG: Final = 60.0
"""Angle from the gaze axis at the rim of the texture; farther back the rim's colour goes on."""
_IRIS_DEG, _PUPIL_DEG = 23.0, 9.5
_PUPIL_BRIGHTNESS: Final = 0.1  # only pupils are as dark among the accessories' colours
_CORNEA_DEG, _CORNEA = 25.0, 0.05
"""Angle from the gaze axis at its rim, and how far it stands out, share of the radius: that brings the light's
reflection from the lid to beside the pupil."""
_LID_DEG: Final = (4.0, 30.0)
"""Between these angles above the gaze axis the upper lid takes the light; the lower takes little."""
_LID_LIGHT, _CORNER_LIGHT = 0.4, 0.75
GAZE_DEG: Final = {"up": 25.0, "down": 30.0, "side": 35.0}
"""How far the coefficients 1 turn an eye: as far as the lids of the face model follow."""


@dataclass(frozen=True, eq=False)
class Gaze:
    """An eyeball that turns about its centre: the face model's gaze expressions move the lids alone."""

    pivot: Float32
    """(3,) cm."""
    is_left: bool
    """The subject's left eye."""

    def turn(self, vertices: Float32, alpha_exp: Float32) -> Float32:
        """(V, 3) vertices of the eye looking ahead, (46,) -> (V, 3)."""
        rotation = gaze_rotation(alpha_exp, self.is_left).astype(np.float32)
        return (vertices - self.pivot) @ rotation.T + self.pivot


def gaze_rotation(alpha_exp: Float32, is_left: bool) -> np.ndarray:
    """(46,) -> (3, 3) rotation of an eyeball in the head."""
    side = "L" if is_left else "R"
    up, down, inward, outward = (
        float(alpha_exp[BLENDSHAPE_NAMES.index(f"EyeLook{way}_{side}")]) for way in ("Up", "Down", "In", "Out")
    )
    yaw_deg = GAZE_DEG["side"] * (outward - inward) * (1 if is_left else -1)  # the left eye turns outward to +x
    return matrix_from_euler(np.radians([GAZE_DEG["up"] * up - GAZE_DEG["down"] * down, yaw_deg, 0.0]))


def find_eyeballs(accessories: Accessories) -> list[np.ndarray]:
    """Sorted vertex indices of each connected piece that has a pupil."""
    triangles = accessories.triangles
    piece = np.arange(len(accessories.colors))
    while True:  # every vertex takes the lowest number around it, until each piece has one
        lowest = piece[triangles].min(axis=1)
        spread = piece.copy()
        np.minimum.at(spread, triangles.ravel(), np.repeat(lowest, 3))
        spread = spread[spread]
        if (spread == piece).all():
            break
        piece = spread
    with_pupil = np.unique(piece[accessories.colors.max(axis=1) < _PUPIL_BRIGHTNESS])
    return [np.flatnonzero(piece == number) for number in with_pupil]


def ball_of(eyeball: Float32) -> tuple[Float32, float]:
    """(n, 3) vertices of an eyeball, a shell with an inner and an outer wall -> centre (3,) and outer radius, cm."""
    center = ((eyeball.max(axis=0) + eyeball.min(axis=0)) / 2).astype(np.float32)
    return center, float(np.quantile(np.linalg.norm(eyeball - center, axis=1), 0.75))


def unit_sphere(rings: int = 20, sectors: int = 32) -> tuple[Float32, np.ndarray, Float32]:
    """A sphere whose rings lie about +z, denser in front: (V, 3) unit vectors, (T, 3) triangles, (V, 2) uv, v down."""
    angle = np.pi * np.linspace(0, 1, rings + 1) ** 1.5
    around = 2 * np.pi * np.arange(sectors) / sectors
    x, y = np.outer(np.sin(angle), np.cos(around)), np.outer(np.sin(angle), np.sin(around))
    vertices = np.stack([x, y, np.broadcast_to(np.cos(angle)[:, None], x.shape)], axis=-1).reshape(-1, 3)
    ring, sector = (grid.ravel() for grid in np.mgrid[:rings, :sectors])
    here, beside = ring * sectors + sector, ring * sectors + (sector + 1) % sectors
    quads = np.stack([here, here + sectors, beside + sectors, here, beside + sectors, beside], axis=1)
    reach = 0.5 * np.minimum(np.degrees(angle) / _SPAN_DEG, 1)
    uv = 0.5 + np.stack([np.outer(reach, np.cos(around)), -np.outer(reach, np.sin(around))], axis=-1).reshape(-1, 2)
    return vertices.astype(np.float32), quads.reshape(-1, 3).astype(np.int32), uv.astype(np.float32)


def cornea(directions: Float32) -> Float32:
    """(V, 3) unit vectors, +z the gaze -> (V,) radius there, of the ball's."""
    share = np.clip(np.degrees(np.arccos(np.clip(directions[:, 2], -1, 1))) / _CORNEA_DEG, 0, 1)
    return (1 + _CORNEA * (1 - share**2) ** 2).astype(np.float32)


def lid_light(directions: Float32) -> Float32:
    """(V, 3) unit vectors, +z the gaze -> (V,) how much light lids and corners of the eye leave to the ball."""
    x_deg, y_deg = np.degrees(np.arctan2(directions[:, :2], np.maximum(directions[:, 2:], 0.05))).T
    above = 1 - (1 - _LID_LIGHT) * smoothstep(*_LID_DEG, y_deg)
    return (above * (1 - (1 - _CORNER_LIGHT) * smoothstep(20, 50, np.abs(x_deg)))).astype(np.float32)


@lru_cache(maxsize=16)
def eye_texture(inner_rgb: Rgb = (118, 78, 44), outer_rgb: Rgb = (74, 46, 28)) -> UInt8:
    """(TEXTURE_PX, TEXTURE_PX, 3) RGB: pupil, iris with fibres and a dark rim (brown by default), white that reddens
    outwards."""
    y, x = (np.mgrid[:TEXTURE_PX, :TEXTURE_PX] + 0.5) / TEXTURE_PX * 2 - 1
    angle_deg, around = np.hypot(x, y) * _SPAN_DEG, np.arctan2(y, x)
    fibres = 0.5 + 0.25 * np.sin(around * 41 + 2 * np.sin(around * 7)) + 0.25 * np.sin(around * 67 + np.cos(around * 5))
    depth = np.clip((angle_deg - _PUPIL_DEG) / (_IRIS_DEG - _PUPIL_DEG), 0, 1)[..., None]
    inner, outer = np.array(inner_rgb, float), np.array(outer_rgb, float)
    iris = (inner + (outer - inner) * depth) * (0.75 + 0.5 * fibres[..., None] * (1 - depth**2))
    iris *= 1 - 0.6 * smoothstep(_IRIS_DEG - 4, _IRIS_DEG, angle_deg)[..., None]
    white = np.array([184, 179, 176.0]) - np.array([30, 58, 58.0]) * smoothstep(28, _SPAN_DEG, angle_deg)[..., None]
    color = iris + (white - iris) * smoothstep(_IRIS_DEG - 1, _IRIS_DEG + 1.5, angle_deg)[..., None]
    color *= 0.06 + 0.94 * smoothstep(_PUPIL_DEG - 1, _PUPIL_DEG + 1, angle_deg)[..., None]
    return np.clip(color, 0, 255).astype(np.uint8)
