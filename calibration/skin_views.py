"""What each kept frame shows of the skin: colours at the texels, and how far they are to be believed.

n: texels.  N: vertices of the mesh.  n_s: vertices of the landmark subset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from calibration.camera import NearCamera
from calibration.identity import PersonFit
from calibration.observation import FacePicture, Observation
from calibration.texels import Texels
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine
from rdr_core.fitting.contour import landmarks_on_outline
from rdr_core.geometry.raster import depth_map
from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, JAW, LIPS_INNER, N_LANDMARKS
from rdr_core.synthesis.normals import normal_gather, vertex_normals
from rdr_core.types import Float32, UInt8

_PULL_CM: Final = 1.8
"""So far a landmark takes the skin about it along."""
_LANDMARK_NOISE: Final = (0.1, 1.0)
"""Variance of the landmarks' noise over that of what they say, of the inner ones and of the jaw."""
_COSINE: Final = (0.2, 0.9)
"""Skin that is seen at a smaller cosine than the one is not looked at, at the other it is seen best."""
_HIDDEN_CM: Final = 0.4
"""What lies so much deeper than what is nearest there is hidden."""
_DEPTH_STEP_PX: Final = 2
_OPENING_CM: Final = 0.12
"""About eyes and mouth, so much is not skin: lashes, wet rims."""
_FAR_CM: Final = (4.0, 6.5)
"""Nobody knows how the face lies between a landmark and what is farther off."""
_BELOW_CHIN_CM: Final = (0.0, 1.0)
"""The neck stays where it is when the head turns."""
_CALM: Final = 1.5
"""An expression whose coefficients sum to so much counts as e times less: its folds do not belong on a face at rest."""
_LID_SHAPES: Final = np.array([name.startswith("Eye") for name in BLENDSHAPE_NAMES])


@dataclass(frozen=True, eq=False)
class SkinView:
    """One frame, laid on the texels."""

    colors: Float32
    """(n, 3) sRGB, 0..255."""
    weights: Float32
    """(n,) 0..1, 0 where the skin is not seen."""
    normals: Float32
    """(n, 3) as the camera sees them: x right, y up, z to the camera."""


def skin_views(
    model: DynamicExpressionModel, texels: Texels, frames: Sequence[Observation], fit: PersonFit
) -> Iterator[SkinView]:
    """Yield what each frame that has a picture shows."""
    laying = _Laying(model, texels, fit.alpha_id)
    worth = _worth(frames, fit)
    for g, frame in enumerate(frames):
        if frame.picture is not None and worth[g] > 0:
            view = laying.lay(frame, frame.picture, fit.cameras[g], fit.alpha_exp[g])
            yield SkinView(view.colors, view.weights * worth[g], view.normals)


def _worth(frames: Sequence[Observation], fit: PersonFit) -> Float32:
    """(G,) 0..1 how good each frame is beside the best: sure, sharp, at rest."""
    sharp = np.array([frame.confidence * np.sqrt(frame.sharpness) for frame in frames])
    expressed = fit.alpha_exp[:, ~_LID_SHAPES].sum(axis=1)
    worth = fit.weights * sharp * np.exp((expressed.min() - expressed) / _CALM)
    return (worth / max(worth.max(), 1e-9)).astype(np.float32)


