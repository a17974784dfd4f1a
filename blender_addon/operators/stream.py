"""Connecting, disconnecting, finding out what is wrong."""

from __future__ import annotations

import textwrap
from typing import Any, Final

import bpy

from ..bl import live
from ..bl.diagnose import Finding, diagnose
from ..bl.takes import add_recorded
from ..preferences import curve_keys, preferences
from .base import Operator

_POPUP_PX: Final = 520
_ICON_PX, _LETTER_PX = 36, 5.8
"""What stands beside a text, and what a letter of it takes on average, at a scale of 1."""
_ICONS: Final = {"good": "CHECKMARK", "wait": "INFO", "bad": "ERROR"}


class Connect(Operator, bpy.types.Operator):
    """Listen to the tracker and let the characters follow"""

    bl_idname = "rdr_live.connect"
    bl_label = "Connect"

    def run(self, context: Any) -> str:
        """Connect."""
        chosen = preferences()
        session = live.connect(chosen.address, curve_keys(), chosen.rate_hz, chosen.control_address)
        return f"listening to {session.receiver.address}"


class Disconnect(Operator, bpy.types.Operator):
    """Stop listening; the characters stay as they are, a recording is finished"""

    bl_idname = "rdr_live.disconnect"
    bl_label = "Disconnect"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say whether there is a connection."""
        return live.session() is not None

    def run(self, context: Any) -> str | None:
        """Disconnect."""
        recorded = live.disconnect()
        if recorded is None:
            return None
        add_recorded(context.scene, recorded)
        return f"{recorded.path.name}: {recorded.frames} frames"


class Diagnose(Operator, bpy.types.Operator):
    """Look for everything that keeps the characters from moving, and say what to do"""

    bl_idname = "rdr_live.diagnose"
    bl_label = "Diagnose"

    findings: list[Finding] = []

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Look, and show what was found."""
        Diagnose.findings = diagnose(context.scene)
        found: set[str] = context.window_manager.invoke_popup(self, width=_POPUP_PX)
        return found

    def draw(self, context: Any) -> None:
        """Show the findings."""
        draw_findings(self.layout, Diagnose.findings, _POPUP_PX)

    def run(self, context: Any) -> str:
        """Look, and report in words."""
        Diagnose.findings = diagnose(context.scene)
        lines = [f"{finding.text} {finding.advice}".strip() for finding in Diagnose.findings]
        return "\n".join(lines)


def draw_findings(layout: Any, findings: list[Finding], width_px: float) -> None:
    """Draw findings, their advice below; width_px: of the place for them, at a scale of 1."""
    letters = max(16, int((width_px - _ICON_PX) / _LETTER_PX))
    for finding in findings:
        column = layout.column(align=True)
        for number, line in enumerate(textwrap.wrap(finding.text, letters)):  # labels do not wrap
            column.label(text=line, icon=_ICONS[finding.level] if not number else "BLANK1")
        for line in textwrap.wrap(finding.advice, letters):
            column.label(text=line, icon="BLANK1")


CLASSES: Final = (Connect, Disconnect, Diagnose)
