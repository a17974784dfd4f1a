"""The panels of the characters: list, head, mapping, calibration, smoothing."""

from __future__ import annotations

from typing import Any, Final

import bpy

from ..bl import live
from ..bl.config import problem_of
from ..core.shapes import REGIONS
from ..core.smoothing_config import SMOOTHED_REGIONS
from ..operators.base import active_character
from .stream import Tab


class CharacterList(bpy.types.UIList):
    """Characters of the scene."""

    bl_idname = "RDR_LIVE_UL_characters"

    def draw_item(self, context: Any, layout: Any, data: Any, item: Any, icon: Any, owner: Any, name: Any) -> None:
        """Draw one."""
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        row.prop(item, "name", text="", emboss=False)
        if live.problem_of(context.scene, item):
            row.label(text="", icon="ERROR")
        row.label(text="any face" if item.which_face == "ANY" else f"face {item.face_id}")


class MeshList(bpy.types.UIList):
    """Meshes of a character."""

    bl_idname = "RDR_LIVE_UL_meshes"

    def draw_item(self, context: Any, layout: Any, data: Any, item: Any, icon: Any, owner: Any, name: Any) -> None:
        """Draw one."""
        layout.prop(item, "object", text="", emboss=False)


class EntryList(bpy.types.UIList):
    """Entries of a mapping."""

    bl_idname = "RDR_LIVE_UL_entries"

    def draw_item(self, context: Any, layout: Any, data: Any, item: Any, icon: Any, owner: Any, name: Any) -> None:
        """Draw one: source, target, mute, solo; the box below has the rest."""
        row = layout.row(align=True)
        text = item.source if item.source == item.target else f"{item.source} > {item.target}"
        unsure = "NONE" if item.score >= 0.99 else "QUESTION"
        row.label(text=text, icon="ERROR" if problem_of(item) else unsure)
        row.prop(item, "mute", text="", icon="HIDE_ON" if item.mute else "HIDE_OFF", emboss=False)
        row.prop(item, "solo", text="", icon="SOLO_ON" if item.solo else "SOLO_OFF", emboss=False)


class CharactersPanel(Tab, bpy.types.Panel):
    """The characters of the scene."""

    bl_idname = "RDR_LIVE_PT_characters"
    bl_label = "Characters"

    def draw(self, context: Any) -> None:
        """Draw it."""
        layout = self.layout
        scene_live = context.scene.rdr_live
        row = layout.row()
        row.template_list(CharacterList.bl_idname, "", scene_live, "characters", scene_live, "character_index", rows=2)
        column = row.column(align=True)
        column.operator("rdr_live.add_character", icon="ADD", text="")
        column.operator("rdr_live.remove_character", icon="REMOVE", text="")
        character = active_character(context)
        if character is None:
            layout.operator("rdr_live.add_character", icon="ADD")
        column = layout.column(align=True)
        column.operator("rdr_live.open_avatar", icon="USER")
        column.operator("rdr_live.open_person", icon="MESH_MONKEY")
        if character is None:
            return
        problem = live.problem_of(context.scene, character)
        if problem:
            layout.label(text=problem, icon="ERROR")
        layout.use_property_split = True
        layout.prop(character, "which_face")
        if character.which_face == "ID":
            layout.prop(character, "face_id")
        layout.prop(character, "mirror")
        layout.prop(character, "rig")
        layout.operator("rdr_live.to_rest", icon="LOOP_BACK")


