"""Making a character of objects in the scene: meshes, armature, head, a mapping by names."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from ..core.mapping_file import load_preset
from ..core.name_matching import GOOD_PRESET, automatic_mapping
from ..core.targets import parse_target
from .changes import touch
from .config import set_mapping
from .rig import head_bone_of, shape_names

MATCHED_PRESETS: Final = ("facewarehouse", "arkit", "cc4", "vrm1", "vrm0", "visemes")
"""Presets that names are compared with; the others have the names of one of these."""
BONE_PRESETS: Final = ("rigify",)
"""Presets that are known by the bones that they drive."""


def new_character(scene: Any, faces: Sequence[Any], rig: Any, name: str) -> tuple[Any, str]:
    """Add a character to a scene; return it, and what was recognised, for people."""
    live = scene.rdr_live
    character = live.characters.add()
    character.uid = secrets.token_hex(8)
    character.name = name
    live.character_index = len(live.characters) - 1
    for face in faces:
        character.meshes.add().object = face
    character.rig = rig
    _choose_head(character, faces)
    automatic = automatic_mapping(shape_names(faces), MATCHED_PRESETS)
    touch()
    if automatic is None and (preset := _preset_of_bones(rig)):
        mapping = load_preset(preset)
        set_mapping(character, mapping)
        return character, f"{name}: {mapping.name}, by its bones"
    if automatic is None:
        return character, f"{name}: no shapes were recognised; choose a preset or add entries by hand"
    set_mapping(character, automatic.mapping, automatic.scores)
    return character, f"{name}: {automatic.text}"


def _preset_of_bones(rig: Any) -> str:
    """Return the preset whose bones a rig has; "" where there is none."""
    names = {bone.name for bone in rig.data.bones} if rig is not None and rig.type == "ARMATURE" else set()
    for preset in BONE_PRESETS:
        wanted = {parse_target(target).bone for target in load_preset(preset).targets}
        if len(wanted & names) >= GOOD_PRESET * len(wanted):
            return preset
    return ""


def take_object_rest(character: Any) -> None:
    """Note where the head object is now."""
    item = character.head_object
    character.object_rest_location = item.location
    character.object_rest_rotation = rotation_of(item)
    character.object_rest_scale = item.scale
    character.object_rest_set = True
    touch()


def rotation_of(item: Any) -> Any:
    """Return an object's own rotation as a quaternion, whatever its mode."""
    if item.rotation_mode == "QUATERNION":
        return item.rotation_quaternion.normalized()
    if item.rotation_mode == "AXIS_ANGLE":
        from mathutils import Quaternion

        angle, *axis = item.rotation_axis_angle
        return Quaternion(axis, angle)
    return item.rotation_euler.to_quaternion()


def _choose_head(character: Any, faces: Sequence[Any]) -> None:
    """A bone where there is one for the head; an object where one is called so; else none."""
    if character.rig is not None:
        character.head_bone = head_bone_of(character.rig)
        character.head = "BONE" if character.head_bone else "NONE"
        return
    named = [item for face in faces for item in (face.parent, face) if item and item.name.lower().startswith("head")]
    if named:
        character.head_object = named[0]
        take_object_rest(character)
        character.head = "OBJECT"
