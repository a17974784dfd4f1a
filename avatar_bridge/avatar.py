"""The avatar: the face model's mesh made ready for drawing, with skin, eyes and teeth.

V: drawn vertices (face vertices, split where the texture has a seam, then the accessories).  E: expressions (46).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import cv2
import numpy as np

from avatar_bridge.errors import AvatarError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.types import Float32, UInt8

SKIN = "skin_default.jpg"
_STILL = 1e-4  # coefficients below this move nothing that could be seen


@dataclass(frozen=True)
class Part:
    """A piece of the mesh with one material."""

    triangles: np.ndarray
    """(T, 3) into the part's vertices."""
    neutral: Float32
    """(V, 3) cm."""
    offsets: Float32
    """(E, V, 3) cm."""
    welded: np.ndarray
    """(V,) index of the first vertex at the same place: normals are smooth across texture seams."""
    uv: Float32 | None = None
    """(V, 2) v down, or None."""
    colors: Float32 | None = None
    """(V, 3) RGB in [0, 1], or None."""

    def vertices(self, alpha_exp: Float32) -> Float32:
        """(E,) -> (V, 3) cm."""
        moving = np.flatnonzero(np.abs(alpha_exp) > _STILL)
        moved = np.tensordot(alpha_exp[moving], self.offsets[moving], axes=1)
        return self.neutral + moved.astype(np.float32)

    def normals(self, vertices: Float32) -> Float32:
        """(V, 3) -> (V, 3) unit normals."""
        corners = vertices[self.triangles]
        face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        welded = self.welded[self.triangles].ravel()
        repeated = np.repeat(face, 3, axis=0)
        summed = [np.bincount(welded, repeated[:, axis], len(vertices)) for axis in range(3)]
        normals = np.stack(summed, axis=1)[self.welded]
        return (normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)).astype(np.float32)


@dataclass(frozen=True)
class Avatar:
    """What a renderer draws."""

    skin: Part
    accessories: Part | None
    texture: UInt8
    """(H, W, 3) RGB."""

    @classmethod
    def of_model(cls, model: DynamicExpressionModel, texture: UInt8, alpha_id: Float32 | None = None) -> Avatar:
        """Prepare a face model with texture coordinates; alpha_id None is the mean face."""
        topology = model.topology
        if topology.triangle_uv is None:
            raise AvatarError("this face model has no texture coordinates; use the default one for the preview")
        alpha_id = model.identity_mean if alpha_id is None else alpha_id
        neutral, offsets = model.blendshapes(alpha_id)
        keys = np.concatenate(
            [topology.triangles.reshape(-1, 1), np.round(topology.triangle_uv.reshape(-1, 2) * 4096)], axis=1
        )
        unique, first, index = np.unique(keys.astype(np.int64), axis=0, return_index=True, return_inverse=True)
        source = unique[:, 0]
        welded = np.unique(source, return_index=True)[1][np.searchsorted(np.unique(source), source)]
        uv = topology.triangle_uv.reshape(-1, 2)[first]
        skin = Part(index.reshape(-1, 3).astype(np.int32), neutral[source], offsets[:, source], welded, uv=uv)
        return cls(skin, _accessories(model, alpha_id), texture)


def _accessories(model: DynamicExpressionModel, alpha_id: Float32) -> Part | None:
    extra = model.accessories
    if extra is None:
        return None
    neutral, offsets = extra.tensor.contract_identity(alpha_id)
    return Part(extra.triangles, neutral, offsets, np.arange(len(neutral)), colors=extra.colors)


@lru_cache(maxsize=1)
def default_avatar() -> Avatar:
    """The mean face with the skin that comes with the program (derived from VALID, MIT; see NOTICE)."""
    return Avatar.of_model(default_face_model(), load_skin())


def load_skin() -> UInt8:
    """Return the shipped texture, (H, W, 3) RGB."""
    content = (files("rdr_core") / "assets" / SKIN).read_bytes()
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise AvatarError(f"{SKIN}: the shipped skin cannot be read; install the program again")
    return np.ascontiguousarray(image[..., ::-1])


def sample_identity(seed: int) -> Float32:
    """Draw an identity of the default face model from its prior; seed 0 is the mean face."""
    model = default_face_model()
    if seed == 0:
        return model.identity_mean
    noise: Any = np.random.default_rng(seed).standard_normal(model.n_identity)
    return (model.identity_mean + model.identity_std * np.clip(noise, -2, 2)).astype(np.float32)
