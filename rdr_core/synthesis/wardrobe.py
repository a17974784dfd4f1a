"""What sampled heads wear: the skins, scalps with modelled hair, wigs, necks and shoulders of VALID's 42
measured people.

Everything is brought into the frame of the face model's mean face, cm. N: vertices of the face model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from rdr_core.errors import AssetError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.nostrils import nostril_light
from rdr_core.face_model.split_mesh import SplitMesh
from rdr_core.geometry.similarity import similarity
from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.synthesis.head_parts import HeadParts
from rdr_core.synthesis.normals import normal_gather, vertex_normals
from rdr_core.synthesis.skin import SkinMaker, read_atlas
from rdr_core.types import Float32, UInt8

_N_FACE: Final = 9408
"""Vertices of the face proper; those of head and neck follow."""
_HAIR_FROM_CM: Final = (0.2, 2.2)
"""Distance from the face proper at which the scalp begins to follow the measured head, and does so fully."""
_NECK_FROM_CM: Final = (-8.5, -12.0)
"""Height at which the neck begins to follow the measured one, and does so fully."""
_SHOULDERS_BELOW_CM: Final = -12.0
"""Height at which the measured body begins."""
_UNDER_BODY_CM: Final = 0.2
"""How far the face model's neck is drawn in below that height, so that the body lies over it."""
_HAIR_CONTRAST: Final = 28.0
"""Distance in Lab from the colour of the face at which scalp counts as hair."""
_BRIGHTER: Final = 0.3
"""Weight of lightness above that of the face: foreheads shine, fair hair differs in colour, too."""
_HAIR_ABOVE_CM: Final = -7.0
_FRINGE_ABOVE_CM: Final = 6.0
"""The same on the face proper, which ends on top of the forehead: below it darker skin is eyebrow, beard or lips."""
TWIST_PIVOT: Final = np.array([0.0, -9.0, -1.0], np.float32)
"""Point of the neck about which shoulders turn against the head."""
_TWIST_FROM_CM: Final = (-8.5, -17.0)


@dataclass(frozen=True, eq=False)
class Wig:
    """Hair with a mesh of its own, on the head of the person it was measured on."""

    vertices: Float32
    """(V, 3)."""
    uv: Float32
    triangles: np.ndarray
    gather: sparse.csr_array
    """Of its normals."""
    nearest: np.ndarray
    """(V, 4) vertices of the face model that carry it."""
    texture: UInt8


@dataclass(frozen=True, eq=False)
class Measured:
    """One of VALID's people, brought into the face model's frame."""

    name: str
    head: Float32
    """(N, 3) where the face model's vertices lie on them."""
    body: Float32
    """(V, 3) vertices of neck, shoulders and upper clothes."""
    body_normals: Float32
    body_twist: Float32
    """(V,) see `Wardrobe.twist`."""


