"""What moves on a rig besides shape keys, over F frames: bones, custom properties, the head. Live, F is 1.

Rotations come about the axes of a bone's or an object's rest, and leave in the mode that the rig has chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Euler, Quaternion

from ..core.performance import Performed
from ..core.resample import same_sign
from ..core.targets import Target, parse_target
from .rig import owner_of

Array = npt.NDArray[Any]
_METRES_PER_CM: Final = 0.01


@dataclass(slots=True)
class Channel:
    """One number of a datablock over F frames."""

    id_block: Any
    owner: Any
    """What has the attribute: an object or a bone."""
    attribute: str
    """Of the owner; a custom property as its name in brackets and quotes."""
    index: int
    """-1: it is one number."""
    values: Array
    """(F,)."""

    @property
    def path(self) -> str:
        """From the datablock, as curves need it."""
        if self.owner == self.id_block:
            return self.attribute
        dot = "" if self.attribute.startswith("[") else "."
        return f"{self.owner.path_from_id()}{dot}{self.attribute}"

    @property
    def group(self) -> str:
        """Under which the curve is listed."""
        return str(self.owner.name) if self.owner != self.id_block else "RDR Live"

    def set(self) -> None:
        """Give the rig the value of the first frame."""
        value = float(self.values[0])
        if self.attribute.startswith("["):
            self.owner[_plain(self.attribute)] = value
            self.id_block.update_tag()
        elif self.index < 0:
            setattr(self.owner, self.attribute, value)
        else:
            getattr(self.owner, self.attribute)[self.index] = value


@dataclass(slots=True)
class Transform:
    """Motion of one bone from rest, along and about its axes, as a mapping asks for it."""

    location: dict[int, Array] = field(default_factory=dict)
    """Axis -> (F,) in the rig's unit."""
    angles: dict[int, Array] = field(default_factory=dict)
    """Axis -> (F,) rad; about x, then y, then z."""
    scale: dict[int, Array] = field(default_factory=dict)
    """Axis -> (F,) factor."""


def mapped_channels(character: Any, targets: Sequence[str], values: Array) -> list[Channel]:
    """Return what a mapping's bones and properties do: (F, N) values of N targets. What is not there is left out."""
    transforms: dict[str, Transform] = {}
    channels: list[Channel] = []
    for column, text in enumerate(targets):
        target = parse_target(text)
        owner = None if target.kind == "shape" else owner_of(character, target)
        if owner is None:
            continue
        if target.kind == "bone":
            _add(transforms.setdefault(target.bone, Transform()), target, owner, values[:, column])
        elif target.name in owner:
            id_block = owner.id_data
            attribute = f'["{bpy.utils.escape_identifier(target.name)}"]'
            channels.append(Channel(id_block, owner, attribute, -1, values[:, column]))
    for bone, transform in transforms.items():
        channels += _bone_channels(character.rig, character.rig.pose.bones[bone], transform, len(values))
    return channels


def head_channels(character: Any, done: Performed) -> list[Channel]:
    """Return what the character's head does."""
    if character.head == "BONE":
        rig = character.rig
        bone = rig.pose.bones.get(character.head_bone) if rig is not None and rig.pose is not None else None
        return [] if bone is None else _bone_head(character, rig, bone, done)
    if character.head == "OBJECT" and character.head_object is not None:
        return _object_head(character, character.head_object, done)
    return []


def rotation_channels(id_block: Any, owner: Any, quaternions: Array) -> list[Channel]:
    """(F, 4) rotations -> the channels of the owner's rotation mode, without jumps from frame to frame."""
    mode = owner.rotation_mode
    if mode == "QUATERNION":
        return _columns(id_block, owner, "rotation_quaternion", same_sign(quaternions))
    turns = [Quaternion(quaternion) for quaternion in quaternions.tolist()]
    if mode == "AXIS_ANGLE":
        pairs = [turn.to_axis_angle() for turn in turns]
        return _columns(id_block, owner, "rotation_axis_angle", np.array([(angle, *axis) for axis, angle in pairs]))
    angles, last = [], Euler((0, 0, 0), mode) if len(turns) > 1 else owner.rotation_euler
    for turn in turns:
        last = turn.to_euler(mode, last)
        angles.append(tuple(last))
    return _columns(id_block, owner, "rotation_euler", np.array(angles))


def _bone_head(character: Any, rig: Any, bone: Any, done: Performed) -> list[Channel]:
    """The pose is in the armature's axes, a bone's channels are in those of its rest."""
    rest = bone.bone.matrix_local.to_quaternion()
    to_bone = np.array(rest.to_matrix()).T
    turned = done.head_quaternion.copy()
    turned[:, 1:] = turned[:, 1:] @ to_bone.T
    channels = rotation_channels(rig, bone, turned)
    if _moves(character):
        size = rig.matrix_world.median_scale or 1.0
        channels += _columns(rig, bone, "location", done.head_location_cm @ to_bone.T * _unit() / size)
    if character.gain_scale:
        channels += _columns(rig, bone, "scale", np.tile(done.head_scale[:, None], 3))
    return channels


def _object_head(character: Any, item: Any, done: Performed) -> list[Channel]:
    """The pose is in the object's own axes at rest."""
    rest = Quaternion(character.object_rest_rotation)
    turned = np.array([tuple(rest @ Quaternion(quaternion)) for quaternion in done.head_quaternion.tolist()])
    channels = rotation_channels(item, item, turned)
    if _moves(character):
        moved = done.head_location_cm @ np.array(rest.to_matrix()).T * _unit()
        channels += _columns(item, item, "location", moved + np.array(character.object_rest_location))
    if character.gain_scale:
        channels += _columns(item, item, "scale", done.head_scale[:, None] * np.array(character.object_rest_scale))
    return channels


def _bone_channels(rig: Any, bone: Any, transform: Transform, count: int) -> list[Channel]:
    channels = [Channel(rig, bone, "location", axis, values) for axis, values in transform.location.items()]
    channels += [Channel(rig, bone, "scale", axis, values) for axis, values in transform.scale.items()]
    if transform.angles:
        angles = np.zeros((count, 3))
        for axis, values in transform.angles.items():
            angles[:, axis] = values
        turns = np.array([tuple(Euler(row, "XYZ").to_quaternion()) for row in angles.tolist()])
        channels += rotation_channels(rig, bone, turns)
    return channels


def _add(transform: Transform, target: Target, bone: Any, values: Array) -> None:
    if target.channel.startswith("loc"):
        transform.location[target.axis] = values * bone.bone.length
    elif target.channel.startswith("rot"):
        transform.angles[target.axis] = values
    else:
        transform.scale[target.axis] = 1 + values


def _columns(id_block: Any, owner: Any, attribute: str, values: Array) -> list[Channel]:
    return [Channel(id_block, owner, attribute, index, values[:, index]) for index in range(values.shape[1])]


def _moves(character: Any) -> bool:
    return bool(character.gain_position or character.gain_depth)


def _unit() -> float:
    """Return how many of the scene's units a cm is."""
    return _METRES_PER_CM / (bpy.context.scene.unit_settings.scale_length or 1.0)


def _plain(attribute: str) -> str:
    """Return the name of a custom property from its path."""
    return str(bpy.utils.unescape_identifier(attribute[2:-2]))
