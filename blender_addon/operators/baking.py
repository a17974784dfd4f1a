"""From the chosen take to keys, as one step that can be undone."""

from __future__ import annotations

from typing import Any, Final

import bpy

from ..bl.bake import BakeOptions, bake
from .base import NeedsTake, active_character, active_take


class BakeTake(NeedsTake, bpy.types.Operator):
    """Make keys of this take on the characters, by its capture times at the scene's frame rate"""

    bl_idname = "rdr_live.bake_take"
    bl_label = "Bake"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> str:
        """Bake."""
        live = context.scene.rdr_live
        only = active_character(context)
        characters = [only] if live.bake_active_only and only else [c for c in live.characters if c.enabled]
        options = BakeOptions(
            to=live.bake_to,
            with_pre_roll=live.bake_pre_roll,
            tolerance=live.bake_tolerance if live.bake_reduce else None,
        )
        return str(bake(context.scene, active_take(context), characters, options))


CLASSES: Final = (BakeTake,)
