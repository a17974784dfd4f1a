"""What all heads of a face model share: their pieces behind skin, and how normals are summed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from rdr_core.errors import AssetError
from rdr_core.face_model.dynamic_expression_model import Accessories, DynamicExpressionModel
from rdr_core.face_model.eyes import find_eyeballs
from rdr_core.synthesis.normals import normal_gather
from rdr_core.synthesis.surface import Material
from rdr_core.types import Float32

_MOUTH_DEPTH_CM: Final = (5.0, 11.0)
"""z of the dark throat and of the lit front teeth on the mean face."""
_THROAT_LIGHT: Final = 0.12
_SOCKET_CM: Final = 2.4
"""Accessories nearer than this to the middle of an eye are its socket."""
_TOOTH: Final = 0.6
"""Accessories as bright as that are teeth; the rest is gums, tongue and sockets."""


@dataclass(frozen=True, eq=False)
class InnerPart:
    """Teeth, or all other parts of the mouth."""

    material: Material
    vertices: np.ndarray
    """(V,) of the accessories."""
    triangles: np.ndarray
    """(T, 3) int32 into `vertices`."""
    gather: sparse.csr_array
    light: Float32
    """(V,) how much ambient light reaches it."""


@dataclass(frozen=True, eq=False)
class HeadParts:
    """Pieces of a face model's heads."""

    gather: sparse.csr_array
    """Of the skin's normals."""
    eyeballs: list[np.ndarray]
    """Vertices of each eyeball among the accessories."""
    sockets: InnerPart
    """What is seen beside the eyeballs."""
    mouth: list[InnerPart]
    """Teeth, then gums and tongue; hidden while the lips are closed."""

    @classmethod
    def of(cls, model: DynamicExpressionModel) -> HeadParts:
        """Read them off a face model; AssetError where it has no eyes and teeth."""
        if model.accessories is None:
            raise AssetError("this face model has no eyes and teeth: synthesis needs the default one")
        eyeballs = find_eyeballs(model.accessories)
        gather = normal_gather(model.topology.triangles, model.tensor.n_vertices)
        sockets, teeth, gums = _inner_parts(model.accessories, eyeballs, model.identity_mean)
        return cls(gather, eyeballs, sockets, [teeth, gums])


def _inner_parts(accessories: Accessories, eyeballs: list[np.ndarray], identity_mean: Float32) -> list[InnerPart]:
    """Eye sockets, teeth, and the rest."""
    neutral = accessories.tensor.contract_identity(identity_mean)[0]
    rest = np.setdiff1d(np.arange(len(neutral)), np.concatenate(eyeballs))
    is_tooth = accessories.colors.min(axis=1) > _TOOTH
    eyes = np.stack([neutral[ball].mean(axis=0) for ball in eyeballs])
    near_eye = np.linalg.norm(neutral[:, None] - eyes, axis=2).min(axis=1) < _SOCKET_CM
    far, near = _MOUTH_DEPTH_CM
    lit = _THROAT_LIGHT + (1 - _THROAT_LIGHT) * np.clip((neutral[:, 2] - far) / (near - far), 0, 1) ** 2
    parts = []
    wanted_of = ((Material.MOUTH, near_eye), (Material.TEETH, is_tooth), (Material.MOUTH, ~is_tooth & ~near_eye))
    for material, wanted in wanted_of:
        vertices = rest[wanted[rest]]
        inside = np.isin(accessories.triangles, vertices).all(axis=1)
        triangles = np.searchsorted(vertices, accessories.triangles[inside]).astype(np.int32)
        light = lit[vertices].astype(np.float32)
        parts.append(InnerPart(material, vertices, triangles, normal_gather(triangles, len(vertices)), light))
    return parts
