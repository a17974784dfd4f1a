"""An avatar out of a .glb or .vrm: its meshes with FaceWarehouse's or ARKit's morph targets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from avatar_bridge.avatar import Part
from avatar_bridge.avatar_file import check_part, check_size, weld
from avatar_bridge.avatar_shapes import ShapeSet, best_set, problems_of
from avatar_bridge.errors import AvatarError
from avatar_bridge.glb_file import GlbFile
from rdr_core.face_model.eyes import Gaze
from rdr_core.types import Float32

_CM: Final = 100.0
"""Of glTF's metre."""
_TRIANGLES: Final = 4
_MAX_TARGETS: Final = 1024

Array = npt.NDArray[Any]


def read_avatar_glb(path: Path) -> tuple[list[Part], list[str]]:
    """Return the parts, cm, the largest first, and what is missing. AvatarError where nothing can be drawn."""
    try:
        file = GlbFile(path)
        targets = _target_names(file)
        shapes = best_set(targets)
        problems: list[str] = []
        parts = list(_parts(file, shapes, problems))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:100]
        raise AvatarError(f"{path}: not glTF as it should be ({reason}); export it again") from None
    if not parts:
        raise AvatarError(f"{path}: no mesh of triangles in it; export the head with its mesh")
    return sorted(parts, key=lambda part: -len(part.neutral)), [*problems_of(shapes, targets), *problems]


def _target_names(file: GlbFile) -> list[str]:
    names = [name for node, _ in file.placed_meshes() for name in _names_of(file.document["meshes"][node["mesh"]])]
    return list(dict.fromkeys(names))


def _names_of(mesh: dict[str, Any]) -> list[str]:
    """Names of a mesh's morph targets; glTF has no place of its own for them, and there are two habits."""
    targets = mesh["primitives"][0].get("targets", [])[:_MAX_TARGETS]
    names = mesh.get("extras", {}).get("targetNames") or [t.get("extras", {}).get("name", "") for t in targets]
    names = mesh["primitives"][0].get("extras", {}).get("targetNames") or names
    return [str(name) for name in names[: len(targets)]]


def _parts(file: GlbFile, shapes: ShapeSet, problems: list[str]) -> Iterator[Part]:
    total = 0
    for node, world in file.placed_meshes():
        if "VRM" in file.document.get("extensions", {}):  # VRM 0 looks along -z
            world = np.diag([-1.0, 1, -1, 1]) @ world
        mesh = file.document["meshes"][node["mesh"]]
        names = _names_of(mesh)
        for primitive in mesh["primitives"]:
            if primitive.get("mode", _TRIANGLES) == _TRIANGLES:
                part = _part(file, primitive, world, names, shapes, problems, str(node.get("name", "Part"))[:60])
                total += len(part.neutral)
                check_size(total, file.path)
                yield part


def _part(
    file: GlbFile,
    primitive: dict[str, Any],
    world: Array,
    names: list[str],
    shapes: ShapeSet,
    problems: list[str],
    name: str,
) -> Part:
    attributes = primitive["attributes"]
    position = file.accessor(attributes["POSITION"])
    check_size(len(position), file.path)
    neutral = ((position @ world[:3, :3].T + world[:3, 3]) * _CM).astype(np.float32)
    indices = file.accessor(primitive["indices"])[:, 0] if "indices" in primitive else np.arange(len(neutral))
    triangles = indices[: len(indices) // 3 * 3].reshape(-1, 3).astype(np.int32)
    if np.linalg.det(world[:3, :3]) < 0:
        triangles = triangles[:, ::-1]
    offsets = shapes.offsets(_read_targets(file, primitive, world, names, shapes, problems), len(neutral))
    document = file.document
    material = document["materials"][primitive["material"]] if "material" in primitive else {}
    uv = file.accessor(attributes["TEXCOORD_0"]).astype(np.float32) if "TEXCOORD_0" in attributes else None
    texture = _texture(file, material, problems, name) if uv is not None else None
    part = Part(
        np.ascontiguousarray(triangles),
        neutral,
        offsets,
        weld(neutral),
        roughness=float(np.clip(material.get("pbrMetallicRoughness", {}).get("roughnessFactor", 0.8), 0, 1)),
        specular=_specular(material),
        uv=None if texture is None else uv,
        texture=texture,
        colors=_colors(file, attributes, material, len(neutral), texture is None),
        gaze=_gaze(name, world, bool(offsets.any())),
        name=name,
    )
    return check_part(part, str(file.path))


def _read_targets(
    file: GlbFile, primitive: dict[str, Any], world: Array, names: list[str], shapes: ShapeSet, problems: list[str]
) -> dict[str, Float32]:
    """Shape -> (V, 3) offsets in cm; one that cannot be used is left out and said."""
    known = shapes.find(names)
    count = int(file.document["accessors"][primitive["attributes"]["POSITION"]]["count"])
    made = {}
    for name, target in zip(names, primitive.get("targets", []), strict=False):
        if name not in known or "POSITION" not in target:
            continue
        offsets = (file.accessor(target["POSITION"]) @ world[:3, :3].T * _CM).astype(np.float32)
        if offsets.shape != (count, 3) or not np.isfinite(offsets).all():
            problems.append(f"the morph target {name!r:.60} is left out: it is not {count} finite offsets")
        else:
            made[known[name]] = offsets
    return made


def _texture(file: GlbFile, material: dict[str, Any], problems: list[str], name: str) -> Any:
    try:
        return file.texture(material)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        problems.append(f"the texture of {name!r} is left out: {type(error).__name__} {error}"[:160])
        return None


def _colors(
    file: GlbFile, attributes: dict[str, Any], material: dict[str, Any], count: int, needed: bool
) -> Float32 | None:
    """(V, 3) linear: the vertices' colours by the material's."""
    factor = np.array(material.get("pbrMetallicRoughness", {}).get("baseColorFactor", (1, 1, 1, 1)), np.float32)[:3]
    if "COLOR_0" in attributes:
        return np.clip(file.accessor(attributes["COLOR_0"])[:, :3].astype(np.float32) * factor, 0, 1)
    if needed or (factor != 1).any():
        return np.clip(np.tile(factor, (count, 1)), 0, 1)
    return None


def _specular(material: dict[str, Any]) -> float:
    shine = material.get("extensions", {}).get("KHR_materials_specular", {}).get("specularFactor", 1)
    return float(np.clip(shine, 0, 1))


def _gaze(name: str, world: Array, moves: bool) -> Gaze | None:
    """Eyes as rdr avatar export writes them turn about the origin of their mesh."""
    if moves or name not in ("EyeLeft", "EyeRight"):
        return None
    return Gaze((world[:3, 3] * _CM).astype(np.float32), is_left=name == "EyeLeft")
