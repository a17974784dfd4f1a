"""What a character consists of: meshes with shape keys, an armature, a bone for the head; found from a selection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ..core.targets import Target

_HEADS: Final = ("head", "cc_base_head", "j_bip_c_head", "mixamorig:head", "spine.006", "spine006", "def-spine.006")
"""Names of head bones, small letters; the first that is there is taken, then any that ends in head."""


def meshes_of(character: Any) -> list[Any]:
    """Return the character's meshes that are there and have shape keys."""
    found = [slot.object for slot in character.meshes if slot.object is not None]
    return [item for item in found if item.type == "MESH" and item.data.shape_keys is not None]


def shape_names(objects: Iterable[Any]) -> list[str]:
    """Return the names of all shape keys of some meshes, each once, without the one that the others are relative to."""
    names: dict[str, None] = {}
    for item in objects:
        keys = item.data.shape_keys
        names.update(dict.fromkeys(key.name for key in keys.key_blocks if key != keys.reference_key))
    return list(names)


def faces_in(selection: Iterable[Any]) -> list[Any]:
    """Return meshes with shape keys among objects and what hangs on them, the one that matters most first."""
    found: dict[str, Any] = {}
    for item in _with_children(selection):
        if item.type == "MESH" and item.data.shape_keys is not None and len(item.data.shape_keys.key_blocks) > 1:
            found[item.name_full] = item
    return sorted(found.values(), key=weight, reverse=True)


def weight(item: Any) -> tuple[int, int]:
    """Return how much a face matters: its shape keys, then its vertices."""
    return len(item.data.shape_keys.key_blocks), len(item.data.vertices)


def armature_of(selection: Iterable[Any], faces: Iterable[Any]) -> Any:
    """Return the armature that is selected, or that moves one of the faces; None."""
    selected = next((item for item in selection if item.type == "ARMATURE"), None)
    return selected or next((found for face in faces if (found := face.find_armature()) is not None), None)


def head_bone_of(armature: Any) -> str:
    """Return the name of the bone that is likeliest the head's; "" where none is."""
    names = [bone.name for bone in armature.data.bones]
    lower = {name.lower(): name for name in reversed(names)}
    known = next((lower[name] for name in _HEADS if name in lower), None)
    return known or next((name for name in names if name.lower().rstrip(".0123456789").endswith("head")), "")


def has_target(character: Any, target: Target) -> bool:
    """Say whether the character has what a target names."""
    if target.kind == "shape":
        return any(target.name in item.data.shape_keys.key_blocks for item in meshes_of(character))
    owner = owner_of(character, target)
    return owner is not None and (target.kind == "bone" or target.name in owner)


def owner_of(character: Any, target: Target) -> Any:
    """Return the bone or object that a target lies on; None where it is not there."""
    rig = character.rig
    if target.kind == "property" and not target.bone:
        return rig or next((item for item in meshes_of(character) if target.name in item), None)
    if rig is None or rig.pose is None:
        return None
    return rig.pose.bones.get(target.bone)


def _with_children(selection: Iterable[Any]) -> Iterator[Any]:
    for item in selection:
        yield item
        yield from item.children_recursive
