"""The face at rest and its range, taken from the panel; what the tracker is asked to do."""

from __future__ import annotations

import time
from typing import Any, Final

import bpy
from bpy.props import EnumProperty, FloatProperty

from ..bl import live
from ..bl.changes import touch
from ..bl.sampling import clear
from ..core.errors import AddonError
from .base import NeedsCharacter, Operator, active_character


class _Look(NeedsCharacter):
    kind: Any = "rest"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say whether there are a character and a stream."""
        if live.session() is None:
            cls.poll_message_set("Connect first")  # type: ignore[attr-defined]
            return False
        return super().poll(context)

    def run(self, context: Any) -> str:
        """Begin to look."""
        current = live.session()
        if current is None:
            raise AddonError("connect first")
        character = active_character(context)
        current.sampling.start(context.scene, character, self.kind, self.seconds)  # type: ignore[attr-defined]
        return f"looking for {self.seconds:g} s"  # type: ignore[attr-defined]


class TakeNeutral(_Look, bpy.types.Operator):
    """Look straight ahead with a face at rest: this becomes the character's rest, lids and head included"""

    bl_idname = "rdr_live.take_neutral"
    bl_label = "Take Neutral"

    kind = "rest"
    seconds: FloatProperty(name="Seconds", default=1.0, min=0.2, max=10)


class TakeRange(_Look, bpy.types.Operator):
    """Make your strongest faces: wide eyes, open mouth, brows up and down; they become the character's full shapes"""

    bl_idname = "rdr_live.take_range"
    bl_label = "Take Range"

    kind = "range"
    seconds: FloatProperty(name="Seconds", default=8.0, min=1, max=60)


class ClearCalibration(NeedsCharacter, bpy.types.Operator):
    """Forget the face at rest and its range"""

    bl_idname = "rdr_live.clear_calibration"
    bl_label = "Clear"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> None:
        """Forget them."""
        clear(active_character(context))
        touch()


class AskTracker(Operator, bpy.types.Operator):
    """Ask the tracker itself, for everybody who listens to it; it answers in the Stream panel"""

    bl_idname = "rdr_live.ask_tracker"
    bl_label = "Ask the Tracker"

    command: EnumProperty(
        name="Command",
        items=[
            ("neutral", "Take Neutral", "What is seen in the next second is the face at rest"),
            ("clear_neutral", "Clear Neutral", "Forget the face at rest"),
            ("start", "Start", "Track"),
            ("stop", "Stop", "Let go of the camera"),
            ("status", "Status", "Tell what it does"),
        ],
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say whether there is a connection, and nothing is being asked."""
        current = live.session()
        if current is None:
            cls.poll_message_set("Connect first")
            return False
        return not current.control.waiting

    def run(self, context: Any) -> str:
        """Ask; `said` of the connection has the answer later."""
        current = live.session()
        if current is None:
            raise AddonError("connect first")
        current.control.ask(self.command, time.monotonic())
        return f"asked {current.control.address}"


CLASSES: Final = (TakeNeutral, TakeRange, ClearCalibration, AskTracker)
