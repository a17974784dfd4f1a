"""Building characters in the scene: the avatar of `rdr avatar export`, and a person of FaceWarehouse.

Both look along -Y, as Blender's own characters do, and hang on an armature with a head bone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..core.errors import AvatarError
from ..core.person import Person
from ..core.shapes import SHAPE_NAMES
from .rig import weight

HEAD: Final = "Head"
EYES: Final = {"EyeLeft": "Eye_L", "EyeRight": "Eye_R"}
"""Objects of the avatar -> the bones that turn them; the preset avatar.json drives these."""
_HEIGHT_M: Final = 0.3
"""FaceWarehouse has no unit; its meshes end at the neck."""
_HEAD_BONE_M: Final = 0.12
_EYE_BONE_M: Final = 0.03


@dataclass(slots=True)
class Built:
    """What came into the scene."""

    name: str
    faces: list[Any] = field(default_factory=list)
    """Meshes with shape keys, the one that matters most first."""
    rig: Any = None
    has_eyes: bool = False
    """Whether the rig has bones for the eyes."""


def open_avatar(context: Any, path: Path) -> Built:
    """Import a glb; one of `rdr avatar export` gets an armature. Raises AvatarError."""
    if not path.is_file():
        raise AvatarError(f"there is no file {path}: rdr avatar export makes one")
    if not hasattr(bpy.types, "IMPORT_SCENE_OT_gltf"):
        raise AvatarError("Blender's glTF importer is switched off: Preferences > Add-ons > glTF 2.0 format")
    before = set(bpy.data.objects)
    try:
        bpy.ops.import_scene.gltf(filepath=str(path))
    except RuntimeError as error:
        lines = [line for line in str(error).strip().splitlines() if line and not line.startswith("Location:")]
        why = lines[-1].removeprefix("Error: ") if lines else "the importer says nothing"
        raise AvatarError(f"{path.name} cannot be read: {why:.120}; rdr avatar export makes another") from None
    new = {plain(item): item for item in bpy.data.objects if item not in before}
    faces = [item for item in new.values() if item.type == "MESH" and item.data.shape_keys is not None]
    built = Built(path.stem, sorted(faces, key=weight, reverse=True))
    if not faces:
        raise AvatarError(f"{path.name} has no mesh with shape keys: is it an avatar?")
    for face in faces:
        _show_colors(face)
    root = new.get(HEAD)
    if root is not None and root.type == "EMPTY":
        built.rig = _rig_of(context, built, root, new)
    return built


def build_person(context: Any, person: Person, name: str) -> Built:
    """Make a mesh with 46 shape keys of a person of FaceWarehouse, on an armature."""
    mesh = bpy.data.meshes.new(name)
    places = in_blender(person.shapes, _HEIGHT_M / (person.height or 1.0))
    mesh.from_pydata(places[0].tolist(), [], person.polygons)
    mesh.shade_smooth()
    mesh.materials.append(_skin(name))
    item = bpy.data.objects.new(name, mesh)
    context.collection.objects.link(item)
    item.shape_key_add(name="Basis", from_mix=False)
    for shape, shape_name in enumerate(SHAPE_NAMES, 1):
        key = item.shape_key_add(name=shape_name, from_mix=False)
        key.value = 0.0  # since 5.0 a new one begins at 1
        key.data.foreach_set("co", places[shape].ravel())
    mesh.update()
    rig = make_rig(context, name, {})
    hang(item, rig, HEAD)
    return Built(name, [item], rig)


def in_blender(positions: Any, scale: float) -> Any:
    """(..., 3) +x the subject's left, +y up, +z forward -> (..., 3) float32 with -Y forward and +Z up."""
    x, y, z = np.moveaxis(np.asarray(positions, np.float32) * np.float32(scale), -1, 0)
    return np.ascontiguousarray(np.stack([x, -z, y], axis=-1))


def make_rig(context: Any, name: str, eyes: Mapping[str, Vector]) -> Any:
    """Return a new armature with a head bone that points up, and bones for eyes that look along -Y."""
    data = bpy.data.armatures.new(f"{name} rig")
    rig = bpy.data.objects.new(f"{name} rig", data)
    context.collection.objects.link(rig)
    rig.show_in_front = True
    if context.object is not None and context.object.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.object.select_all(action="DESELECT")
    context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    head = data.edit_bones.new(HEAD)
    head.head, head.tail = (0, 0, 0), (0, 0, _HEAD_BONE_M)
    for bone_name, place in eyes.items():
        bone = data.edit_bones.new(bone_name)
        bone.head, bone.tail = place, place + Vector((0, -_EYE_BONE_M, 0))
        bone.align_roll(Vector((0, 0, 1)))
        bone.parent = head
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.select_set(True)
    return rig


def hang(item: Any, rig: Any, bone_name: str) -> None:
    """Let an object follow a bone of a rig at rest, and stay where it is."""
    place = item.matrix_basis.copy()
    bone = rig.data.bones[bone_name]
    end = rig.matrix_basis @ bone.matrix_local @ Matrix.Translation((0, bone.length, 0))
    item.parent, item.parent_type, item.parent_bone = rig, "BONE", bone_name
    item.matrix_parent_inverse = end.inverted()
    item.matrix_basis = place


def plain(item: Any) -> str:
    """Return a datablock's name without the number that Blender gives a second one."""
    name, _, number = item.name.rpartition(".")
    return str(name if name and number.isdigit() and len(number) == 3 else item.name)


def _rig_of(context: Any, built: Built, root: Any, new: Mapping[str, Any]) -> Any:
    eyes = {bone: new[name].matrix_basis.to_translation() for name, bone in EYES.items() if name in new}
    rig = make_rig(context, built.name, eyes)
    for name, item in new.items():
        if item.parent == root:
            hang(item, rig, EYES.get(name, HEAD))
    bpy.data.objects.remove(root)
    built.has_eyes = len(eyes) == len(EYES)
    return rig


def _show_colors(item: Any) -> None:
    """Let Solid shading show a mesh that is coloured by vertex, not by a picture, in its mean colour."""
    mesh = item.data
    material = mesh.materials[0] if mesh.materials else None
    if material is None or mesh.color_attributes.active_color is None or mesh.uv_layers:
        return
    attribute = mesh.color_attributes.active_color
    colors = np.empty(4 * len(attribute.data), np.float32)
    attribute.data.foreach_get("color", colors)
    red, green, blue = colors.reshape(-1, 4)[:, :3].mean(axis=0).tolist()
    material.diffuse_color = (red, green, blue, 1)


def _skin(name: str) -> Any:
    material = bpy.data.materials.new(f"{name} skin")
    if material.node_tree is None:  # up to 4.5 a new one is without
        material.use_nodes = True
    surface = material.node_tree.nodes.get("Principled BSDF")
    if surface is not None:
        surface.inputs["Base Color"].default_value = (0.72, 0.5, 0.4, 1)
        surface.inputs["Roughness"].default_value = 0.6
    material.diffuse_color = (0.72, 0.5, 0.4, 1)  # what Solid shading shows
    return material
