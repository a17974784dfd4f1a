"""The numbers that every shader of a picture needs: where the camera and the lamp see a point, and the light around.

Matrices are (4, 4) and take homogeneous columns (x, y, z, 1) of the view frame, cm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from rdr_core.synthesis.surface import Camera, Lighting, Material, Surface
from rdr_core.types import Float32

FRAME_BYTES: Final = 4 * (2 * 16 + 2 * 9 * 4 + 4 * 4)
"""Size of the uniform block in shaders/frame.glsl."""
CASTERS: Final = (Material.SKIN, Material.HAIR, Material.CLOTH, Material.OBJECT)
"""Materials that throw shadows; the others lie in sockets or are clear."""
_NEAREST: Final = 0.97
"""Points nearer to a pinhole than 1 - this of its distance are cut off."""
_ENOUGH_VERTICES: Final = 2000
"""So many of a surface's vertices say where it is."""
_SKIN_SCATTER: Final = np.array([[1.03, 1, 1], [0.93, 0.97, 0.98], [0.7, 0.85, 0.9]], np.float32)
"""What scattering in skin leaves of each band of the light's harmonics, by colour."""


def clip_from_view(camera: Camera, nearest_cm: float, farthest_cm: float) -> Float32:
    """GL clip space, flipped so that the framebuffer's first row is the picture's top one.

    z from `nearest_cm` to `farthest_cm` is kept; as in every projection, depth is even along 1/w.
    """
    nearness = 1.0 / camera.distance_cm  # 0 where orthographic
    nearest = min(nearest_cm, _NEAREST * camera.distance_cm)
    farthest = min(farthest_cm, nearest - 1.0)  # also where all lies behind the camera
    scale = 2.0 * camera.scale_px_per_cm / camera.size_px
    w = np.array([0.0, 0.0, -nearness, 1.0])
    center = np.array(camera.center_px) * 2.0 / camera.size_px - 1.0
    w_near, w_far = 1.0 - nearest * nearness, 1.0 - farthest * nearness
    slope = -(w_near + w_far) / (nearest - farthest)
    rows = [
        np.array([scale, 0.0, 0.0, 0.0]) + center[0] * w,
        np.array([0.0, -scale, 0.0, 0.0]) + center[1] * w,
        np.array([0.0, 0.0, slope, -w_near - slope * nearest]),
        w,
    ]
    return np.stack(rows).astype(np.float32)


def lamp_from_view(points: Float32, receivers: Float32, direction: Float32) -> tuple[Float32, float]:
    """A square of the shadow map's 0..1, seen along the lamp's rays: the matrix, and units per cm.

    (n, 3) `points` are within its depth range; (m, 3) `receivers`, where shadows are seen, within its borders.
    """
    z = direction / np.linalg.norm(direction)
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [0.0, 0.0, 1.0], z)
    x /= np.linalg.norm(x)
    axes = np.stack([x, np.cross(z, x)])
    seen, depth = receivers @ axes.T, points @ z
    lower, upper = seen.min(axis=0), seen.max(axis=0)
    side = float((upper - lower).max()) * 1.04 + 1.0
    near, deep = depth.max() + 0.5, depth.max() - depth.min() + 1.0
    matrix = np.zeros((4, 4))
    matrix[:2, :3] = axes / side
    matrix[:2, 3] = 0.5 - (lower + upper) / 2 / side
    matrix[2, :3] = -z / deep
    matrix[2, 3] = near / deep
    matrix[3, 3] = 1.0
    return matrix.astype(np.float32), 1.0 / side


def frame_block(
    surfaces: Sequence[Surface], camera: Camera, lighting: Lighting, irradiance: Float32, samples_per_px: int
) -> bytes:
    """The uniform block of shaders/frame.glsl; (9, 3) `irradiance` of the environment in its own directions.

    `samples_per_px` counts along a side.
    """
    points = np.concatenate([s.vertices[:: 1 + len(s.vertices) // _ENOUGH_VERTICES] for s in surfaces])
    depths = [bound(s.vertices[:, 2]) for s in surfaces for bound in (np.min, np.max)]
    nearest, farthest = max(depths) + 0.1, min(depths) - 0.1
    lamp, per_cm = lamp_from_view(points, _in_view(points, camera), lighting.lamp_direction)
    light = irradiance * np.float32(lighting.exposure)
    bands = np.repeat(_SKIN_SCATTER, (1, 3, 5), axis=0)
    turn = [np.cos(lighting.yaw_rad), np.sin(lighting.yaw_rad), lighting.exposure, 1.0 / camera.distance_cm]
    parts = [
        clip_from_view(camera, nearest, farthest).T,
        lamp.T,
        _as_polynomial(light),
        _as_polynomial(light * bands),
        [*lighting.lamp_direction, lighting.lamp_softness_cm * per_cm],
        [*(np.asarray(lighting.lamp_color) / np.pi), 0.0],
        turn,
        [*camera.center_px, 1.0 / camera.scale_px_per_cm, samples_per_px],
    ]
    return b"".join(np.asarray(part, np.float32).tobytes() for part in parts)


def _in_view(points: Float32, camera: Camera) -> Float32:
    """The points that fall into the picture or a little beside it; all of them where none does."""
    aside = np.abs(camera.project(points) / camera.size_px - 0.5).max(axis=1)
    near = (aside < 0.6) & (points[:, 2] < _NEAREST * camera.distance_cm)
    return points[near] if near.any() else points


def _as_polynomial(harmonics: Float32) -> Float32:
    """(9, 3) coefficients -> (9, 4) factors of 1, y, z, x, xy, yz, zz, xz, xx-yy."""
    norms = [0.282095, 0.488603, 0.488603, 0.488603, 1.092548, 1.092548, 3 * 0.315392, 1.092548, 0.546274]
    factors = harmonics * np.array(norms, np.float32)[:, None]
    factors[0] -= 0.315392 * harmonics[6]
    return np.pad(factors, ((0, 0), (0, 1)))
