"""The face at rest and its range, taken from the panel."""

from __future__ import annotations

from typing import Any, Final

import bpy
from bpy.props import FloatProperty

from ..bl import live
from ..bl.changes import touch
from ..bl.sampling import clear
from ..core.errors import AddonError
from .base import NeedsCharacter, active_character


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


CLASSES: Final = (TakeNeutral, TakeRange, ClearCalibration)
