"""The 46 FaceWarehouse expressions in their order (FaceWarehouse counts the neutral as 0)."""

from __future__ import annotations

from typing import Final

import numpy as np

BLENDSHAPE_NAMES: Final = (
    "EyeClose_L", "EyeClose_R", "EyeSquint_L", "EyeSquint_R", "EyeLookDown_L", "EyeLookDown_R",
    "EyeLookIn_L", "EyeLookIn_R", "EyeWide_L", "EyeWide_R", "EyeLookOut_L", "EyeLookOut_R",
    "EyeLookUp_L", "EyeLookUp_R", "BrowDown_L", "BrowDown_R", "BrowInnerUp", "BrowOuterUp_L",
    "BrowOuterUp_R", "JawForward", "JawLeft", "JawOpen", "JawRight", "MouthLeft", "MouthRight",
    "MouthFrown_L", "MouthFrown_R", "MouthSmile_L", "MouthSmile_R", "MouthPress_L", "MouthPress_R",
    "MouthStretch_L", "MouthStretch_R", "MouthRollUpper", "MouthRollLower", "MouthUpperUp",
    "MouthLowerDown", "LipLowerDown", "MouthFunnel", "MouthPucker", "MouthShrug", "LipUpperUp",
    "NoseWrinkle", "CheekPuff", "CheekUp_L", "CheekUp_R",
)  # fmt: skip
N_EXPRESSIONS: Final = len(BLENDSHAPE_NAMES)

_SWAPS: Final = {"JawLeft": "JawRight", "MouthLeft": "MouthRight"}


def mirror_name(name: str) -> str:
    """Return the name of the blendshape that `name` becomes in a mirror."""
    both_ways = _SWAPS | {v: k for k, v in _SWAPS.items()}
    if name in both_ways:
        return both_ways[name]
    if name.endswith("_L"):
        return name[:-2] + "_R"
    if name.endswith("_R"):
        return name[:-2] + "_L"
    return name


MIRROR_EXPRESSION: Final = np.array([BLENDSHAPE_NAMES.index(mirror_name(n)) for n in BLENDSHAPE_NAMES])
"""MIRROR_EXPRESSION[i] is the blendshape that i becomes when the picture is flipped."""
