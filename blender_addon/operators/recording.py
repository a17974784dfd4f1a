"""Recording takes, importing them, putting their sound into the sequencer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import bpy
from bpy.props import BoolProperty, StringProperty

from ..bl import live
from ..bl.anim_compat import add_sound
from ..bl.takes import add_recorded, import_take, next_path
from ..core.errors import AddonError
from ..core.recording import RecordingConfig
from ..preferences import takes_folder
from .base import NeedsTake, Operator, active_take


class Record(Operator, bpy.types.Operator):
    """Record what comes to a new take, after the countdown"""

    bl_idname = "rdr_live.record"
    bl_label = "Record"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say whether there is a stream."""
        if live.session() is None:
            cls.poll_message_set("Connect first")
            return False
        return True

    def run(self, context: Any) -> str:
        """Begin."""
        current, options = live.session(), context.scene.rdr_live
        if current is None:
            raise AddonError("connect first")
        config = RecordingConfig(
            countdown_s=options.countdown_s,
            pre_roll_s=options.pre_roll_s,
            punch_in=options.punch_in if options.punch else None,
            punch_out=options.punch_out if options.punch else None,
        )
        path = next_path(takes_folder(), options.take_name)
        notes = {"session": live.stats().session or "", "source": current.receiver.address}
        current.recording_scene = context.scene.name
        current.recording.start(path, config, time.monotonic(), notes)
        return f"{path.name}: {'play to punch in' if options.punch else 'recording soon'}"


class StopRecording(Operator, bpy.types.Operator):
    """Finish the take"""

    bl_idname = "rdr_live.stop_recording"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say whether one is being recorded."""
        current = live.session()
        return current is not None and current.recording.state != "idle"

    def run(self, context: Any) -> str:
        """Finish."""
        current = live.session()
        recorded = current.recording.stop() if current else None
        if recorded is None:
            return "nothing had been recorded yet"
        add_recorded(context.scene, recorded)
        return f"{recorded.path.name}: {recorded.frames} frames, {recorded.duration_s:.1f} s"


class ImportTake(Operator, bpy.types.Operator):
    """Add a take (.mcap), a track of rdr convert (.npz) or a recording of Live Link Face (.csv) to the list"""

    bl_idname = "rdr_live.import_take"
    bl_label = "Import Take"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.mcap;*.partial;*.npz;*.csv", options={"HIDDEN"})
    with_sound: BoolProperty(
        name="Add Sound",
        description="Also add the sound to the sequencer, where a file beside the take has it",
        default=True,
    )

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: Any) -> str:
        """Import it, to begin at the scene's first frame."""
        path = Path(bpy.path.abspath(self.filepath))
        item = import_take(context.scene, path, context.scene.frame_start)
        said = [f"{item.name}: {item.frames} frames, {item.duration_s:.1f} s, {item.faces} faces"]
        if self.with_sound and item.sound:
            try:
                said.append(put_sound(context.scene, item))
            except AddonError as error:
                said.append(str(error))
        return "; ".join(said + [item.trouble] * bool(item.trouble))


class RemoveTake(NeedsTake, bpy.types.Operator):
    """Take this take from the list; its file stays"""

    bl_idname = "rdr_live.remove_take"
    bl_label = "Remove"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> None:
        """Remove it."""
        options = context.scene.rdr_live
        options.takes.remove(options.take_index)
        options.take_index = max(0, options.take_index - 1)


class AddSound(NeedsTake, bpy.types.Operator):
    """Add the take's sound to the sequencer, to begin with the take"""

    bl_idname = "rdr_live.add_sound"
    bl_label = "Add Sound"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any) -> str:
        """Add it."""
        return put_sound(context.scene, active_take(context))


def put_sound(scene: Any, item: Any) -> str:
    """Add a take's sound to a scene's sequencer; return what was done. Raises AddonError."""
    path = Path(bpy.path.abspath(item.sound))
    if not item.sound or not path.is_file():
        raise AddonError(f"choose a sound file first, got {item.sound or 'none'}")
    try:
        add_sound(scene, item.name, str(path), item.start_frame)
    except RuntimeError as error:
        why = str(error).removeprefix("Error: ").strip()
        raise AddonError(f"{path.name} is no sound that Blender can play: {why:.100}") from None
    return f"{path.name} begins at frame {item.start_frame}"


CLASSES: Final = (Record, StopRecording, ImportTake, RemoveTake, AddSound)
