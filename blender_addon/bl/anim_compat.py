"""Everything about animation that differs between Blender 4.2 and 5.2, in one place.

Up to 4.3 an action holds curves of one datablock. Since 4.4 an action has slots, one for each datablock, and layers,
strips and channelbags that hold the curves; since 5.0 there is nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import bpy
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SLOTTED: Final = bpy.app.version >= (4, 4, 0)
_LINEAR: Final = 1
"""Value of Keyframe.interpolation."""


class Animation:
    """Curves of several datablocks that belong together: one slotted action, or one action each."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.actions: list[Any] = []

    def curves_of(self, owner: Any) -> Curves:
        """Return new, empty curves of a datablock; they do nothing until `assign` or `add_strip`."""
        if not SLOTTED:
            name = self.name if not self.actions else f"{self.name} {owner.name}"
            self.actions.append(bpy.data.actions.new(name))
            return Curves(owner, self.actions[-1], None)
        if not self.actions:
            self.actions.append(bpy.data.actions.new(self.name))
        action = self.actions[0]
        slot = action.slots.new(id_type=owner.id_type, name=owner.name)
        return Curves(owner, action, slot)


class Curves:
    """The curves of one datablock in an action."""

    def __init__(self, owner: Any, action: Any, slot: Any) -> None:
        self.owner, self.action, self.slot = owner, action, slot

    @classmethod
    def present(cls, owner: Any) -> Curves | None:
        """Return the curves of the action that a datablock has; None: it has none."""
        data = owner.animation_data
        if data is None or data.action is None or (SLOTTED and data.action_slot is None):
            return None
        return cls(owner, data.action, data.action_slot if SLOTTED else None)

    def write(self, path: str, index: int, frames: Array, values: Array, group: str) -> None:
        """Put linear keys (F,) at frames (F,); keys that were between the first and the last of them are replaced."""
        curve = self.find(path, index) or self._new(path, index, group)
        points = curve.keyframe_points
        _remove_keys(points, float(frames[0]), float(frames[-1]))
        kept = len(points)
        points.add(len(frames))
        coordinates, kinds = np.empty(2 * len(points), np.float32), np.empty(len(points), np.int32)
        points.foreach_get("co", coordinates)
        points.foreach_get("interpolation", kinds)
        coordinates[2 * kept :] = np.stack([frames, values], axis=1).ravel()
        kinds[kept:] = _LINEAR
        points.foreach_set("co", coordinates)
        points.foreach_set("interpolation", kinds)
        curve.update()  # sorts

    def find(self, path: str, index: int) -> Any:
        """Return the curve of a property, or None."""
        return self._all().find(path, index=index)

    def assign(self) -> None:
        """Make this the animation that the datablock plays."""
        data = self.owner.animation_data_create()
        data.action = self.action
        if SLOTTED:
            data.action_slot = self.slot

    def add_strip(self, start: int) -> None:
        """Add this as an NLA strip on a track of its own, above the others."""
        track = self.owner.animation_data_create().nla_tracks.new()
        track.name = self.action.name
        strip = track.strips.new(self.action.name, start, self.action)
        if SLOTTED:
            strip.action_slot = self.slot
        strip.extrapolation = "NOTHING"

    def _new(self, path: str, index: int, group: str) -> Any:
        if SLOTTED:
            return self._all().new(path, index=index, group_name=group)
        return self._all().new(path, index=index, action_group=group)

    def _all(self) -> Any:
        if not SLOTTED:
            return self.action.fcurves
        layer = self.action.layers[0] if self.action.layers else self.action.layers.new("Layer")
        strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
        return strip.channelbag(self.slot, ensure=True).fcurves


def _remove_keys(points: Any, first: float, last: float) -> None:
    """Remove the keys from one frame to another."""
    if not len(points):
        return
    coordinates = np.empty(2 * len(points), np.float32)
    points.foreach_get("co", coordinates)
    at = coordinates[::2]
    for index in np.flatnonzero((at >= first - 0.5) & (at <= last + 0.5))[::-1].tolist():
        points.remove(points[index], fast=True)


def curves_of_action(action: Any) -> list[Any]:
    """Return all curves of an action, whatever it is made of."""
    if not SLOTTED:
        return list(action.fcurves)
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return [curve for bag in bags for curve in bag.fcurves]


def add_sound(scene: Any, name: str, path: str, frame: int) -> Any:
    """Add a sound strip to a scene's sequencer on the first free channel; return it."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    used: Sequence[int] = [strip.channel for strip in strips]
    free = next(channel for channel in range(1, 129) if channel not in used)
    return strips.new_sound(name, path, free, frame)
