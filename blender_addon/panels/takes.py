"""The panel of the takes: recording, list, baking."""

from __future__ import annotations

import time
from typing import Any, Final

import bpy

from ..bl import live
from ..operators.base import active_take
from .stream import Tab


class TakeList(bpy.types.UIList):
    """Takes of the scene."""

    bl_idname = "RDR_LIVE_UL_takes"

    def draw_item(self, context: Any, layout: Any, data: Any, item: Any, icon: Any, owner: Any, name: Any) -> None:
        """Draw one."""
        row = layout.row(align=True)
        row.prop(item, "name", text="", emboss=False, icon="ERROR" if item.trouble else "REC")
        row.label(text=f"{item.duration_s:.1f} s")


class TakesPanel(Tab, bpy.types.Panel):
    """Recording and takes."""

    bl_idname = "RDR_LIVE_PT_takes"
    bl_label = "Takes"

    def draw(self, context: Any) -> None:
        """Draw it."""
        layout = self.layout
        options = context.scene.rdr_live
        draw_recording(layout, options)
        row = layout.row()
        row.template_list(TakeList.bl_idname, "", options, "takes", options, "take_index", rows=3)
        column = row.column(align=True)
        column.operator("rdr_live.import_take", icon="IMPORT", text="")
        column.operator("rdr_live.remove_take", icon="REMOVE", text="")
        item = active_take(context)
        if item is None:
            return
        if item.trouble:
            layout.label(text=item.trouble, icon="ERROR")
        layout.use_property_split = True
        layout.prop(item, "start_frame")
        row = layout.row(align=True)
        row.prop(item, "sound")
        row.operator("rdr_live.add_sound", icon="SOUND", text="")


def draw_recording(layout: Any, options: Any) -> None:
    """Draw what records."""
    current = live.session()
    state = current.recording.state if current else "idle"
    row = layout.row(align=True)
    row.scale_y = 1.3
    if current is None or state == "idle":
        row.operator("rdr_live.record", icon="REC")
        column = layout.column(align=True)
        column.use_property_split = True
        for name in ("take_name", "countdown_s", "pre_roll_s", "punch"):
            column.prop(options, name)
        if options.punch:
            column.prop(options, "punch_in")
            column.prop(options, "punch_out")
        return
    row.operator("rdr_live.stop_recording", icon="SNAP_FACE")
    row.label(text=recording_words(current.recording, time.monotonic()))


def recording_words(recording: Any, now_s: float) -> str:
    """Say how far a recording is."""
    if recording.state == "countdown":
        return f"in {recording.countdown_s(now_s):.0f} s"
    if recording.state == "armed":
        return f"plays to frame {recording.config.punch_in}"
    return f"{recording.frames_written} frames"


class BakePanel(Tab, bpy.types.Panel):
    """Baking."""

    bl_idname = "RDR_LIVE_PT_bake"
    bl_label = "Bake"
    bl_parent_id = TakesPanel.bl_idname

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say whether there is a take."""
        return active_take(context) is not None

    def draw(self, context: Any) -> None:
        """Draw it."""
        layout = self.layout
        options = context.scene.rdr_live
        layout.use_property_split = True
        layout.prop(options, "bake_to")
        layout.prop(options, "bake_active_only")
        layout.prop(options, "bake_pre_roll")
        layout.prop(options, "bake_reduce")
        if options.bake_reduce:
            layout.prop(options, "bake_tolerance")
        layout.operator("rdr_live.bake_take", icon="ACTION")


CLASSES: Final = (TakeList, TakesPanel, BakePanel)
