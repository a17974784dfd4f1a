"""From a character's properties to the settings of the core, and from a mapping to a character's entries."""

from __future__ import annotations

from typing import Any

from ..core.calibration import Calibration
from ..core.errors import AddonError, MappingError
from ..core.head_pose import HeadConfig, HeadRest
from ..core.mapping import Entry, Points, ShapeMapping
from ..core.performance import PerformanceConfig
from ..core.presence import PresenceConfig
from ..core.smoothing_config import SMOOTHED_REGIONS, SmoothingConfig


def config_of(character: Any) -> PerformanceConfig:
    """Return the settings of a character. Raises AddonError: an entry or a number cannot be."""
    return PerformanceConfig(
        mapping=mapping_of(character),
        smoothing=SmoothingConfig.of({region: getattr(character, f"smooth_{region}") for region in SMOOTHED_REGIONS}),
        calibration=Calibration.from_text(character.calibration),
        head=HeadConfig(
            gains=(character.gain_pitch, character.gain_yaw, character.gain_roll),
            position_gain=character.gain_position,
            depth_gain=character.gain_depth,
            distance_cm=character.distance_cm,
            scale_gain=character.gain_scale,
            forward=character.forward,
            up=character.up,
        ),
        rest=rest_of_character(character),
        presence=PresenceConfig(character.when_lost, character.patience_s, character.ease_s, character.return_s),
        mirror=character.mirror,
    )


def rest_of_character(character: Any) -> HeadRest:
    """Return the head that counts as looking straight ahead."""
    w, x, y, z = character.head_rest_rotation
    across, up = character.head_rest_position
    return HeadRest((w, x, y, z), (across, up), character.head_rest_scale)


def mapping_of(character: Any) -> ShapeMapping:
    """Return a character's entries as a mapping; none is enough where the head moves. Raises MappingError."""
    entries = [entry_of(item) for item in character.entries]
    if not entries and character.head == "NONE":
        raise MappingError(f"{character.name} has no mapping: choose a preset or match the names")
    low, high = character.target_low, character.target_high
    return ShapeMapping.of_entries(entries, target_range=(low, high), name=character.mapping_name)


def entry_of(item: Any) -> Entry:
    """Return one entry. Raises MappingError."""
    return Entry(
        source=item.source,
        target=item.target,
        gain=item.gain,
        offset=item.offset,
        range=(item.low, item.high),
        curve=parse_points(item.points) if item.curve == "points" else item.curve,
        mirror=item.mirror,
        mute=item.mute,
        solo=item.solo,
    )


def parse_points(text: str) -> Points:
    """Return points from a text such as "0,0  0.5,1  1,0". Raises MappingError."""
    try:
        pairs = [tuple(float(number) for number in pair.split(",")) for pair in text.replace(", ", ",").split()]
        return tuple((x, y) for x, y in pairs)
    except ValueError:
        raise MappingError(f"points must be written as 0,0  0.5,1  1,0, got {text!r:.60}") from None


def set_mapping(character: Any, mapping: ShapeMapping, scores: dict[str, float] | None = None) -> None:
    """Replace a character's entries; scores: by target, of an automatic matching."""
    character.entries.clear()
    character.mapping_name = mapping.name
    character.target_low, character.target_high = mapping.target_range
    for entry in mapping.entries:
        add_entry(character, entry, 1.0 if scores is None else scores.get(entry.target, 1.0))
    character.entry_index = 0


def add_entry(character: Any, entry: Entry, score: float = 1.0) -> None:
    """Add an entry at the end of a character's."""
    item = character.entries.add()
    item.name = f"{entry.source} {entry.target}"
    item.source, item.target, item.gain, item.offset = entry.source, entry.target, entry.gain, entry.offset
    item.low, item.high = entry.range
    if isinstance(entry.curve, str):
        item.curve = entry.curve
    else:
        item.curve, item.points = "points", "  ".join(f"{x:g},{y:g}" for x, y in entry.curve)
    item.mirror, item.mute, item.solo, item.score = entry.mirror, entry.mute, entry.solo, score


def problem_of(item: Any) -> str:
    """Return what is wrong with an entry; "" where nothing is."""
    try:
        entry_of(item)
    except AddonError as error:
        return str(error)
    return ""
