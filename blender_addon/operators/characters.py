"""Adding characters from a selection, and changing what they consist of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import bpy

from ..bl.apply import to_rest
from ..bl.changes import touch
from ..bl.config import config_of, set_mapping
from ..bl.rig import armature_of, faces_in, head_bone_of, meshes_of, shape_names
from ..core.errors import AddonError
from ..core.name_matching import automatic_mapping
from ..properties import new_uid
from .base import NeedsCharacter, Operator, active_character
from .mapping import MATCHED_PRESETS


class AddCharacter(Operator, bpy.types.Operator):
    """Make a character of the selected objects: their meshes with shape keys, their armature, a mapping by names"""

    bl_idname = "rdr_live.add_character"
    bl_label = "Add from Selection"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> str:
        """Add it."""
        selection = list(context.selected_objects)
        faces = faces_in(selection)
        rig = armature_of(selection, faces)
        if not faces and rig is None:
            raise AddonError("select a mesh with shape keys, or an armature, first")
        live = context.scene.rdr_live
        character = live.characters.add()
        character.uid = new_uid()
        character.name = (rig or faces[0]).name
        live.character_index = len(live.characters) - 1
        for face in faces:
            character.meshes.add().object = face
        character.rig = rig
        _choose_head(character, faces)
        automatic = automatic_mapping(shape_names(faces), MATCHED_PRESETS)
        touch()
        if automatic is None:
            return f"{character.name}: no shapes were recognised; choose a preset or add entries by hand"
        set_mapping(character, automatic.mapping, automatic.scores)
        return f"{character.name}: {automatic.text}"


class RemoveCharacter(NeedsCharacter, bpy.types.Operator):
    """Forget this character; the objects stay"""

    bl_idname = "rdr_live.remove_character"
    bl_label = "Remove"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> None:
        """Remove it."""
        live = context.scene.rdr_live
        live.characters.remove(live.character_index)
        live.character_index = max(0, live.character_index - 1)
        touch()


class AddMeshes(NeedsCharacter, bpy.types.Operator):
    """Add the selected meshes with shape keys to this character"""

    bl_idname = "rdr_live.add_meshes"
    bl_label = "Add Selected"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> str:
        """Add them."""
        character = active_character(context)
        there = [slot.object for slot in character.meshes]
        new = [face for face in faces_in(context.selected_objects) if face not in there]
        if not new:
            raise AddonError("select further meshes with shape keys first")
        for face in new:
            character.meshes.add().object = face
        touch()
        return f"{len(new)} added to {character.name}"


class RemoveMesh(NeedsCharacter, bpy.types.Operator):
    """Take this mesh from the character"""

    bl_idname = "rdr_live.remove_mesh"
    bl_label = "Remove"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> None:
        """Remove it."""
        character = active_character(context)
        if 0 <= character.mesh_index < len(character.meshes):
            character.meshes.remove(character.mesh_index)
            character.mesh_index = max(0, character.mesh_index - 1)
        touch()


class ToRest(NeedsCharacter, bpy.types.Operator):
    """Bring the character's face and head to rest"""

    bl_idname = "rdr_live.to_rest"
    bl_label = "To Rest"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> None:
        """Bring it to rest."""
        character = active_character(context)
        to_rest(character, config_of(character).mapping)


class TakeObjectRest(NeedsCharacter, bpy.types.Operator):
    """The head object's present place, rotation and size are its rest"""

    bl_idname = "rdr_live.take_object_rest"
    bl_label = "Take as Rest"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> None:
        """Take it."""
        character = active_character(context)
        if character.head_object is None:
            raise AddonError("choose the object that is the head first")
        take_object_rest(character)


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


def meshes_or_error(character: Any) -> list[Any]:
    """Return the character's meshes. Raises AddonError where there is none."""
    meshes = meshes_of(character)
    if not meshes:
        raise AddonError(f"{character.name} has no mesh with shape keys: add its meshes first")
    return meshes


CLASSES: Final = (AddCharacter, RemoveCharacter, AddMeshes, RemoveMesh, ToRest, TakeObjectRest)
