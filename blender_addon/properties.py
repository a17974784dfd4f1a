"""What is stored in a .blend file: characters with their mapping, head and calibration; takes; recording and baking."""

from __future__ import annotations

from typing import Any, Final

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .bl.changes import touch
from .core.head_pose import AXES
from .core.mapping import CURVES, MAX_NAME_LENGTH
from .core.shapes import SHAPE_NAMES
from .core.smoothing_config import LEVELS

_AXES: Final = [(axis, axis, "") for axis in AXES]
_LEVELS: Final = [(level, level.capitalize(), "") for level in LEVELS]
_CURVES: Final = [
    *((name, name.replace("_", " ").capitalize(), "") for name in CURVES),
    ("points", "Points", "Straight lines between points of your own"),
]


def _is_face(_: Any, item: Any) -> bool:
    return item.type == "MESH" and item.data.shape_keys is not None


def _source_names(_: Any, __: Any, text: str) -> list[str]:
    return [name for name in SHAPE_NAMES if text.lower() in name.lower()]


class MappingEntry(bpy.types.PropertyGroup):
    """What one shape of the tracker adds to one shape, bone or property of the rig."""

    source: StringProperty(
        name="Source",
        description="Shape that the tracker sends",
        search=_source_names,
        maxlen=MAX_NAME_LENGTH,
        update=touch,
    )
    target: StringProperty(
        name="Target",
        description="Shape key, bone:NAME:CHANNEL such as bone:jaw:rot_x, or prop:NAME",
        maxlen=MAX_NAME_LENGTH,
        update=touch,
    )
    gain: FloatProperty(
        name="Gain",
        description="What the source at its upper end adds",
        default=1,
        soft_min=-2,
        soft_max=2,
        update=touch,
    )
    offset: FloatProperty(name="Offset", description="Added always", soft_min=-1, soft_max=1, update=touch)
    low: FloatProperty(name="From", description="Value of the source that counts as 0", default=0, update=touch)
    high: FloatProperty(name="To", description="Value of the source that counts as 1", default=1, update=touch)
    curve: EnumProperty(name="Curve", items=_CURVES, default="linear", update=touch)
    points: StringProperty(
        name="Points", description="Points of the curve: 0,0  0.5,1  1,0", default="0,0  1,1", update=touch
    )
    mirror: BoolProperty(name="Mirror", description="Read the shape of the other side", update=touch)
    mute: BoolProperty(name="Mute", description="Leave this entry out", update=touch)
    solo: BoolProperty(name="Solo", description="Leave out all entries that are not solo", update=touch)
    score: FloatProperty(name="Score", description="How sure the automatic matching is; 1: certain", default=1)


class MeshSlot(bpy.types.PropertyGroup):
    """A mesh of a character."""

    object: PointerProperty(type=bpy.types.Object, poll=_is_face, update=touch)


