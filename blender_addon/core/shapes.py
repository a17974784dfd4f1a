"""The 46 FaceWarehouse expressions in the order of the wire, and the regions of the face that they belong to."""

from __future__ import annotations

from typing import Final

SHAPE_NAMES: Final = (
    "EyeClose_L", "EyeClose_R", "EyeSquint_L", "EyeSquint_R", "EyeLookDown_L", "EyeLookDown_R",
    "EyeLookIn_L", "EyeLookIn_R", "EyeWide_L", "EyeWide_R", "EyeLookOut_L", "EyeLookOut_R",
    "EyeLookUp_L", "EyeLookUp_R", "BrowDown_L", "BrowDown_R", "BrowInnerUp", "BrowOuterUp_L",
    "BrowOuterUp_R", "JawForward", "JawLeft", "JawOpen", "JawRight", "MouthLeft", "MouthRight",
    "MouthFrown_L", "MouthFrown_R", "MouthSmile_L", "MouthSmile_R", "MouthPress_L", "MouthPress_R",
    "MouthStretch_L", "MouthStretch_R", "MouthRollUpper", "MouthRollLower", "MouthUpperUp",
    "MouthLowerDown", "LipLowerDown", "MouthFunnel", "MouthPucker", "MouthShrug", "LipUpperUp",
    "NoseWrinkle", "CheekPuff", "CheekUp_L", "CheekUp_R",
)  # fmt: skip
N_SHAPES: Final = len(SHAPE_NAMES)

_PREFIXES: Final = {
    "brows": ("Brow",),
    "eyes": ("Eye",),
    "mouth": ("Mouth", "Lip", "Cheek", "Nose"),
    "jaw": ("Jaw",),
}
REGIONS: Final = {
    region: tuple(i for i, name in enumerate(SHAPE_NAMES) if name.startswith(prefixes))
    for region, prefixes in _PREFIXES.items()
}
"""Region -> indices into alpha_exp; each of the 46 in one region."""

_SIDES: Final = (("Left", "Right"), ("_L", "_R"), (".L", ".R"), ("_l", "_r"))


def mirrored_name(name: str) -> str:
    """Return the name of the shape that `name` becomes in a mirror: the other side's, or its own."""
    for left, right in _SIDES:
        if name.endswith(left):
            return name.removesuffix(left) + right
        if name.endswith(right):
            return name.removesuffix(right) + left
    return name


MIRROR: Final = tuple(SHAPE_NAMES.index(mirrored_name(name)) for name in SHAPE_NAMES)
"""MIRROR[i] is the shape that i becomes in a mirror."""
