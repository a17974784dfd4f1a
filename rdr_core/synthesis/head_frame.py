"""The frame in which things are put on a head or held before it, found from its landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, MIRROR
from rdr_core.synthesis.shapes import Solid
from rdr_core.synthesis.surface import Material, Surface
from rdr_core.types import Float32


@dataclass(frozen=True, eq=False)
class HeadFrame:
    """Origin between the ears' front edges (jaw landmarks 0 and 16), +x the subject's left, +y up, +z forward, cm."""

    axes: Float32
    """(3, 3) rows: where x, y and z point to in the view frame."""
    origin: Float32
    """(3,) view frame, cm."""
    landmarks: Float32
    """(68, 3) in this frame, each the mean of itself and its mirror image: what is worn sits straight on a grimace."""

    @classmethod
    def of(cls, landmarks_view: Float32) -> HeadFrame:
        """Find it from (68, 3) landmarks of the head itself, view frame, cm."""
        points = np.asarray(landmarks_view, np.float64)
        right, left = points[[0, 36, 39]], points[[16, 45, 42]]
        origin = (points[0] + points[16]) / 2
        x = (left - right).sum(axis=0)
        x /= np.linalg.norm(x)
        forward = points[27] - origin  # the bridge of the nose is level with the ears' front edges and does not move
        z = forward - (forward @ x) * x
        z /= np.linalg.norm(z)
        axes = np.stack([x, np.cross(z, x), z])
        local = (points - origin) @ axes.T
        local = (local + local[MIRROR] * [-1.0, 1.0, 1.0]) / 2
        return cls(axes.astype(np.float32), origin.astype(np.float32), local.astype(np.float32))

    @property
    def half_width_cm(self) -> float:
        """Half the width of the head before the ears."""
        return float(self.landmarks[16, 0])

    @property
    def eye(self) -> Float32:
        """(3,) middle of the left eye; the right one mirrors it."""
        middle = (self.landmarks[EYE_LEFT] + self.landmarks[EYE_RIGHT] * [-1.0, 1.0, 1.0]) / 2
        return middle.mean(axis=0)

    def surface(
        self,
        solid: Solid,
        material: Material,
        tint: Float32,
        roughness: float = 0.5,
        opacity: float = 1.0,
        two_sided: bool = False,
    ) -> Surface:
        """Put a solid of this frame into the view frame; (3,) `tint`, linear RGB."""
        placed = solid.moved(self.axes, self.origin)
        return Surface(
            material,
            placed.vertices,
            placed.normals,
            placed.triangles,
            tint=np.asarray(tint, np.float32),
            roughness=roughness,
            opacity=opacity,
            two_sided=two_sided,
        )


def sample_color(rng: np.random.Generator) -> Float32:
    """Draw the colour of a thing, (3,) linear RGB: black, white, grey or metal more often than a bright one."""
    kind = rng.random()
    if kind < 0.4:
        color = rng.uniform(0.008, 0.05) * np.exp(rng.normal(0, 0.1, 3))
    elif kind < 0.7:
        color = rng.uniform(0.15, 0.8) * np.exp(rng.normal(0, 0.05, 3))
    else:
        color = rng.uniform(0.05, 1.2) * rng.dirichlet([0.7, 0.7, 0.7])
    return np.minimum(color, 0.9)


def sample_skin(rng: np.random.Generator) -> Float32:
    """Draw a tone of skin, (3,) linear RGB, from dark to fair."""
    dark, fair = np.array([0.07, 0.035, 0.02]), np.array([0.62, 0.40, 0.30])
    return np.exp(np.log(dark) + (np.log(fair) - np.log(dark)) * rng.uniform(0, 1)) * np.exp(rng.normal(0, 0.05, 3))