class ChildPanel(Tab):
    """A panel of the chosen character."""

    bl_parent_id = CharactersPanel.bl_idname
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say whether there is one."""
        return active_character(context) is not None


class MeshesPanel(ChildPanel, bpy.types.Panel):
    """Its meshes."""

    bl_idname = "RDR_LIVE_PT_meshes"
    bl_label = "Meshes"

    def draw(self, context: Any) -> None:
        """Draw it."""
        character = active_character(context)
        row = self.layout.row()
        row.template_list(MeshList.bl_idname, "", character, "meshes", character, "mesh_index", rows=2)
        column = row.column(align=True)
        column.operator("rdr_live.add_meshes", icon="ADD", text="")
        column.operator("rdr_live.remove_mesh", icon="REMOVE", text="")


class MappingPanel(ChildPanel, bpy.types.Panel):
    """Its mapping."""

    bl_idname = "RDR_LIVE_PT_mapping"
    bl_label = "Mapping"

    def draw(self, context: Any) -> None:
        """Draw it."""
        layout = self.layout
        character = active_character(context)
        row = layout.row(align=True)
        row.operator_menu_enum("rdr_live.load_preset", "preset", text=character.mapping_name or "Preset")
        row.operator("rdr_live.match_names", icon="VIEWZOOM", text="Match")
        row.operator("rdr_live.open_mapping", icon="FILE_FOLDER", text="")
        row.operator("rdr_live.save_mapping", icon="FILE_TICK", text="")
        row = layout.row()
        row.template_list(EntryList.bl_idname, "", character, "entries", character, "entry_index", rows=6)
        column = row.column(align=True)
        column.operator("rdr_live.add_entry", icon="ADD", text="")
        column.operator("rdr_live.remove_entry", icon="REMOVE", text="")
        row = layout.row(align=True)
        for region in REGIONS:
            row.operator("rdr_live.mute_region", text=region.capitalize()).region = region
        if 0 <= character.entry_index < len(character.entries):
            draw_entry(layout.box(), character.entries[character.entry_index], character)
        layout.use_property_split = True
        column = layout.column(align=True)
        column.prop(character, "target_low")
        column.prop(character, "target_high")


def draw_entry(box: Any, item: Any, character: Any) -> None:
    """Draw one entry in full."""
    box.use_property_split = True
    box.prop(item, "source")
    mesh = next((slot.object for slot in character.meshes if slot.object is not None), None)
    if mesh is not None and mesh.data.shape_keys is not None:
        box.prop_search(item, "target", mesh.data.shape_keys, "key_blocks", results_are_suggestions=True)
    else:
        box.prop(item, "target")
    for name in ("gain", "offset", "low", "high", "curve"):
        box.prop(item, name)
    if item.curve == "points":
        box.prop(item, "points")
    box.prop(item, "mirror")
    problem = problem_of(item)
    if problem:
        box.label(text=problem, icon="ERROR")


class HeadPanel(ChildPanel, bpy.types.Panel):
    """Its head."""

    bl_idname = "RDR_LIVE_PT_head"
    bl_label = "Head"

    def draw(self, context: Any) -> None:
        """Draw it."""
        layout = self.layout
        character = active_character(context)
        layout.use_property_split = True
        layout.prop(character, "head")
        if character.head == "NONE":
            return
        if character.head == "OBJECT":
            layout.prop(character, "head_object")
            layout.operator("rdr_live.take_object_rest", icon="PINNED")
        elif character.rig is not None and character.rig.type == "ARMATURE":
            layout.prop_search(character, "head_bone", character.rig.data, "bones")
        else:
            layout.label(text="Choose the rig above", icon="INFO")
        column = layout.column(align=True, heading="Gain")
        for name in ("gain_pitch", "gain_yaw", "gain_roll", "gain_position", "gain_depth", "gain_scale"):
            column.prop(character, name)
        if character.gain_depth:
            layout.prop(character, "distance_cm")
        column = layout.column(align=True)
        column.prop(character, "forward")
        column.prop(character, "up")


class CalibrationPanel(ChildPanel, bpy.types.Panel):
    """Its performer's neutral and range."""

    bl_idname = "RDR_LIVE_PT_calibration"
    bl_label = "Neutral and Range"

    def draw(self, context: Any) -> None:
        """Draw it."""
        layout = self.layout
        character = active_character(context)
        current = live.session()
        looking = current.sampling.kind_of(context.scene, character) if current else None
        if looking is not None:
            words = {"rest": "Stay at rest, look ahead", "range": "Make your strongest faces"}
            layout.label(text=words[looking], icon="RADIOBUT_ON")
        row = layout.row(align=True)
        row.operator("rdr_live.take_neutral")
        row.operator("rdr_live.take_range")
        row.operator("rdr_live.clear_calibration", icon="X", text="")
        layout.label(text="Neutral is taken" if character.calibrated else "Neutral is not taken yet")


class SmoothingPanel(ChildPanel, bpy.types.Panel):
    """Its smoothing, and what it does while the face is lost."""

    bl_idname = "RDR_LIVE_PT_smoothing"
    bl_label = "Smoothing and Lost Face"

    def draw(self, context: Any) -> None:
        """Draw it."""
        layout = self.layout
        character = active_character(context)
        lags = live.lag_ms_of(context.scene, character)
        layout.label(text="The tracker smooths already", icon="INFO")
        for region in SMOOTHED_REGIONS:
            row = layout.split(factor=0.75)
            row.prop(character, f"smooth_{region}")
            row.label(text=f"{lags[region]:.0f} ms" if lags.get(region) else "")
        layout.use_property_split = True
        layout.prop(character, "when_lost")
        if character.when_lost == "EASE":
            column = layout.column(align=True)
            for name in ("patience_s", "ease_s", "return_s"):
                column.prop(character, name)


CLASSES: Final = (
    CharacterList,
    MeshList,
    EntryList,
    CharactersPanel,
    MeshesPanel,
    MappingPanel,
    HeadPanel,
    CalibrationPanel,
    SmoothingPanel,
)
