"""Adding characters from a selection, and changing what they consist of."""

from __future__ import annotations

from typing import Any, Final

import bpy

from ..bl.apply import to_rest
from ..bl.changes import touch
from ..bl.characters import new_character, take_object_rest
from ..bl.config import config_of
from ..bl.rig import armature_of, faces_in
from ..core.errors import AddonError
from .base import NeedsCharacter, Operator, active_character


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
        return new_character(context.scene, faces, rig, (rig or faces[0]).name)[1]


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


CLASSES: Final = (AddCharacter, RemoveCharacter, AddMeshes, RemoveMesh, ToRest, TakeObjectRest)
