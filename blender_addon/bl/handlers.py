"""What Blender tells us: files that are loaded, steps that are undone, frames that are played."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import live
from .changes import touch
from .takes import add_recorded


@persistent
def before_load(*_: Any) -> None:
    """A file is about to be replaced: end the stream, and with it a recording, whose file stays."""
    live.disconnect()


@persistent
def after_change(*_: Any) -> None:
    """Another file, or another state of this one: nothing that was derived from it holds any more."""
    touch()


@persistent
def after_frame(scene: Any, *_: Any) -> None:
    """Playback has come to a frame."""
    live.note_frame(scene.frame_current)


_HANDLERS = {
    "load_pre": before_load,
    "load_post": after_change,
    "undo_post": after_change,
    "redo_post": after_change,
    "frame_change_post": after_frame,
}


def register() -> None:
    """Begin to listen."""
    for name, handler in _HANDLERS.items():
        listeners = getattr(bpy.app.handlers, name)
        if handler not in listeners:
            listeners.append(handler)


def unregister() -> None:
    """Stop listening, and the stream with it."""
    recorded = live.disconnect()
    if recorded is not None:
        add_recorded(bpy.context.scene, recorded)
    for name, handler in _HANDLERS.items():
        listeners = getattr(bpy.app.handlers, name)
        if handler in listeners:
            listeners.remove(handler)