class _Laying:
    """One person's mesh, to be laid into pictures."""

    def __init__(self, model: DynamicExpressionModel, texels: Texels, alpha_id: Float32) -> None:
        self.topology, self.texels = model.topology, texels
        self.neutral, self.offsets = model.blendshapes(alpha_id)
        self.gather = normal_gather(self.topology.triangles, len(self.neutral))
        landmarks = self.neutral[self.topology.landmarks]
        far = np.linalg.norm(self.neutral[:, None] - landmarks[None], axis=2).min(axis=1)
        below = landmarks[JAW[len(JAW) // 2], 1] - self.neutral[:, 1]
        self.known = (1 - smoothstep(*_FAR_CM, far)) * (1 - smoothstep(*_BELOW_CHIN_CM, below))

    def lay(self, frame: Observation, picture: FacePicture, camera: NearCamera, alpha_exp: Float32) -> SkinView:
        shape = combine(self.neutral, self.offsets, alpha_exp)
        points = picture.square.points_to_crop(self._pulled(frame.landmarks_px, camera, shape)).astype(np.float32)
        normals = vertex_normals(shape.astype(np.float32), self.topology.triangles, self.gather)
        seen = self.known * smoothstep(*_COSINE, _cosine(camera, shape, normals))
        at = self.texels.of_vertices(points)
        weights = self.texels.of_vertices(seen) * self._visible(picture, camera, points, shape)
        weights *= _sample(_openings(frame, picture, camera), at)[:, 0] / 255
        colors = _sample(picture.image_bgr, at)[:, ::-1]
        return SkinView(colors, np.clip(weights, 0, 1), self.texels.of_vertices(normals @ camera.flat.rotation.T))

    def _pulled(self, landmarks_px: Float32, camera: NearCamera, shape: Float32) -> Float32:
        """Project the mesh and pull it onto the landmarks, smoothly: what the fit leaves would double the features."""
        subset = shape[self.topology.subset]
        vertices = landmarks_on_outline(self.topology, camera.project(subset))
        left = landmarks_px - camera.project(vertices.on(subset))
        anchors = vertices.on(self.neutral[self.topology.subset])
        noise = np.full(N_LANDMARKS, _LANDMARK_NOISE[0])
        noise[JAW] = _LANDMARK_NOISE[1]
        pull = np.linalg.solve(_kernel(anchors, anchors) + np.diag(noise), left)
        return camera.project(shape) + _kernel(self.neutral, anchors) @ pull

    def _visible(self, picture: FacePicture, camera: NearCamera, points: Float32, shape: Float32) -> Float32:
        """(n,) 1 where nothing of the face lies before a texel and it is in the picture, else 0."""
        depth = (shape @ camera.flat.rotation[2]).astype(np.float32)
        side = picture.square.size // _DEPTH_STEP_PX
        nearest = depth_map(points / _DEPTH_STEP_PX, depth, self.topology.triangles, side, side)
        nearest = cv2.dilate(nearest, np.ones((3, 3), np.uint8))  # skin beside an edge mixes with what hides it
        at = self.texels.of_vertices(points)
        x, y = np.clip(at / _DEPTH_STEP_PX, 0, side - 1).astype(np.int64).T
        inside = (at >= 1).all(axis=1) & (at < picture.square.size - 1).all(axis=1)
        return (inside & (self.texels.of_vertices(depth) > nearest[y, x] - _HIDDEN_CM)).astype(np.float32)


def _cosine(camera: NearCamera, shape: Float32, normals: Float32) -> Float32:
    """(N,) of the angle at which each vertex is seen."""
    turn = camera.flat.rotation
    if np.isinf(camera.distance_cm):
        return normals @ turn[2]
    ray = np.array([0.0, 0.0, camera.distance_cm]) - (shape - camera.pivot_cm) @ turn.T
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    return ((normals @ turn.T) * ray).sum(axis=1)


def _openings(frame: Observation, picture: FacePicture, camera: NearCamera) -> UInt8:
    """(s, s, 1) 0 on eyes and mouth, soft about them, 255 elsewhere."""
    points, size = picture.square.points_to_crop(frame.landmarks_px), picture.square.size
    mask = np.full((size, size), 255, np.uint8)
    for opening in (EYE_RIGHT, EYE_LEFT, LIPS_INNER):
        cv2.fillPoly(mask, [points[opening].round().astype(np.int32)], 0)
    reach = max(1, round(_OPENING_CM * camera.flat.scale_px_per_cm * picture.square.scale))
    skin = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    return cv2.GaussianBlur(skin, (0, 0), reach / 2)[..., None]


def _sample(picture: UInt8, at: Float32) -> Float32:
    """(H, W, c) picture at (n, 2) px, bilinear -> (n, c) float32."""
    rows = -(-len(at) // 1024)
    grid = np.zeros((rows * 1024, 2), np.float32)
    grid[: len(at)] = at - 0.5
    x, y = np.ascontiguousarray(grid.reshape(rows, 1024, 2).transpose(2, 0, 1))
    found = cv2.remap(picture, x, y, cv2.INTER_LINEAR)
    return found.reshape(rows * 1024, -1)[: len(at)].astype(np.float32)


def _kernel(points: Float32, anchors: Float32) -> Float32:
    """(n, 3) and (m, 3), cm -> (n, m) how much of a pull at one arrives at the other."""
    squares = (points**2).sum(axis=1)[:, None] + (anchors**2).sum(axis=1) - 2 * points @ anchors.T
    return np.exp(-np.maximum(squares, 0) / (2 * _PULL_CM**2))