class Wardrobe:
    """The data folder's `face_model/valid_*`, read when needed."""

    def __init__(self, folder: Path, model: DynamicExpressionModel, atlas_px: int = 1024) -> None:
        if model.topology.triangle_uv is None:
            raise AssetError("this face model has no texture coordinates: synthesis needs the default one")
        self.folder, self.model, self.atlas_px = folder, model, atlas_px
        self.mean = model.face()
        self.head_mesh = SplitMesh.of(model.topology.triangles, model.topology.triangle_uv)
        valid, body, self._hair = (_read(folder / f"valid_{name}.npz") for name in ("bilinear", "body", "hair"))
        self.names = [str(name) for name in valid["ids"]]
        self._valid, self._body = valid, body
        self._skins: dict[str, UInt8] = {}
        self._wigs: dict[str, Wig] = {}
        self._divided: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.wig_names = [str(name) for name in self._hair["ids"]]

    @cached_property
    def light(self) -> Float32:
        """(N,) how much ambient light reaches each vertex: the nose is dark inside."""
        return nostril_light(self.mean, self.model.topology.triangles, self.model.topology.landmarks)

    @cached_property
    def split_light(self) -> Float32:
        """`light` of the split vertices of `head_mesh`."""
        return self.light[self.head_mesh.source]

    @cached_property
    def parts(self) -> HeadParts:
        """What lies behind the skin of every head."""
        return HeadParts.of(self.model)

    @cached_property
    def people(self) -> list[Measured]:
        """All measured people."""
        return [self._measure(number) for number in range(len(self.names))]

    def _place(self, number: int) -> tuple[Float32, Callable[[Float32], Float32]]:
        """Where the face model's vertices lie on a measured person (N, 3), cm, and what takes any points of that person
        into the face model's frame."""
        corners = self._valid["neutral"][number][self._valid["ict_tri"]]
        head = np.einsum("nk,nkd->nd", self._valid["ict_bary"].astype(np.float32), corners)
        scale, rotation, offset = similarity(head[:_N_FACE], self.mean[:_N_FACE])
        return head, lambda points: scale * points @ rotation.T + offset

    def _every(self, number: int) -> Float32:
        """All measured vertices of a person: the head's, then the body's."""
        return np.concatenate([self._valid["neutral"][number], self._body["vertices"][number]])

    def _measure(self, number: int) -> Measured:
        head, place = self._place(number)
        body = place(self._every(number)[self.shoulders.source]).astype(np.float32)
        triangles = self.shoulders.triangles
        normals = vertex_normals(body, triangles, normal_gather(triangles, len(body)))
        return Measured(self.names[number], place(head).astype(np.float32), body, normals, self.twist(body))

    @cached_property
    def shoulders(self) -> SplitMesh:
        """Neck, shoulders and clothes: measured triangles below the chin that the face model does not cover."""
        _, place = self._place(0)
        placed = place(self._every(0))
        below = placed[:, 1] < _SHOULDERS_BELOW_CM
        triangles = self._valid["tri"][~self._body["head_tri_is_arm"]]
        triangles = triangles[below[triangles].any(axis=1)]
        triangles = np.concatenate([triangles, self._body["tri"]])
        uv = np.concatenate([self._valid["uv"], self._body["uv"]]).astype(np.float32)
        source = np.unique(triangles)
        return SplitMesh(source, np.searchsorted(source, triangles).astype(np.int32), uv[source])

    @cached_property
    def _skin_maker(self) -> SkinMaker:
        valid_uv = self._valid["uv"].astype(np.float32)[self._valid["tri"]]
        return SkinMaker(self.model.topology, valid_uv, self.shoulders.uv[self.shoulders.triangles], self.atlas_px)

    def skin(self, name: str) -> UInt8:
        """The atlas of a person, fitted to the face model: (atlas_px, atlas_px, 3) RGB."""
        if name not in self._skins:
            self._skins[name] = self._skin_maker.make(self.folder / "valid_tex2048" / f"{name}.webp")
        return self._skins[name]

    def hair_triangles(self, name: str) -> np.ndarray:
        """(T',) triangles of the head mesh that a person's atlas paints with hair, unlike the skin of the face."""
        image = cv2.cvtColor(cv2.GaussianBlur(self.skin(name), (0, 0), 3), cv2.COLOR_RGB2LAB).astype(np.float32)
        uv = self.head_mesh.uv[self.head_mesh.triangles].mean(axis=1)
        color = image[tuple((uv[:, ::-1] * (self.atlas_px - 1)).astype(int).T)]
        on_face = (self.head_mesh.source[self.head_mesh.triangles] < _N_FACE).all(axis=1)
        high = self.mean[self.head_mesh.source[self.head_mesh.triangles]].mean(axis=1)[:, 1]
        off = color - np.median(color[on_face], axis=0)
        off[:, 0] *= np.where(off[:, 0] < 0, 1, _BRIGHTER)
        strange = np.linalg.norm(off, axis=1) > _HAIR_CONTRAST
        bound = np.where(on_face, _FRINGE_ABOVE_CM, _HAIR_ABOVE_CM)
        return np.flatnonzero(strange & (high > bound))

    def scalp_triangles(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Triangles of the head mesh that are skin on a person, (T', 3), and those that are hair, (T'', 3)."""
        if name not in self._divided:
            hairy = np.zeros(len(self.head_mesh.triangles), bool)
            hairy[self.hair_triangles(name)] = True
            self._divided[name] = self.head_mesh.triangles[~hairy], self.head_mesh.triangles[hairy]
        return self._divided[name]

    def wig(self, name: str) -> Wig:
        """Hair of a person, on their own head in the face model's frame."""
        if name not in self._wigs:
            head, place = self._place(self.names.index(name))
            vertices = place(self._hair[f"vertices_{name}"]).astype(np.float32)
            _, nearest = cKDTree(place(head)).query(vertices, k=4)
            texture = read_atlas(self.folder / "valid_hair_tex" / f"{name}.webp", self.atlas_px // 2)
            uv = self._hair[f"uv_{name}"].astype(np.float32)
            triangles = self._hair[f"tri_{name}"].astype(np.int32)
            gather = normal_gather(triangles, len(vertices))
            self._wigs[name] = Wig(vertices, uv, triangles, gather, nearest, texture)
        return self._wigs[name]

    @cached_property
    def scalp(self) -> Float32:
        """(N,) how far each vertex follows the measured head's shape, hair included: 0 on the face, 1 on the scalp."""
        return smoothstep(*_HAIR_FROM_CM, self._distance_from_face)

    @cached_property
    def neck(self) -> Float32:
        """(N,) how far each vertex follows the measured neck."""
        return smoothstep(*_NECK_FROM_CM, self.mean[:, 1]) * smoothstep(0.0, 2.0, self._distance_from_face)

    @cached_property
    def under_body(self) -> Float32:
        """(N, 3) what takes the covered part of the neck under the body."""
        depth = _UNDER_BODY_CM * smoothstep(_SHOULDERS_BELOW_CM, _SHOULDERS_BELOW_CM - 1.0, self.mean[:, 1])
        axis = self.mean * np.array([1, 0, 1], np.float32)
        inward = axis / np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-6)
        return (-depth[:, None] * inward).astype(np.float32)

    @cached_property
    def _distance_from_face(self) -> Float32:
        fixed = np.union1d(np.arange(_N_FACE), self.model.topology.subset)
        return cKDTree(self.mean[fixed]).query(self.mean)[0].astype(np.float32)

    def twist(self, points: Float32) -> Float32:
        """(V, 3) points of head, neck or body -> (V,) how far each turns with the shoulders instead of the head."""
        return smoothstep(*_TWIST_FROM_CM, points[:, 1] - 0.35 * np.clip(-points[:, 2], 0, 8))


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content.files if name != "delta"}
    except (OSError, KeyError, ValueError) as error:
        raise AssetError(f"{path}: cannot be read ({error}); point RDR_DATA or --data at the data folder") from error
