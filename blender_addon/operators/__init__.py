"""Buttons. Each does one thing, says what it did, and says in one line what is wrong where it cannot."""

from __future__ import annotations

from typing import Final

import bpy

from . import avatar, baking, calibrating, characters, mapping, recording, stream

CLASSES: Final = (
    *stream.CLASSES,
    *characters.CLASSES,
    *avatar.CLASSES,
    *mapping.CLASSES,
    *calibrating.CLASSES,
    *recording.CLASSES,
    *baking.CLASSES,
)


def register() -> None:
    """Register all operators."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
