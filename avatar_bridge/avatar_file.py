"""Avatars from files: glb and VRM, our npz, a FaceWarehouse person's folder; and as npz and OBJ files.

V: vertices of a part.  E: expressions (46).  Whatever can be drawn is; what is missing is listed.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from avatar_bridge.avatar import Avatar, Part
from avatar_bridge.errors import AvatarError
from rdr_core.atomic import whole_file
from rdr_core.errors import AssetError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.eyes import Gaze
from rdr_core.types import Float32

MAX_VERTICES: Final = 200_000
"""Of all parts: the offsets of 46 expressions are then 110 MB."""
SCHEMA: Final = "rdr-avatar-1"
_MATERIALS: Final = "avatar.mtl"
_MAX_NPZ_BYTES: Final = 2**30
_ARRAYS: Final = ("triangles", "neutral", "offsets", "welded", "uv", "texture", "colors")
_FACE_CM: Final = (8.0, 30.0)
"""So high is what the expressions move, on a head in cm."""
_NORMAL_CM: Final = 18.0
_OFF_CENTER_CM: Final = 10.0


@dataclass(frozen=True, eq=False)
class LoadedAvatar:
    """An avatar from a file."""

    avatar: Avatar
    """What can be drawn of it."""
    problems: tuple[str, ...] = ()
    """What is missing or was left out, a line each."""


def load_avatar(path: Path) -> LoadedAvatar:
    """Read an avatar. Raises AvatarError, one line, where nothing can be drawn."""
    if path.is_dir():
        return _of_person(path)
    if path.suffix.lower() in (".glb", ".vrm"):
        from avatar_bridge.avatar_glb import read_avatar_glb

        parts, problems = read_avatar_glb(path)
        return LoadedAvatar(Avatar(_framed(parts)), tuple(problems))
    if path.suffix.lower() == ".npz":
        return LoadedAvatar(_of_npz(path))
    raise AvatarError(f"{path}: an avatar is a .glb, .vrm or .npz file, or a FaceWarehouse person's folder")


def write_avatar_npz(path: Path, avatar: Avatar) -> None:
    """Write an avatar without loss; `load_avatar` reads it."""
    arrays: dict[str, Any] = {}
    parts = []
    for number, part in enumerate(avatar.parts):
        arrays |= {f"{number}_{a}": getattr(part, a) for a in _ARRAYS if getattr(part, a) is not None}
        gaze = None if part.gaze is None else [*np.asarray(part.gaze.pivot, float).tolist(), part.gaze.is_left]
        parts.append({"name": part.name, "roughness": part.roughness, "specular": part.specular, "gaze": gaze})
    facts = {"schema": SCHEMA, "names": BLENDSHAPE_NAMES, "parts": parts}
    with whole_file(path) as temporary:
        np.savez_compressed(temporary, facts=np.array(json.dumps(facts)), **arrays)


def write_avatar_obj(folder: Path, avatar: Avatar) -> None:
    """Write shape_0.obj (at rest) to shape_46.obj, FaceWarehouse's order, cm, into a folder; all parts in each.

    avatar.mtl beside them names the textures, texture_0.png and so on.
    """
    _write_materials(folder, avatar)
    faces, texture_lines, first = [], [], 1
    for number, part in enumerate(avatar.parts):
        uv = np.zeros((len(part.neutral), 2)) if part.uv is None else part.uv * [1, -1] + [0, 1]
        texture_lines += [f"vt {u:.6f} {v:.6f}" for u, v in uv]
        faces += [f"o {part.name}", f"usemtl material_{number}"]
        faces += [f"f {a}/{a} {b}/{b} {c}/{c}" for a, b, c in part.triangles + first]
        first += len(part.neutral)
    for number in range(len(BLENDSHAPE_NAMES) + 1):
        weights = np.zeros(len(BLENDSHAPE_NAMES), np.float32)
        weights[number - 1 : number] = 1  # of none for 0
        points = np.concatenate([part.vertices(weights) for part in avatar.parts])
        title = BLENDSHAPE_NAMES[number - 1] if number else "at rest"
        vertices = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in points]
        lines = [f"# {title}, cm", f"mtllib {_MATERIALS}", *vertices, *texture_lines, *faces]
        with whole_file(folder / f"shape_{number}.obj") as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="ascii", errors="replace")


def _write_materials(folder: Path, avatar: Avatar) -> None:
    lines = []
    for number, part in enumerate(avatar.parts):
        lines += [f"newmtl material_{number}", "Kd 1 1 1"]
        if part.texture is not None:
            lines.append(f"map_Kd texture_{number}.png")
            with whole_file(folder / f"texture_{number}.png") as temporary:
                cv2.imwrite(str(temporary), part.texture[..., ::-1])
    with whole_file(folder / _MATERIALS) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")


def check_part(part: Part, where: str) -> Part:
    """Return the part. Raises AvatarError where its arrays do not fit each other or are not finite."""
    vertices, expressions = len(part.neutral), len(BLENDSHAPE_NAMES)
    shapes: dict[str, tuple[int | None, ...]] = {
        "triangles": (None, 3),
        "neutral": (vertices, 3),
        "offsets": (expressions, vertices, 3),
        "welded": (vertices,),
        "uv": (vertices, 2),
        "colors": (vertices, 3),
        "texture": (None, None, 3),
    }
    for name, shape in shapes.items():
        array = getattr(part, name)
        if array is None:
            continue
        if array.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
            raise AvatarError(f"{where}: {name} of {part.name!r:.40} must be {shape}, got {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise AvatarError(f"{where}: {name} of {part.name!r:.40} has values that are not finite; export it again")
    for name in ("triangles", "welded"):
        indices = getattr(part, name)
        if indices.dtype.kind not in "iu" or not indices.size or indices.min() < 0 or indices.max() >= vertices:
            raise AvatarError(f"{where}: {name} of {part.name!r:.40} point to vertices that are not there")
    return part


def check_size(n_vertices: int, where: Path) -> None:
    """Raise AvatarError where an avatar is too large to be drawn live."""
    if not 3 <= n_vertices <= MAX_VERTICES:
        raise AvatarError(f"{where}: {n_vertices} vertices; 3 to {MAX_VERTICES} can be drawn: decimate the mesh")


def _of_npz(path: Path) -> Avatar:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > _MAX_NPZ_BYTES:
                raise AvatarError(f"{path}: more than {_MAX_NPZ_BYTES / 2**30:.0f} GB unpacked; decimate the mesh")
        with np.load(path, allow_pickle=False) as arrays:
            facts = json.loads(str(arrays["facts"]))
            if facts["schema"] != SCHEMA or facts["names"] != list(BLENDSHAPE_NAMES):
                raise AvatarError(f"{path}: no avatar of this version; write it with rdr avatar export --format npz")
            check_size(sum(arrays[f"{number}_neutral"].shape[0] for number in range(len(facts["parts"]))), path)
            parts = [_npz_part(arrays, number, facts, path) for number, facts in enumerate(facts["parts"])]
    except AvatarError:
        raise
    except OSError as error:
        raise AvatarError(f"cannot read the avatar {path}: {error.strerror or error}") from None
    except Exception as error:  # zip, zlib, numpy and JSON each have their own kinds
        raise AvatarError(f"{path}: no whole avatar ({_reason(error)}); write it again") from None
    return Avatar(tuple(parts))


def _npz_part(arrays: Any, number: int, facts: dict[str, Any], path: Path) -> Part:
    values = {name: arrays[f"{number}_{name}"] for name in _ARRAYS if f"{number}_{name}" in arrays}
    gaze = facts["gaze"]
    if gaze is not None:
        pivot = np.array(gaze[:3], np.float32)
        if pivot.shape != (3,) or not np.isfinite(pivot).all():
            raise AvatarError(f"{path}: the pivot of an eye is not three finite numbers")
        gaze = Gaze(pivot, bool(gaze[3]))
    roughness, specular = float(facts["roughness"]), float(facts.get("specular", 1))
    part = Part(**values, roughness=roughness, specular=specular, gaze=gaze, name=str(facts["name"])[:60])
    return check_part(part, str(path))


def _of_person(folder: Path) -> LoadedAvatar:
    """A FaceWarehouse person: shape.bs and shape_0.obj, or shape_0.obj to shape_46.obj."""
    from rdr_core.face_model.sources import read_person, read_triangles

    try:
        shapes = read_person(folder)
        triangles = read_triangles(folder / "shape_0.obj", shapes.shape[1])
    except AssetError as error:
        raise AvatarError(str(error)) from None
    check_size(shapes.shape[1], folder)
    neutral = shapes[0].astype(np.float32)
    colors = np.tile(np.array([0.62, 0.4, 0.3], np.float32), (len(neutral), 1))
    skin = Part(triangles, neutral, shapes[1:] - neutral, weld(neutral), 0.72, colors=colors, name="Skin")
    return LoadedAvatar(
        Avatar(_framed([check_part(skin, str(folder))])), ("it has no texture: it is drawn in one colour",)
    )


def weld(vertices: Float32) -> np.ndarray:
    """(V, 3) -> (V,): vertices at the same place get the same number."""
    return np.unique(vertices, axis=0, return_inverse=True)[1].reshape(-1)


def _framed(parts: list[Part]) -> tuple[Part, ...]:
    """Move what the expressions move, the face, to where the default one is, and to cm; leave it if it is there."""
    moved = [part.neutral[(np.abs(part.offsets).max(axis=0) > 0).any(axis=1)] for part in parts]
    face = np.concatenate(moved)
    if not len(face):
        face = np.concatenate([part.neutral for part in parts])
    low, high = np.percentile(face, [1, 99], axis=0)
    height, center = float(high[1] - low[1]), (low + high) / 2
    scale = 1.0 if _FACE_CM[0] <= height <= _FACE_CM[1] else _NORMAL_CM / max(height, 1e-6)
    if scale == 1.0 and np.abs(center).max() <= _OFF_CENTER_CM:
        return tuple(parts)
    shift = np.array([center[0], center[1], high[2] - _NORMAL_CM / 2 / scale], np.float32)
    return tuple(_placed(part, shift, np.float32(scale)) for part in parts)


def _placed(part: Part, shift: Float32, scale: np.float32) -> Part:
    gaze = part.gaze and replace(part.gaze, pivot=(part.gaze.pivot - shift) * scale)
    return replace(part, neutral=(part.neutral - shift) * scale, offsets=part.offsets * scale, gaze=gaze)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:100]
