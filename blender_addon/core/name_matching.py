"""Which of a rig's shapes is meant by which of ours: whole presets first, then names alike, each with a score 0..1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from .mapping import Entry, ShapeMapping
from .mapping_file import load_preset
from .shapes import SHAPE_NAMES
from .targets import parse_target

GOOD_SCORE: Final = 0.7
"""A pair below it is not taken."""
GOOD_PRESET: Final = 0.6
"""A preset of which so much is there is meant."""
_LEAST_SCORE: Final = 0.3
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SIDES: Final = {"l": "L", "left": "L", "lf": "L", "lft": "L", "r": "R", "right": "R", "rt": "R", "rgt": "R"}
_SAME: Final = {
    "eyes": "eye", "eyelid": "eye", "lid": "eye", "brows": "brow", "eyebrow": "brow", "brw": "brow", "mth": "mouth",
    "lips": "lip", "cheeks": "cheek", "blink": "close", "closed": "close", "shut": "close", "opened": "open",
    "raise": "up", "raiser": "up", "raised": "up", "lift": "up", "lower": "down", "lowered": "down", "drop": "down",
    "sneer": "wrinkle", "wrinkler": "wrinkle", "smiling": "smile", "sad": "frown", "pucker": "pucker", "kiss": "pucker",
    "puffed": "puff", "puff": "puff", "forwards": "forward", "fwd": "forward", "sidel": "left", "sider": "right",
    "stretched": "stretch", "wider": "wide", "widen": "wide", "squinted": "squint", "pressed": "press", "inn": "inner",
}  # fmt: skip
"""Word -> the word that it is taken for."""
_NO_MEANING: Final = {"fcl", "all", "shape", "shapes", "key", "blendshape", "bs", "exp", "expression", "face", "facial",
                      "head", "arkit", "morph", "target", "cc", "base", "a", "the", "m", "h", "fac"}  # fmt: skip
_ALIAS_PRESETS: Final = ("arkit", "cc4")


@dataclass(frozen=True, slots=True)
class Match:
    """A guess."""

    source: str
    target: str
    score: float
    """0..1: 1 is sure."""


@dataclass(frozen=True, slots=True)
class PresetMatch:
    """How well a preset fits the shapes of a rig."""

    preset: str
    score: float
    """Part of the preset's driven targets that the rig has."""
    found: dict[str, str]
    """Target of the preset -> the rig's name for it."""


def loose(name: str) -> tuple[frozenset[str], str]:
    """Return the words of a shape's name in their plain form, and its side: L, R or none."""
    words, side = [], ""
    pieces = [word.lower() for word in _WORD.findall(name)]
    for number, word in enumerate(pieces):
        if word in _SIDES and (len(word) < 3 or number in (0, len(pieces) - 1)) and len(pieces) > 1:
            side = side or _SIDES[word]
        elif not word.isdigit() and word not in _NO_MEANING:
            words.append(_SAME.get(word, word))
    return frozenset(words), side


def same_name(wanted: str, names: Iterable[str]) -> str | None:
    """Return which of a rig's names is `wanted`, whatever its spelling: eyeBlinkLeft, EyeBlink_L, eye_blink_left."""
    names = list(names)
    if wanted in names:
        return wanted
    lower = {name.lower(): name for name in reversed(names)}
    if wanted.lower() in lower:
        return lower[wanted.lower()]
    meant = _spelled(wanted)
    return next((name for name in names if _spelled(name) == meant), None)


def match_presets(names: Sequence[str], presets: Iterable[str]) -> list[PresetMatch]:
    """Return how well presets fit a rig's shapes, the best first; of equals the larger one."""
    found = []
    for preset in presets:
        driven = [target for target in load_preset(preset).driven() if parse_target(target).kind == "shape"]
        pairs = {target: name for target in driven if (name := same_name(target, names)) is not None}
        if driven:
            found.append(PresetMatch(preset, len(pairs) / len(driven), pairs))
    return sorted(found, key=lambda match: (-round(match.score, 2), -len(match.found)))


