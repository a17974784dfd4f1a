"""The avatar: the face model's mesh made ready for drawing, with skin, eyes and teeth.

V: drawn vertices of a part (face vertices are split where the texture has a seam).  E: expressions (46).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, Final

import cv2
import numpy as np

from avatar_bridge.collar import collar_uv
from avatar_bridge.errors import AvatarError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import Accessories, DynamicExpressionModel, shipped_face_model
from rdr_core.face_model.eyes import Gaze, ball_of, cornea, eye_texture, find_eyeballs, lid_light, unit_sphere
from rdr_core.face_model.mouth import join_lips, mouth_colors, rim, show_teeth
from rdr_core.face_model.nostrils import nostril_light
from rdr_core.face_model.split_mesh import SplitMesh
from rdr_core.types import Float32, UInt8

SKIN: Final = "skin_default.jpg"
_MOVES_CM: Final = 1e-3
"""What moves less under every expression stands still."""
_LIPS: Final = (62, 66)
"""Landmarks: the middle of the upper and of the lower inner lip."""


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of the mesh with one material."""

    triangles: np.ndarray
    """(T, 3) into the part's vertices, counter-clockwise from outside."""
    neutral: Float32
    """(V, 3) cm."""
    offsets: Float32
    """(E, V, 3) cm."""
    welded: np.ndarray
    """(V,) which point each vertex lies on, 0..W-1: normals are smooth across texture seams."""
    roughness: float
    """0 (wet) to 1 (chalk)."""
    uv: Float32 | None = None
    """(V, 2) v down, or None."""
    texture: UInt8 | None = None
    """(H, W, 3) RGB, where there is uv."""
    colors: Float32 | None = None
    """(V, 3) RGB in [0, 1], linear light, that the texture is multiplied by; or None."""
    gaze: Gaze | None = None
    """For an eyeball: how it turns."""
    name: str = "Part"
    """Skin, EyeLeft, EyeRight, Mouth, or what a file calls it."""
    specular: float = 1.0
    """0 to 1: how much physically based renderers let it shine: they do not know that it is dark in mouth and nose."""

    @cached_property
    def _moving(self) -> tuple[np.ndarray, Float32]:
        """Vertices that any expression moves (M,), and their offsets (E, 3M) in one block."""
        vertices = np.flatnonzero((np.abs(self.offsets) > _MOVES_CM).any(axis=(0, 2)))
        return vertices, np.ascontiguousarray(self.offsets[:, vertices].reshape(len(self.offsets), -1), np.float32)

    def vertices(self, alpha_exp: Float32) -> Float32:
        """(E,) -> (V, 3) cm."""
        moving, offsets = self._moving
        # einsum, not @: BLAS threads go on spinning after so small a product and starve a software renderer
        moved = np.einsum("e,em->m", np.asarray(alpha_exp, np.float32), offsets)
        vertices = self.neutral.copy()
        vertices[moving] += moved.reshape(-1, 3)
        return vertices if self.gaze is None else self.gaze.turn(vertices, alpha_exp)

    @cached_property
    def _corner_points(self) -> np.ndarray:
        """(3T,) welded point of each triangle corner, first corners first."""
        return np.ascontiguousarray(self.welded[self.triangles].T.ravel())

    def normals(self, vertices: Float32) -> Float32:
        """(V, 3) -> (V, 3) unit normals, weighted by area."""
        a, b, c = vertices[self.triangles.T]
        u, v = (b - a).T, (c - a).T
        face = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
        summed = [np.bincount(self._corner_points, np.tile(component, 3)) for component in face]
        normals = np.stack(summed, axis=1).astype(np.float32)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        return normals[self.welded]


