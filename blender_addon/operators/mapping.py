"""Presets, automatic matching, files, and entries of the mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bpy
from bpy.props import EnumProperty, StringProperty

from ..bl.changes import touch
from ..bl.characters import MATCHED_PRESETS
from ..bl.config import add_entry, mapping_of, set_mapping
from ..bl.rig import meshes_of, shape_names
from ..core.errors import MappingError
from ..core.mapping import Entry
from ..core.mapping_file import load_preset, preset_names, read_mapping, write_mapping
from ..core.name_matching import automatic_mapping, match_presets, renamed
from ..core.shapes import SHAPE_NAMES
from .base import NeedsCharacter, active_character

CHOSEN_PRESETS: Final = tuple(name for name in preset_names() if name != "arkit_to_facewarehouse")
_PRESET_ITEMS: Final = [(name, load_preset(name).name, load_preset(name).about) for name in CHOSEN_PRESETS]


class LoadPreset(NeedsCharacter, bpy.types.Operator):
    """Replace the mapping by a preset; names are found in any spelling"""

    bl_idname = "rdr_live.load_preset"
    bl_label = "Preset"
    bl_options = {"REGISTER", "UNDO"}

    preset: EnumProperty(name="Preset", items=_PRESET_ITEMS)

    def run(self, context: Any) -> str:
        """Load it."""
        character = active_character(context)
        match = next(iter(match_presets(shape_names(meshes_of(character)), [self.preset])), None)
        set_mapping(character, renamed(load_preset(self.preset), match.found if match else {}))
        touch()
        found = f", {len(match.found)} shapes of it are there" if match else ""
        return f"{len(character.entries)} entries{found}"


class MatchNames(NeedsCharacter, bpy.types.Operator):
    """Replace the mapping by the likeliest one, by the names of the shape keys"""

    bl_idname = "rdr_live.match_names"
    bl_label = "Match Names"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> str:
        """Match."""
        character = active_character(context)
        automatic = automatic_mapping(shape_names(meshes_of(character)), MATCHED_PRESETS)
        if automatic is None:
            raise MappingError("no shape key is called anything like ours: add entries by hand")
        set_mapping(character, automatic.mapping, automatic.scores)
        touch()
        return automatic.text


class AddEntry(NeedsCharacter, bpy.types.Operator):
    """Add an entry"""

    bl_idname = "rdr_live.add_entry"
    bl_label = "Add"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> None:
        """Add it."""
        character = active_character(context)
        used = {entry.source for entry in character.entries}
        source = next((name for name in SHAPE_NAMES if name not in used), SHAPE_NAMES[0])
        add_entry(character, Entry(source, source))
        character.entry_index = len(character.entries) - 1
        touch()


class RemoveEntry(NeedsCharacter, bpy.types.Operator):
    """Remove this entry"""

    bl_idname = "rdr_live.remove_entry"
    bl_label = "Remove"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> None:
        """Remove it."""
        character = active_character(context)
        if 0 <= character.entry_index < len(character.entries):
            character.entries.remove(character.entry_index)
            character.entry_index = max(0, character.entry_index - 1)
        touch()


class MuteRegion(NeedsCharacter, bpy.types.Operator):
    """Mute a region of the face, or unmute it where it is muted already"""

    bl_idname = "rdr_live.mute_region"
    bl_label = "Mute Region"
    bl_options = {"REGISTER", "UNDO"}

    region: EnumProperty(
        name="Region", items=[(name, name.capitalize(), "") for name in ("brows", "eyes", "mouth", "jaw")]
    )

    def run(self, context: Any) -> str:
        """Mute or unmute."""
        from ..core.shapes import REGIONS

        names = {SHAPE_NAMES[index] for index in REGIONS[self.region]}
        items = [item for item in active_character(context).entries if item.source in names]
        mute = not all(item.mute for item in items)
        for item in items:
            item.mute = mute
        return f"{len(items)} entries {'muted' if mute else 'unmuted'}"


class _File:
    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class SaveMapping(_File, NeedsCharacter, bpy.types.Operator):
    """Write the mapping to a file, which rdr convert reads, too"""

    bl_idname = "rdr_live.save_mapping"
    bl_label = "Save Mapping"

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask for the file; suggest a name."""
        self.filepath = f"{active_character(context).name}.json"
        return super().invoke(context, event)

    def run(self, context: Any) -> str:
        """Write it."""
        path = Path(bpy.path.abspath(self.filepath))
        path = path if path.suffix.lower() == ".json" else path.with_name(f"{path.name}.json")
        write_mapping(path, mapping_of(active_character(context)))
        return f"wrote {path}"


class OpenMapping(_File, NeedsCharacter, bpy.types.Operator):
    """Replace the mapping by one from a file"""

    bl_idname = "rdr_live.open_mapping"
    bl_label = "Open Mapping"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> str:
        """Read it."""
        mapping = read_mapping(Path(bpy.path.abspath(self.filepath)))
        set_mapping(active_character(context), mapping)
        touch()
        return f"{len(mapping.entries)} entries"


CLASSES: Final = (LoadPreset, MatchNames, AddEntry, RemoveEntry, MuteRegion, SaveMapping, OpenMapping)
