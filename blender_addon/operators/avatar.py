"""Characters from files: the avatar of `rdr avatar export`, a person of FaceWarehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bpy
from bpy.props import StringProperty

from ..bl.avatar import build_person, open_avatar
from ..bl.changes import touch
from ..bl.characters import new_character
from ..bl.config import set_mapping
from ..core.mapping_file import load_preset
from ..core.person import read_person
from .base import Operator


class _FromFile(Operator):
    filepath: StringProperty(subtype="FILE_PATH")

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def path(self) -> Path:
        """Return the file that was chosen."""
        return Path(bpy.path.abspath(self.filepath))


class OpenAvatar(_FromFile, bpy.types.Operator):
    """Bring the avatar of rdr avatar export, or another glb with shape keys, into the scene as a character"""

    bl_idname = "rdr_live.open_avatar"
    bl_label = "Open Avatar"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.glb;*.gltf", options={"HIDDEN"})

    def run(self, context: Any) -> str:
        """Import it and make it a character."""
        built = open_avatar(context, self.path())
        character, said = new_character(context.scene, built.faces, built.rig, built.name)
        if built.has_eyes:
            set_mapping(character, load_preset("avatar"))
            touch()
        return said


class OpenPerson(_FromFile, bpy.types.Operator):
    """Bring a person of FaceWarehouse into the scene as a character: choose its shape.bs, beside shape_0.obj"""

    bl_idname = "rdr_live.open_person"
    bl_label = "Open FaceWarehouse Person"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.bs", options={"HIDDEN"})

    def run(self, context: Any) -> str:
        """Build it and make it a character."""
        path = self.path()
        person = read_person(path)
        folders = [folder.name for folder in path.parents if folder.name.lower() not in ("", "blendshape")]
        built = build_person(context, person, folders[0] if folders else "Person")
        return new_character(context.scene, built.faces, built.rig, built.name)[1]


CLASSES: Final = (OpenAvatar, OpenPerson)
