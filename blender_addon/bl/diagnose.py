"""Everything that can be wrong between a stream and a character that moves, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..core.errors import AddonError
from ..core.targets import parse_target
from . import live
from .config import config_of, problem_of
from .rig import has_target, meshes_of, shape_names

Level = Literal["good", "wait", "bad"]
_MOST_NAMES: Final = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is so."""

    level: Level
    text: str
    advice: str = ""


def diagnose(scene: Any) -> list[Finding]:
    """Return what is wrong, the worst first; one good finding where nothing is."""
    health = live.health()
    found = [Finding(health.level, health.text, health.advice)]
    characters = scene.rdr_live.characters
    if not characters:
        found.append(Finding("bad", "There is no character.", "Select a face and press Add from Selection."))
    for character in characters:
        found += _of_character(character)
    order = {"bad": 0, "wait": 1, "good": 2}
    return sorted(found, key=lambda finding: order[finding.level])


def _of_character(character: Any) -> Iterator[Finding]:
    name = character.name
    if not character.enabled:
        yield Finding("wait", f"{name} is switched off.", "Tick it in the list of characters.")
    yield from _of_face(character)
    meshes = meshes_of(character)
    if not meshes and not character.rig and character.head == "NONE":
        yield Finding("bad", f"{name} has no mesh with shape keys and no rig.", "Add its meshes.")
    for mesh in meshes:
        yield from _of_mesh(name, mesh)
    yield from _of_mapping(character)
    yield from _of_head(character)


def _of_face(character: Any) -> Iterator[Finding]:
    current = live.session()
    newest = current.receiver.newest if current else {}
    if character.which_face == "ID" and newest and character.face_id not in newest:
        there = ", ".join(map(str, sorted(newest)))
        yield Finding("bad", f"{character.name} follows face {character.face_id}; in the picture are {there}.")


def _of_mesh(name: str, mesh: Any) -> Iterator[Finding]:
    keys = mesh.data.shape_keys
    where = f"{mesh.name} of {name}"
    if mesh.library is not None or keys.library is not None:
        yield Finding(
            "bad",
            f"{where} is linked from another file.",
            "Object > Library Override > Make, and Relations > Make Library Override on its mesh data.",
        )
    if mesh.show_only_shape_key:
        yield Finding("bad", f"{where} shows one shape key only.", "Switch the pin off beside its shape keys.")
    if not keys.use_relative:
        yield Finding("bad", f"The shape keys of {where} are not relative.", "Tick Relative beside them.")
    drivers = keys.animation_data.drivers if keys.animation_data else ()
    driven = [driver.data_path.split('"')[1] for driver in drivers if '"' in driver.data_path]
    if driven:
        yield Finding("wait", f"{where}: drivers move {_listed(driven)}.", "What the driver says wins; remove it.")
    muted = [key.name for key in keys.key_blocks if key.mute]
    if muted:
        yield Finding("wait", f"{where}: muted are {_listed(muted)}.", "Unmute them to see them.")


def _of_mapping(character: Any) -> Iterator[Finding]:
    name = character.name
    wrong = [text for item in character.entries if (text := problem_of(item))]
    for text in wrong:
        yield Finding("bad", f"{name}: {text}.")
    if wrong:
        return
    try:
        mapping = config_of(character).mapping
    except AddonError as error:
        yield Finding("bad", f"{error}.")
        return
    names = shape_names(meshes_of(character))
    missing = [target for target in mapping.driven() if not has_target(character, parse_target(target))]
    matched = len(mapping.driven()) - len(missing)
    if missing:
        like = _like(missing[0], names)
        hint = f"Is {like} meant for {missing[0]}? " if like else ""
        yield Finding(
            "bad" if not matched else "wait",
            f"{name}: {len(missing)} of {len(mapping.driven())} targets are not there: {_listed(missing)}.",
            f"{hint}Correct the targets, add those shape keys, or remove the entries.",
        )
    unused = sorted(set(names) - set(mapping.targets))
    if unused and matched:
        yield Finding("good", f"{name}: nothing drives {_listed(unused)}.")
    if matched and not missing:
        yield Finding("good", f"{name}: all {matched} targets are there.")
    yield from _of_limits(character, mapping.reach())


def _of_limits(character: Any, reach: dict[str, tuple[float, float]]) -> Iterator[Finding]:
    narrow = {
        key.name
        for mesh in meshes_of(character)
        for key in mesh.data.shape_keys.key_blocks
        if key.name in reach and not key.slider_min <= reach[key.name][0] <= reach[key.name][1] <= key.slider_max
    }
    if narrow:
        yield Finding(
            "wait",
            f"{character.name}: the sliders of {_listed(sorted(narrow))} end before what the mapping drives them to.",
            "Blender cuts values off there: widen Range Min and Max of these shape keys.",
        )


def _of_head(character: Any) -> Iterator[Finding]:
    name, rig = character.name, character.rig
    if character.head == "OBJECT" and character.head_object is None:
        yield Finding("bad", f"{name}: no object is chosen for the head.")
    if character.head != "BONE":
        return
    bone = rig.pose.bones.get(character.head_bone) if rig is not None and rig.pose is not None else None
    if bone is None:
        yield Finding("bad", f"{name}: there is no bone {character.head_bone!r} for the head.", "Choose rig and bone.")
        return
    if rig.data.pose_position == "REST":
        yield Finding("bad", f"{rig.name} shows its rest position.", "Choose Pose Position in its data properties.")
    if bone.bone.use_connect and (character.gain_position or character.gain_depth):
        yield Finding("wait", f"{character.head_bone} is connected to its parent and cannot move.", "It can turn.")


def _like(name: str, names: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, names, 1, 0.5)), None)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
