"""The panel of the connection: address, buttons, status."""

from __future__ import annotations

from typing import Any, Final

import bpy

from ..bl import live
from ..bl.diagnose import Finding
from ..operators.stream import draw_findings
from ..preferences import preferences

_MARGIN_PX: Final = 40
"""Of a panel, left and right together, with the tabs."""


class Tab:
    """Where all panels are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "RDR Live"


class StreamPanel(Tab, bpy.types.Panel):
    """Connection and status."""

    bl_idname = "RDR_LIVE_PT_stream"
    bl_label = "Stream"

    def draw(self, context: Any) -> None:
        """Draw it."""
        layout = self.layout
        chosen = preferences()
        current = live.session()
        row = layout.row(align=True)
        row.enabled = current is None
        if isinstance(chosen, bpy.types.AddonPreferences):
            row.prop(chosen, "address", text="")
        row = layout.row(align=True)
        row.scale_y = 1.3
        row.operator(
            "rdr_live.connect", icon="FILE_REFRESH" if current else "PLAY", text="Reconnect" if current else "Connect"
        )
        row.operator("rdr_live.disconnect", icon="X")
        row.operator("rdr_live.diagnose", icon="VIEWZOOM", text="")
        width_px = context.region.width / context.preferences.system.ui_scale - _MARGIN_PX
        health = live.health()
        draw_findings(layout.box(), [Finding(health.level, health.text, health.advice)], width_px)
        if current is None:
            return
        draw_numbers(layout.box(), current)
        row = layout.row(align=True)
        row.operator_menu_enum("rdr_live.ask_tracker", "command", text="Tracker")
        if current.control.said:
            draw_findings(layout.box(), [Finding("good", current.control.said)], width_px)


def draw_numbers(box: Any, current: Any) -> None:
    """Draw rate, latency and losses."""
    stats = current.receiver.stats()
    grid = box.column(align=True)
    rows = [
        ("Frames / s", f"{stats.fps:.1f}"),
        ("Latency", milliseconds(stats.latency_p50_ms, stats.latency_p95_ms)),
        ("Last frame", "-" if stats.last_frame_age_s is None else f"{stats.last_frame_age_s:.2f} s ago"),
        ("Lost", f"{stats.missed}, {stats.invalid} unreadable"),
        ("Reconnects", str(stats.reconnects)),
        ("Faces", ", ".join(str(face_id) for face_id in sorted(current.receiver.newest)) or "-"),
        ("Session", stats.session or "-"),
        ("Applying", f"{current.apply_ms:.1f} ms"),
    ]
    for name, value in rows:
        row = grid.split(factor=0.4)
        row.label(text=name)
        row.label(text=value)


def milliseconds(p50: float | None, p95: float | None) -> str:
    """Return latencies for people."""
    return "-" if p50 is None or p95 is None else f"{p50:.0f} ms, p95 {p95:.0f}"


CLASSES: Final = (StreamPanel,)