def renamed(mapping: ShapeMapping, found: Mapping[str, str]) -> ShapeMapping:
    """Return a preset with the rig's spelling of its shapes; entries of shapes that the rig lacks are kept."""
    entries = [replace(entry, target=found.get(entry.target, entry.target)) for entry in mapping.entries]
    return ShapeMapping.of_entries(entries, target_range=mapping.target_range, name=mapping.name, about=mapping.about)


@dataclass(frozen=True, slots=True)
class Automatic:
    """A mapping that was guessed."""

    mapping: ShapeMapping
    scores: dict[str, float]
    """By target."""
    text: str
    """What was done, for people."""


def automatic_mapping(names: Sequence[str], presets: Iterable[str]) -> Automatic | None:
    """Return the likeliest mapping to a rig's shapes: a preset where most of one is there, else by names alike."""
    best = next(iter(match_presets(names, presets)), None)
    if best is not None and best.score >= GOOD_PRESET:
        preset = load_preset(best.preset)
        whole = renamed(preset, best.found)
        there = set(best.found.values())
        entries = [entry for entry in whole.entries if entry.target in there]
        mapping = ShapeMapping.of_entries(entries, target_range=whole.target_range, name=whole.name, about=whole.about)
        text = f"{preset.name}: {len(best.found)} of {len(preset.driven())} shapes"
        return Automatic(mapping, dict.fromkeys(there, 1.0), text)
    matches = [match for match in match_names(names) if match.score >= GOOD_SCORE]
    if not matches:
        return None
    mapping = ShapeMapping.of_entries([Entry(match.source, match.target) for match in matches], name="By names")
    return Automatic(
        mapping, {match.target: match.score for match in matches}, f"{len(matches)} of {len(SHAPE_NAMES)} by names"
    )


def match_names(names: Sequence[str], sources: Sequence[str] = SHAPE_NAMES) -> list[Match]:
    """Return the likeliest partner of each source among a rig's shapes, each shape once, the surest first."""
    looks = {name: loose(name) for name in names}
    ours = {source: [loose(alias) for alias in aliases(source)] for source in sources}
    pairs = [
        Match(source, name, score)
        for source in sources
        for name in names
        if (score := max(_likeness(look, looks[name]) for look in ours[source])) > _LEAST_SCORE
    ]
    pairs.sort(key=lambda match: -match.score)
    taken: set[str] = set()
    matches = []
    for match in pairs:
        if match.source not in taken and match.target not in taken:
            taken |= {match.source, match.target}
            matches.append(match)
    return matches


@lru_cache(maxsize=256)
def aliases(source: str) -> tuple[str, ...]:
    """Return what others call one of our shapes, its own name first."""
    others = [
        entry.target
        for preset in _ALIAS_PRESETS
        for entry in load_preset(preset).entries
        if entry.source == source and entry.gain == 1 and len(_drivers(preset, entry.target)) == 1
    ]
    return (source, *dict.fromkeys(others))


def _drivers(preset: str, target: str) -> set[str]:
    return {entry.source for entry in load_preset(preset).entries if entry.target == target}


def _likeness(first: tuple[frozenset[str], str], second: tuple[frozenset[str], str]) -> float:
    """Return how alike two names are: the share of common words (Dice), less where only one has a side."""
    (words, side), (others, other_side) = first, second
    if side and other_side and side != other_side:
        return 0.0
    common = 2 * len(words & others) / max(1, len(words) + len(others))
    return common * (1.0 if side == other_side else 0.6)


def _spelled(name: str) -> str:
    """Return a name in small letters without signs, its side as one letter at the end."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    for ending, side in (("left", "l"), ("right", "r")):
        if letters.endswith(ending):
            return letters.removesuffix(ending) + side
    return letters
