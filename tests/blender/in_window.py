"""What tests/blender/window.py has Blender do; one step after the other, with time between them to draw."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

OUT = Path(os.environ["RDR_OUT"])
bpy.context.preferences.view.show_splash = False
bpy.context.preferences.system.viewport_aa = "OFF"  # software OpenGL has enough to do


def install() -> str:
    """Install the add-on; return its module's name."""
    if os.environ["RDR_ADDON_ZIP"]:
        zip_path = os.environ["RDR_ADDON_ZIP"]
        bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
        return "bl_ext.user_default.rdr_live"
    import numpy as np

    np.bool = bool  # the glTF importer of old is older than numpy beside it
    sys.path.insert(0, os.environ["RDR_WHEELS"])
    bpy.ops.preferences.addon_enable(module="rdr_live")
    return "rdr_live"


def view() -> dict[str, Any]:
    """Return the context of the 3D view."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {"window": window, "screen": window.screen, "area": area, "region": region}


def arrange() -> None:
    """Show the avatar from its front, and our tab beside it."""
    place = view()
    space = place["area"].spaces[0]
    space.show_region_ui, space.show_region_toolbar, space.show_gizmo = True, False, False
    space.overlay.show_overlays, space.shading.show_object_outline = False, False
    space.shading.type, space.shading.color_type = "SOLID", "TEXTURE"
    with bpy.context.temp_override(**place):
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.object.select_all(action="DESELECT")
        bpy.data.objects["Skin"].select_set(True)
        bpy.ops.view3d.view_selected()
        bpy.ops.object.select_all(action="DESELECT")
        bpy.ops.view3d.zoom(delta=-1)
    bpy.context.view_layer.objects.active = None  # without one the tab Item, which would be in front, has nothing
    for name in os.environ["RDR_UNFOLD"].split():
        kind = getattr(bpy.types, f"RDR_LIVE_PT_{name}")
        bpy.utils.unregister_class(kind)
        kind.bl_options = set()
        bpy.utils.register_class(kind)
    for kind in list(bpy.types.Panel.__subclasses__()):  # and neither have these
        if getattr(kind, "bl_category", "") in ("Tool", "View") and kind.is_registered:
            bpy.utils.unregister_class(kind)


def picture(name: str) -> None:
    """Take a picture of the whole window."""
    with bpy.context.temp_override(**view()):
        bpy.ops.screen.screenshot(filepath=str(OUT / name))
    print(f"wrote {OUT / name}", flush=True)


def steps() -> Iterator[float]:
    """Do everything; yield how long to wait for the next step."""
    module = install()
    bpy.ops.object.select_all(action="SELECT")
    bpy.ops.object.delete()
    bpy.ops.rdr_live.open_avatar(filepath=str(OUT / "avatar.glb"))
    arrange()
    bpy.context.preferences.addons[module].preferences.address = os.environ["RDR_ENDPOINT"]
    yield 2.0
    picture("before.png")
    assert bpy.ops.rdr_live.connect() == {"FINISHED"}
    yield 12.0
    live = sys.modules[f"{module}.bl.live"]
    assert live.stats().frames > 30, live.stats()
    print(f"{live.session().ticks / 12:.1f} ticks a second", flush=True)
    picture("connected.png")
    for message in ("a step", "another step"):
        bpy.ops.ed.undo_push(message=message)
    frames = live.stats().frames
    with bpy.context.temp_override(**view()):
        bpy.ops.ed.undo()
        bpy.ops.ed.redo()
    yield 1.0
    assert live.stats().frames > frames, "the stream ended with an undo"
    with bpy.context.temp_override(**view()):
        bpy.ops.screen.animation_play()
    yield 1.0
    frames = live.stats().frames
    with bpy.context.temp_override(**view()):
        bpy.ops.screen.animation_cancel()
    yield 1.0
    assert live.stats().frames > frames, "the stream ended with playback"
    options = bpy.context.scene.rdr_live
    options.countdown_s = 1
    bpy.context.preferences.addons[module].preferences.takes_folder = str(OUT)
    bpy.ops.rdr_live.record()
    yield 4.0
    bpy.ops.rdr_live.stop_recording()
    options.punch, options.punch_in, options.punch_out = True, 6, 30
    bpy.context.scene.frame_set(1)
    bpy.ops.rdr_live.record()
    yield 2.0
    with bpy.context.temp_override(**view()):
        bpy.ops.screen.animation_play()
    while len(options.takes) < 2:
        yield 0.5
    with bpy.context.temp_override(**view()):
        bpy.ops.screen.animation_cancel()
    punched = options.takes[1]
    print(f"punched in at frame {punched.start_frame}: {punched.frames} frames, {punched.duration_s:.2f} s", flush=True)
    assert 6 <= punched.start_frame <= 30, punched.start_frame
    bpy.ops.rdr_live.remove_take()
    options.punch = False
    bpy.ops.rdr_live.disconnect()
    with bpy.context.temp_override(**view()):
        bpy.ops.ed.undo_push(message="before the bake")
        bpy.ops.rdr_live.bake_take("EXEC_DEFAULT", True)
    yield 1.0
    picture("baked.png")
    assert bpy.data.actions
    with bpy.context.temp_override(**view()):
        bpy.ops.ed.undo()
    assert not bpy.data.actions, "a bake is one step that undo takes back"


def main() -> None:
    """Begin; end Blender after the last step."""
    doing = steps()

    def go_on() -> float | None:
        try:
            return next(doing)
        except StopIteration:
            print("all of it went well", flush=True)
        except Exception:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    step: Callable[[], float | None] = go_on
    bpy.app.timers.register(step, first_interval=2.0)


main()
