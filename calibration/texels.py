"""The texels of a skin: where on the face each lies, so that values of vertices, frames and pictures meet in one place.

n: texels inside the charts.  N: vertices of the mesh.  Pictures are (s, s, ...), v down.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from calibration.errors import CalibrationError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.raster import rasterize
from rdr_core.synthesis.skin import fill_outside, nearest_inside
from rdr_core.types import Float32


@dataclass(frozen=True, eq=False)
class Texels:
    """The texels of one face model's charts."""

    size: int
    """Side of the picture, s."""
    pixel: np.ndarray
    """(n,) y * s + x."""
    corners: np.ndarray
    """(n, 3) vertices of the triangle that each lies in."""
    weights: Float32
    """(n, 3) barycentric."""
    mirrored: np.ndarray
    """(n,) number of the texel at the same place of the other half of the face."""

    @classmethod
    def of_model(cls, model: DynamicExpressionModel, size: int) -> Texels:
        """Lay out the charts of a face model. CalibrationError where it has none."""
        topology = model.topology
        if topology.triangle_uv is None:
            raise CalibrationError("this face model has no texture coordinates, so that it can have no skin")
        found = rasterize(topology.triangle_uv * size, size, size)
        corners = topology.triangles[found.triangle]
        at = (model.face()[corners] * found.weights[..., None]).sum(axis=1)
        order = np.lexsort([-at[:, 2], found.pixel])  # inner nose and wings share texels: what lies in front has them
        pixel, first = np.unique(found.pixel[order], return_index=True)
        chosen = order[first]
        corners, weights, at = corners[chosen], found.weights[chosen], at[chosen]
        mirrored = cKDTree(at).query(at * np.array([-1, 1, 1], np.float32))[1]
        return cls(size, pixel, corners, weights, mirrored)

    def of_vertices(self, values: Float32) -> Float32:
        """(N, ...) values of vertices -> (n, ...) those at the texels."""
        weights = self.weights.reshape(*self.weights.shape, *[1] * (values.ndim - 1))
        return (values[self.corners] * weights).sum(axis=1)

    def of_picture(self, picture: np.ndarray) -> np.ndarray:
        """(s, s, ...) -> (n, ...)."""
        return picture.reshape(self.size**2, *picture.shape[2:])[self.pixel]

    def to_picture(self, values: np.ndarray) -> np.ndarray:
        """(n, ...) -> (s, s, ...), 0 outside of the charts."""
        picture = np.zeros((self.size**2, *values.shape[1:]), values.dtype)
        picture[self.pixel] = values
        return picture.reshape(self.size, self.size, *values.shape[1:])

    def over(self, picture: np.ndarray, values: Float32) -> np.ndarray:
        """Lay (n, c) values, 0..255, over an (s, s, c) uint8 picture; beside the charts their colours go on."""
        laid = picture.copy()
        laid.reshape(self.size**2, -1)[self.pixel] = np.clip(values, 0, 255).round().astype(np.uint8)
        inside = np.zeros((self.size, self.size), np.uint8)
        inside.reshape(-1)[self.pixel] = 255
        return fill_outside(laid, nearest_inside(inside)).reshape(picture.shape)

    def spread(self, values: Float32, reach: float) -> Float32:
        """(n,) values -> (n,) the largest within a distance, share of the side."""
        side = 2 * round(reach * self.size) + 1
        return self.of_picture(
            cv2.dilate(self.to_picture(values), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
        )

    def blurred(self, values: Float32, weights: Float32, sigma: float) -> Float32:
        """(n, c) values and (n,) weights -> (n, c) their means nearby, sigma in shares of the side; far from any
        weight they are 0."""
        both = np.concatenate([values * weights[:, None], weights[:, None]], axis=1).astype(np.float32)
        shrink = max(1, int(sigma * self.size / 3))  # what is smooth needs few pixels
        small = (self.size // shrink, self.size // shrink)
        picture = cv2.resize(self.to_picture(both), small, interpolation=cv2.INTER_AREA)
        picture = cv2.GaussianBlur(picture, (0, 0), sigma * small[0], borderType=cv2.BORDER_REPLICATE)
        mean = self.of_picture(cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_LINEAR))
        return mean[:, :-1] / np.maximum(mean[:, -1:], 1e-6)
