"""What a mapping can drive, written as a name.

    JawOpen                  shape key of that name, on every mesh of the character that has it
    bone:jaw_master:rot_x    turn of a bone about an axis of its rest pose, radians
    bone:brow.T.L:loc_z      shift along an axis of its rest pose, in lengths of the bone
    bone:head:scale_y        growth along an axis: 0 is its own size, 1 twice as large
    prop:smile               custom property of the rig
    prop:head:smile          custom property of a bone of the rig

Names of bones may hold colons (mixamorig:Head).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from .errors import MappingError

Kind = Literal["shape", "bone", "property"]
CHANNELS: Final = tuple(f"{what}_{axis}" for what in ("loc", "rot", "scale") for axis in "xyz")
_BONE: Final = "bone:"
_PROPERTY: Final = "prop:"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is driven."""

    kind: Kind
    name: str
    """Of the shape key or the custom property; "" for a bone."""
    bone: str = ""
    channel: str = ""
    """One of CHANNELS, for a bone."""

    @property
    def axis(self) -> int:
        """0, 1, 2 for x, y, z of a bone's channel."""
        return "xyz".index(self.channel[-1])


def parse_target(text: str) -> Target:
    """Return what a target's name means. Raises MappingError."""
    if text.startswith(_BONE):
        bone, _, channel = text.removeprefix(_BONE).rpartition(":")
        if not bone or channel not in CHANNELS:
            raise MappingError(
                f"a bone is written bone:NAME:CHANNEL, CHANNEL one of {', '.join(CHANNELS)}, got {text!r}"
            )
        return Target("bone", "", bone, channel)
    if text.startswith(_PROPERTY):
        bone, _, name = text.removeprefix(_PROPERTY).rpartition(":")
        if not name:
            raise MappingError(f"a property is written prop:NAME or prop:BONE:NAME, got {text!r}")
        return Target("property", name, bone)
    return Target("shape", text)
