"""What a renderer draws: surfaces with one material each, a camera and light.

V: vertices.  T: triangles.  View frame: right-handed, cm, x right and y up in the picture, z towards the viewer; the
origin is the middle of the face (`camera.HeadPlacement`), which the camera looks at from `distance_cm` away along +z.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from rdr_core.types import Float32, UInt8


class Material(IntEnum):
    """How a surface takes the light."""

    SKIN = 0
    HAIR = 1
    EYE = 2
    TEETH = 3
    MOUTH = 4
    CLOTH = 5
    OBJECT = 6
    """Plastic, metal, rubber: what stands before a face."""
    LENS = 7
    """Clear or tinted glass, drawn last and blended."""


@dataclass(frozen=True, eq=False)
class Surface:
    """One piece of a scene."""

    material: Material
    vertices: Float32
    """(V, 3) float32 view frame, cm."""
    normals: Float32
    """(V, 3) float32 unit, view frame."""
    triangles: np.ndarray
    """(T, 3) int32, counter-clockwise from outside."""
    uv: Float32 | None = None
    """(V, 2) float32 in 0..1, v down (hair: along the strands); None where `texture` is None."""
    texture: UInt8 | None = None
    """(H, W, 3) RGB, sRGB. The renderer keeps it on the GPU by identity (`id`): pass the same array again."""
    tint: Float32 = field(default_factory=lambda: np.ones(3, np.float32))
    """(3,) linear factor on the texture, or the colour where there is none."""
    light: Float32 | None = None
    """(V,) float32 how much of the ambient light reaches each vertex, 0..1 (nostrils, mouth); None is 1."""
    roughness: float = 0.5
    """0 (wet) to 1 (chalk)."""
    opacity: float = 1.0
    """Less than 1 only for LENS."""
    two_sided: bool = False
    """Drawn from behind, too, with the normal turned."""


@dataclass(frozen=True)
class Camera:
    """A pinhole, or scaled orthographic where `distance_cm` is infinite."""

    size_px: int
    """Side of the square picture."""
    scale_px_per_cm: float
    """px per cm at the view frame's origin; the focal length is this times `distance_cm`."""
    center_px: tuple[float, float]
    """Picture position of the view frame's origin; px, y down."""
    distance_cm: float = float("inf")

    def project(self, points: Float32) -> Float32:
        """(..., 3) view frame, cm -> (..., 2) picture px."""
        points = np.asarray(points)
        nearer = 1.0 / (1.0 - points[..., 2:] / self.distance_cm)
        offset = points[..., :2] * nearer * self.scale_px_per_cm * np.array([1.0, -1.0])
        return (offset + np.array(self.center_px)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Lighting:
    """An environment and one lamp that casts a shadow."""

    environment: int
    """Index into the renderer's environment maps."""
    yaw_rad: float
    """Turn of the environment about the vertical."""
    exposure: float
    """Linear factor on the environment's light, after it is normalised to mean 1."""
    lamp_direction: Float32
    """(3,) unit, view frame, towards the lamp."""
    lamp_color: Float32
    """(3,) linear RGB irradiance at a right angle; zero for none. pi gives as much as a whole sky of radiance 1."""
    lamp_softness_cm: float = 0.4
    """Half the width of the edge of its shadows."""
    backdrop_fov_rad: float = 0.7
    """Angle of view of the part of the environment that is seen behind the surfaces."""
    backdrop_blur: float = 0.02
    """Radius of a point behind them, out of focus, over the side of the picture."""