@dataclass(frozen=True, eq=False)
class Avatar:
    """What a renderer draws."""

    parts: tuple[Part, ...]
    """Skin first; it hides most of the others, so drawing it first saves work."""

    @classmethod
    def of_model(cls, model: DynamicExpressionModel, texture: UInt8, alpha_id: Float32 | None = None) -> Avatar:
        """Prepare a face model with texture coordinates; alpha_id None is the mean face."""
        topology = model.topology
        if topology.triangle_uv is None:
            raise AvatarError("this face model has no texture coordinates; use the default one for the preview")
        alpha_id = model.identity_mean if alpha_id is None else alpha_id
        neutral, offsets = model.blendshapes(alpha_id)
        mean = model.tensor.contract_identity(model.identity_mean)[0]
        mesh = SplitMesh.of(topology.triangles, collar_uv(mean, topology.triangles, topology.triangle_uv))
        source, triangles, uv = mesh.source, mesh.triangles, mesh.uv
        welded = np.unique(source, return_inverse=True)[1]
        light = nostril_light(neutral, topology.triangles, topology.landmarks)[source]
        skin = Part(
            triangles,
            neutral[source],
            offsets[:, source],
            welded,
            roughness=0.72,
            uv=uv,
            texture=texture,
            colors=np.repeat(light[:, None], 3, axis=1),
            name="Skin",
            specular=0.3,
        )
        accessories = () if model.accessories is None else _accessories(model, model.accessories, alpha_id)
        return cls((skin, *accessories))


def _accessories(model: DynamicExpressionModel, extra: Accessories, alpha_id: Float32) -> tuple[Part, ...]:
    """Two eyes; and in one part, Mouth, what is behind the lips and around the eyes."""
    neutral, offsets = extra.tensor.contract_identity(alpha_id)
    mean = extra.tensor.contract_identity(model.identity_mean)[0]
    eyeballs = find_eyeballs(extra)
    eyes = tuple(_eye(*ball_of(neutral[ball]), len(offsets)) for ball in eyeballs)
    rest = np.setdiff1d(np.arange(len(neutral)), np.concatenate([*eyeballs, np.empty(0, np.int64)]))
    inside = np.isin(extra.triangles, rest).all(axis=1)
    triangles = np.searchsorted(rest, extra.triangles[inside]).astype(np.int32)
    neutral, offsets, own = neutral[rest], offsets[:, rest], extra.colors[rest]
    colors = mouth_colors(mean[rest], offsets, own)
    offsets = show_teeth(neutral, offsets, own, _open_lips(model, alpha_id))
    lips = model.tensor.rows(rim(model.topology.triangles)).contract_identity(alpha_id)
    neutral, offsets = join_lips(neutral, offsets, triangles, own, lips)
    mouth = Part(triangles, neutral, offsets, np.arange(len(rest)), 0.5, colors=colors, name="Mouth", specular=0.1)
    return (*eyes, mouth)


def _open_lips(model: DynamicExpressionModel, alpha_id: Float32) -> tuple[float, float]:
    """Return how high the middles of the inner lips are at JawOpen = 1, cm."""
    lips = model.tensor.rows(model.topology.landmarks[list(_LIPS)])
    neutral, offsets = lips.contract_identity(alpha_id)
    upper, lower = (neutral + offsets[BLENDSHAPE_NAMES.index("JawOpen")])[:, 1]
    return float(upper), float(lower)


def _eye(center: Float32, radius: float, n_expressions: int) -> Part:
    directions, triangles, uv = unit_sphere()
    still = np.zeros((n_expressions, len(directions), 3), np.float32)
    gaze = Gaze(center, is_left=bool(center[0] > 0))
    vertices = center + np.float32(radius) * directions * cornea(directions)[:, None]
    light = np.repeat(lid_light(directions)[:, None], 3, axis=1)
    welded = np.arange(len(vertices))
    name = "EyeLeft" if gaze.is_left else "EyeRight"
    return Part(triangles, vertices, still, welded, 0.12, uv, eye_texture(), light, gaze, name)


@lru_cache(maxsize=1)
def default_avatar() -> Avatar:
    """The mean face with the skin that comes with the program (derived from VALID, MIT; see NOTICE)."""
    return Avatar.of_model(shipped_face_model(), load_skin())


@lru_cache(maxsize=1)
def load_skin() -> UInt8:
    """Return the shipped texture, (H, W, 3) RGB."""
    content = (files("rdr_core") / "assets" / SKIN).read_bytes()
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise AvatarError(f"{SKIN}: the shipped skin cannot be read; install the program again")
    return np.ascontiguousarray(image[..., ::-1])


def sample_identity(seed: int) -> Float32:
    """Draw an identity of the default face model from its prior; seed 0 is the mean face."""
    model = shipped_face_model()
    if seed == 0:
        return model.identity_mean
    noise: Any = np.random.default_rng(seed).standard_normal(model.n_identity)
    return (model.identity_mean + model.identity_std * np.clip(noise, -2, 2)).astype(np.float32)
