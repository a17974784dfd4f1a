"""The tab RDR Live in the sidebar of the 3D view."""

from __future__ import annotations

from typing import Final

import bpy

from . import characters, stream, takes

CLASSES: Final = (*stream.CLASSES, *characters.CLASSES, *takes.CLASSES)


def register() -> None:
    """Register lists and panels, the panels in their order."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