class Character(bpy.types.PropertyGroup):
    """Somebody in the scene who is driven by a face."""

    uid: StringProperty(options={"HIDDEN"})
    enabled: BoolProperty(name="Live", description="Let the stream drive this character", default=True, update=touch)
    which_face: EnumProperty(
        name="Face",
        items=[
            ("ANY", "First face", "The face with the lowest number that is in the picture"),
            ("ID", "Face number", "One face, by its number"),
        ],
        update=touch,
    )
    face_id: IntProperty(name="Number", description="Of the face", min=0, update=touch)
    mirror: BoolProperty(name="Mirror", description="Left and right change places, as in a mirror", update=touch)
    meshes: CollectionProperty(type=MeshSlot)
    mesh_index: IntProperty()
    rig: PointerProperty(
        name="Rig",
        description="Armature, or object with custom properties, whose bones and properties the mapping drives",
        type=bpy.types.Object,
        update=touch,
    )

    entries: CollectionProperty(type=MappingEntry)
    entry_index: IntProperty()
    mapping_name: StringProperty(name="Mapping")
    target_low: FloatProperty(name="Lowest", description="No target goes below", default=0, update=touch)
    target_high: FloatProperty(name="Highest", description="No target goes above", default=1, update=touch)

    head: EnumProperty(
        name="Head",
        items=[
            ("NONE", "None", "The head does not move"),
            ("BONE", "Bone", "A bone of the rig"),
            ("OBJECT", "Object", "An object"),
        ],
        update=touch,
    )
    head_bone: StringProperty(name="Bone", update=touch)
    head_object: PointerProperty(name="Object", type=bpy.types.Object, update=touch)
    gain_pitch: FloatProperty(name="Pitch", default=1, soft_min=-1, soft_max=2, update=touch)
    gain_yaw: FloatProperty(name="Yaw", default=1, soft_min=-1, soft_max=2, update=touch)
    gain_roll: FloatProperty(name="Roll", default=1, soft_min=-1, soft_max=2, update=touch)
    gain_position: FloatProperty(
        name="Position",
        description="How much the head moves across the picture",
        default=0,
        soft_min=-1,
        soft_max=2,
        update=touch,
    )
    gain_depth: FloatProperty(
        name="Depth", description="How much it moves to and from the camera, by its size in the picture", default=0,
        soft_min=-1, soft_max=2, update=touch,
    )  # fmt: skip
    gain_scale: FloatProperty(
        name="Scale", description="How much it grows with its size in the picture", default=0, soft_min=-1, soft_max=2,
        update=touch,
    )  # fmt: skip
    distance_cm: FloatProperty(
        name="Distance", description="From the camera at rest, cm; for depth", default=60, min=1, max=1000, update=touch
    )
    forward: EnumProperty(
        name="Forward", description="Where the character looks", items=_AXES, default="-Y", update=touch
    )
    up: EnumProperty(name="Up", items=_AXES, default="Z", update=touch)
    object_rest_set: BoolProperty(options={"HIDDEN"})
    object_rest_location: FloatVectorProperty(size=3, options={"HIDDEN"})
    object_rest_rotation: FloatVectorProperty(size=4, default=(1, 0, 0, 0), options={"HIDDEN"})
    object_rest_scale: FloatVectorProperty(size=3, default=(1, 1, 1), options={"HIDDEN"})

    calibrated: BoolProperty(name="Calibrated", description="Whether the face at rest was taken", options={"HIDDEN"})
    calibration: StringProperty(options={"HIDDEN"}, update=touch)
    head_rest_rotation: FloatVectorProperty(size=4, default=(1, 0, 0, 0), options={"HIDDEN"}, update=touch)
    head_rest_position: FloatVectorProperty(size=2, options={"HIDDEN"}, update=touch)
    head_rest_scale: FloatProperty(options={"HIDDEN"}, update=touch)

    smooth_brows: EnumProperty(name="Brows", items=_LEVELS, update=touch)
    smooth_eyes: EnumProperty(name="Eyes", items=_LEVELS, update=touch)
    smooth_mouth: EnumProperty(name="Mouth", items=_LEVELS, update=touch)
    smooth_jaw: EnumProperty(name="Jaw", items=_LEVELS, update=touch)
    smooth_head: EnumProperty(name="Head", items=_LEVELS, update=touch)

    when_lost: EnumProperty(
        name="When lost",
        items=[("EASE", "Ease to rest", "Go to rest, and come back"), ("HOLD", "Hold", "Stay as last seen")],
        update=touch,
    )
    patience_s: FloatProperty(name="After", description="Seconds", default=0.5, min=0, max=60, update=touch)
    ease_s: FloatProperty(name="Ease", description="Seconds to rest", default=0.8, min=0, max=60, update=touch)
    return_s: FloatProperty(
        name="Return", description="Seconds to come back", default=0.25, min=0, max=60, update=touch
    )


class TakeItem(bpy.types.PropertyGroup):
    """A recorded or imported performance; the file holds it as it came."""

    path: StringProperty(name="File", subtype="FILE_PATH")
    duration_s: FloatProperty(name="Duration", unit="TIME_ABSOLUTE")
    frames: IntProperty(name="Frames")
    faces: IntProperty(name="Faces")
    anchor_ns: StringProperty(description="Capture time that falls on the start frame, ns since the epoch")
    start_frame: IntProperty(name="Start frame", description="Frame of the scene on which the take begins", default=1)
    sound: StringProperty(name="Sound", description="Audio that begins with the take", subtype="FILE_PATH")
    trouble: StringProperty()


class LiveScene(bpy.types.PropertyGroup):
    """Everything of the add-on in a scene."""

    characters: CollectionProperty(type=Character)
    character_index: IntProperty()

    takes: CollectionProperty(type=TakeItem)
    take_index: IntProperty()
    take_name: StringProperty(name="Name", description="Of the next take; a number is added", default="Take", maxlen=60)
    countdown_s: FloatProperty(
        name="Countdown", description="Seconds before recording begins", default=3, min=0, max=60
    )
    pre_roll_s: FloatProperty(
        name="Pre-roll", description="Seconds of before the beginning that are kept, too", default=1, min=0, max=60
    )
    punch: BoolProperty(name="Punch in and out", description="Playback begins and ends the recording")
    punch_in: IntProperty(name="In", default=1)
    punch_out: IntProperty(name="Out", default=250)

    bake_to: EnumProperty(
        name="Into",
        items=[
            (
                "NEW",
                "New action",
                "A new action; an action of other animation is left alone, and a strip is added instead",
            ),
            ("INTO", "Present action", "Replace keys of the take's length in the action that is there"),
            ("NLA", "NLA strip", "A new action as a strip on a track of its own"),
        ],
    )
    bake_active_only: BoolProperty(name="Active character only")
    bake_pre_roll: BoolProperty(name="With pre-roll", description="Also bake what was before the recording began")
    bake_reduce: BoolProperty(name="Reduce keys", description="Keep only the keys that are needed")
    bake_tolerance: FloatProperty(
        name="Tolerance",
        description="How far a curve may be off, in its own unit",
        default=0.005,
        min=0,
        max=1,
        precision=4,
    )


CLASSES: Final = (MappingEntry, MeshSlot, Character, TakeItem, LiveScene)


def register() -> None:
    """Register the classes and hang them on scenes."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.rdr_live = PointerProperty(type=LiveScene)


def unregister() -> None:
    """Undo `register`."""
    del bpy.types.Scene.rdr_live
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
