"""The dynamic expression model: a face from identity and expression coefficients (Eq. 1, 2, 7).

N: number of vertices.  I: identity dimensions (50).  E: expressions (46).  n: vertices of the landmark subset.
Model frame: right-handed, cm, +x the subject's left, +y up, +z out of the face.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.config import chosen_face_model
from rdr_core.errors import AssetError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.core_tensor import CoreTensor
from rdr_core.face_model.topology import Topology
from rdr_core.types import Float32

SCHEMA_VERSION = 2


@dataclass(frozen=True, eq=False)
class Accessories:
    """Eyeballs, teeth, gums, tongue and sockets: drawn with the face, moved by the same coefficients."""

    tensor: CoreTensor
    triangles: np.ndarray
    """(T', 3) into the accessories' own vertices."""
    colors: Float32
    """(N', 3) RGB in [0, 1]."""


@dataclass(frozen=True, eq=False)
class DynamicExpressionModel:
    """C_B with its topology, names and the identity prior of the faces it was learned from."""

    tensor: CoreTensor
    topology: Topology
    identity_mean: Float32
    """(I,) mean alpha_id of the learned-from faces: the mean face."""
    identity_std: Float32
    """(I,) their spread: the Gaussian prior of fitting."""
    names: tuple[str, ...] = BLENDSHAPE_NAMES
    accessories: Accessories | None = None

    def __post_init__(self) -> None:
        if self.tensor.n_expressions != len(self.names):
            raise AssetError(f"the face model has {self.tensor.n_expressions} expressions but {len(self.names)} names")
        if self.identity_mean.shape != (self.n_identity,) or self.identity_std.shape != (self.n_identity,):
            raise AssetError(f"the identity prior must have {self.n_identity} entries, got {self.identity_mean.shape}")
        for name in ("triangles", "landmarks", "own", "lines"):
            indices = getattr(self.topology, name)
            if indices.min() < 0 or indices.max() >= self.tensor.n_vertices:
                raise AssetError(f"the face model's {name} point beyond its {self.tensor.n_vertices} vertices")

    @property
    def n_identity(self) -> int:
        return self.tensor.n_identity

    @property
    def n_expressions(self) -> int:
        return self.tensor.n_expressions

    def blendshapes(self, alpha_id: Float32 | None = None) -> tuple[Float32, Float32]:
        """B = C_B x2 alpha_id, Eq. (2): neutral (N, 3) and offsets of the expressions from it (E, N, 3), cm."""
        return self.tensor.contract_identity(self.identity_mean if alpha_id is None else alpha_id)

    def face(self, alpha_id: Float32 | None = None, alpha_exp: Float32 | None = None) -> Float32:
        """F of Eq. (1) before the rigid motion: (I,) and (E,) coefficients -> (N, 3) vertices, cm."""
        neutral, offsets = self.blendshapes(alpha_id)
        return neutral if alpha_exp is None else combine(neutral, offsets, alpha_exp)

    @cached_property
    def landmark_tensor(self) -> CoreTensor:
        """C_B of the vertices that serve the landmarks, in the order of `topology.subset`."""
        return self.tensor.rows(self.topology.subset)

    def save(self, path: Path) -> None:
        """Write an npz (half floats, no pickles); the file appears only when it is whole."""
        arrays: dict[str, Any] = {
            "schema_version": np.array(SCHEMA_VERSION, np.int32),
            "names": np.array(self.names),
            "vertex_factor": self.tensor.vertex_factor.astype(np.float16),
            "core": self.tensor.core.astype(np.float32),
            "identity_mean": self.identity_mean,
            "identity_std": self.identity_std,
            "triangles": self.topology.triangles,
            "landmarks": self.topology.landmarks,
            "own": self.topology.own,
            "lines": self.topology.lines,
        }
        if self.topology.uv is not None:
            arrays["uv"] = self.topology.uv.astype(np.float32)
        if self.topology.triangle_uv is not None:
            arrays["triangle_uv"] = self.topology.triangle_uv.astype(np.float16)
        if self.accessories is not None:
            arrays |= {
                "accessory_vertex_factor": self.accessories.tensor.vertex_factor.astype(np.float16),
                "accessory_core": self.accessories.tensor.core.astype(np.float32),
                "accessory_triangles": self.accessories.triangles.astype(np.int32),
                "accessory_colors": (self.accessories.colors * 255).round().astype(np.uint8),
            }
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)


def combine(neutral: Float32, offsets: Float32, alpha_exp: Float32) -> Float32:
    """B x3 alpha_exp with alpha_0 of Eq. (7): (N, 3), (E, N, 3), (E,) -> (N, 3), cm."""
    return neutral + np.tensordot(alpha_exp.astype(np.float32), offsets, axes=1)


def neutral_weight(alpha_exp: Float32) -> Float32:
    """alpha_0 of Eq. (7): (..., E) -> (...)."""
    return 1 - alpha_exp.sum(axis=-1)


def load_face_model(path: Path) -> DynamicExpressionModel:
    """Read a face model that `DynamicExpressionModel.save` wrote; AssetError where the file is not one."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:  # np.load(path) leaks broken files
            arrays = {key: archive[key] for key in archive.files}
        if int(arrays["schema_version"]) != SCHEMA_VERSION:
            raise AssetError(
                f"{path}: face model of version {int(arrays['schema_version'])}, this program reads {SCHEMA_VERSION}; "
                "build it again with python -m rdr_core.face_model.build_default"
            )
        return _from_arrays(arrays)
    except FileNotFoundError as error:
        raise AssetError(f"{path}: no such face model file") from error
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise AssetError(
            f"{path}: not a whole face model ({error}); install the program again or rebuild it"
        ) from error


def _from_arrays(arrays: dict[str, np.ndarray]) -> DynamicExpressionModel:
    def single(name: str) -> Float32 | None:
        return arrays[name].astype(np.float32) if name in arrays else None

    triangles, landmarks, own, lines = (arrays[name] for name in ("triangles", "landmarks", "own", "lines"))
    topology = Topology(triangles, landmarks, own, lines, single("uv"), single("triangle_uv"))
    accessories = None
    if "accessory_core" in arrays:
        tensor = CoreTensor(arrays["accessory_vertex_factor"].astype(np.float32), arrays["accessory_core"])
        colors = arrays["accessory_colors"].astype(np.float32) / 255
        accessories = Accessories(tensor, arrays["accessory_triangles"], colors)
    return DynamicExpressionModel(
        CoreTensor(arrays["vertex_factor"].astype(np.float32), arrays["core"]),
        topology,
        arrays["identity_mean"],
        arrays["identity_std"],
        tuple(str(name) for name in arrays["names"]),
        accessories,
    )


def default_face_model() -> DynamicExpressionModel:
    """Return the face model in use: the file that RDR_FACE_MODEL (`rdr --face-model`) names, else the shipped one."""
    path = chosen_face_model()
    return shipped_face_model() if path is None else _chosen(path)


@lru_cache(maxsize=1)
def shipped_face_model() -> DynamicExpressionModel:
    """Return the face model that comes with the program (derived from ICT-FaceKit, MIT; see NOTICE)."""
    with as_file(files("rdr_core") / "assets" / "face_model.npz") as path:
        return load_face_model(path)


@lru_cache(maxsize=1)
def _chosen(path: Path) -> DynamicExpressionModel:
    return load_face_model(path)
