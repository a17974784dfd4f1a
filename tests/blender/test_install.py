"""The zip as a user installs it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from installed import PACKAGE, USER_FOLDER

Addon = Callable[[str], Any]


def test_it_is_installed_and_enabled(addon: Addon) -> None:
    assert PACKAGE in bpy.context.preferences.addons
    assert Path(addon("core").__file__).is_relative_to(USER_FOLDER.name)
    assert hasattr(bpy.types, "RDR_LIVE_PT_stream")


def test_zmq_and_msgpack_are_those_that_come_with_it(addon: Addon) -> None:
    import msgpack
    import zmq

    for module in (zmq, msgpack):
        assert Path(module.__file__).is_relative_to(USER_FOLDER.name), module.__file__
    assert zmq.has("curve")


def test_it_puts_nothing_on_the_path_but_what_blender_puts(addon: Addon) -> None:
    ours = [folder for folder in sys.path if "rdr_live" in folder]
    assert ours == []


def test_register_and_unregister_twice(addon: Addon) -> None:
    module = sys.modules[PACKAGE]
    live = addon("bl.live")
    for _ in range(2):
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        assert not hasattr(bpy.types.Scene, "rdr_live")
        assert not bpy.app.timers.is_registered(live.tick)
        assert not any(getattr(handler, "__module__", "").startswith(PACKAGE) for handler in bpy.app.handlers.load_pre)
        bpy.ops.preferences.addon_enable(module=PACKAGE)
        assert hasattr(bpy.types.Scene, "rdr_live")
    module.unregister()
    module.register()
    listeners = [h for h in bpy.app.handlers.load_pre if getattr(h, "__module__", "").startswith(PACKAGE)]
    assert len(listeners) == 1
