"""Which faces people make: a prior over the 46 expressions of FaceWarehouse, as tables of shapes that go together.

In the tables a name without a side means both sides, nearly alike; `_A` is one side, drawn by lot, and `_B` the other.
`JawAside` and `MouthAside` go to side A. Each shape has a range of coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, N_EXPRESSIONS
from rdr_core.types import Float32

Shapes = Mapping[str, tuple[float, float]]

KINDS: Final = {"calm": 0.31, "emotion": 0.28, "speech": 0.25, "extreme": 0.16}
"""What a face does, and how often: next to nothing, one of `EMOTIONS`, `VISEMES`, or one to three single shapes."""

EMOTIONS: Final[Mapping[str, Shapes]] = {
    "smile": {"MouthSmile": (0.3, 1.0), "CheekUp": (0.1, 0.7), "EyeSquint": (0.0, 0.4), "MouthStretch": (0.0, 0.3)},
    "open smile": {
        "MouthSmile": (0.4, 1.0), "CheekUp": (0.2, 0.9), "EyeSquint": (0.1, 0.6), "MouthUpperUp": (0.1, 0.6),
        "MouthLowerDown": (0.0, 0.4), "JawOpen": (0.0, 0.35), "MouthStretch": (0.0, 0.3),
    },
    "laugh": {
        "MouthSmile": (0.5, 1.0), "JawOpen": (0.3, 0.8), "CheekUp": (0.4, 1.0), "EyeSquint": (0.3, 0.9),
        "EyeClose": (0.0, 0.6), "MouthUpperUp": (0.2, 0.7), "MouthLowerDown": (0.1, 0.6), "NoseWrinkle": (0.0, 0.3),
    },
    "smirk": {"MouthSmile_A": (0.4, 1.0), "MouthStretch_A": (0.1, 0.6), "CheekUp_A": (0.0, 0.6),
              "MouthAside": (0.0, 0.7), "BrowOuterUp_A": (0.0, 0.5)},
    "surprise": {
        "JawOpen": (0.2, 0.9), "EyeWide": (0.4, 1.0), "BrowInnerUp": (0.4, 1.0), "BrowOuterUp": (0.4, 1.0),
        "MouthFunnel": (0.0, 0.3), "LipLowerDown": (0.0, 0.3),
    },
    "anger": {
        "BrowDown": (0.5, 1.0), "EyeSquint": (0.1, 0.6), "EyeWide": (0.0, 0.4), "NoseWrinkle": (0.1, 0.6),
        "MouthPress": (0.2, 0.9), "JawForward": (0.0, 0.5), "MouthFrown": (0.0, 0.5), "MouthShrug": (0.0, 0.4),
    },
    "shout": {
        "BrowDown": (0.4, 1.0), "JawOpen": (0.3, 0.9), "MouthUpperUp": (0.2, 0.8), "MouthLowerDown": (0.3, 0.9),
        "MouthStretch": (0.1, 0.6), "NoseWrinkle": (0.2, 0.8), "EyeSquint": (0.0, 0.6), "LipLowerDown": (0.0, 0.5),
    },
    "sadness": {
        "BrowInnerUp": (0.4, 1.0), "BrowDown": (0.0, 0.3), "MouthFrown": (0.3, 1.0), "MouthShrug": (0.1, 0.7),
        "EyeSquint": (0.0, 0.3), "CheekUp": (0.0, 0.3), "LipLowerDown": (0.0, 0.4),
    },
    "disgust": {
        "NoseWrinkle": (0.5, 1.0), "BrowDown": (0.2, 0.7), "LipUpperUp": (0.3, 1.0), "MouthUpperUp": (0.1, 0.6),
        "EyeSquint": (0.2, 0.7), "MouthFrown": (0.1, 0.5), "MouthShrug": (0.0, 0.4), "CheekUp": (0.1, 0.6),
    },
    "fear": {
        "EyeWide": (0.4, 1.0), "BrowInnerUp": (0.5, 1.0), "BrowOuterUp": (0.1, 0.6), "BrowDown": (0.1, 0.4),
        "MouthStretch": (0.3, 1.0), "JawOpen": (0.05, 0.5), "MouthLowerDown": (0.0, 0.5),
    },
    "grimace": {
        "MouthStretch": (0.4, 1.0), "MouthUpperUp": (0.2, 0.6), "MouthLowerDown": (0.3, 0.9), "EyeSquint": (0.2, 0.8),
        "NoseWrinkle": (0.0, 0.5), "BrowDown": (0.0, 0.6), "LipLowerDown": (0.2, 0.8),
    },
    "kiss": {"MouthPucker": (0.5, 1.0), "MouthFunnel": (0.0, 0.3), "EyeSquint": (0.0, 0.3), "LipUpperUp": (0.0, 0.3)},
    "pout": {"MouthShrug": (0.4, 1.0), "MouthFrown": (0.2, 0.7), "BrowDown": (0.0, 0.5), "JawForward": (0.1, 0.7),
             "MouthPucker": (0.0, 0.3)},
    "full cheeks": {"CheekPuff": (0.5, 1.0), "MouthPress": (0.1, 0.5), "MouthPucker": (0.0, 0.4)},
    "mouth aside": {"MouthAside": (0.4, 1.0), "JawAside": (0.1, 1.0), "MouthPress": (0.0, 0.5),
                    "MouthPucker": (0.0, 0.5), "BrowDown_A": (0.0, 0.5)},
    "chewing": {"JawAside": (0.4, 1.0), "MouthAside": (0.0, 0.8), "JawOpen": (0.0, 0.3),
                "CheekPuff": (0.0, 0.5), "MouthPress": (0.0, 0.3)},
    "biting a lip": {"MouthRollLower": (0.4, 1.0), "MouthRollUpper": (0.0, 0.7), "BrowDown": (0.0, 0.4)},
    "sneer": {"MouthUpperUp": (0.1, 0.5), "NoseWrinkle": (0.2, 0.7), "MouthSmile_A": (0.1, 0.5),
              "EyeSquint_A": (0.2, 0.7), "LipUpperUp": (0.2, 0.8), "BrowDown_A": (0.1, 0.6)},
    "yawn": {"JawOpen": (0.7, 1.0), "EyeClose": (0.4, 1.0), "BrowInnerUp": (0.1, 0.5), "NoseWrinkle": (0.1, 0.4),
             "MouthStretch": (0.0, 0.4)},
    "underbite": {"JawForward": (0.4, 1.0), "MouthLowerDown": (0.0, 0.5), "BrowDown": (0.0, 0.6)},
}  # fmt: skip

VISEMES: Final[Mapping[str, Shapes]] = {
    "aa": {"JawOpen": (0.3, 0.8), "MouthLowerDown": (0.1, 0.4), "MouthUpperUp": (0.0, 0.2)},
    "eh": {"JawOpen": (0.15, 0.5), "MouthStretch": (0.1, 0.4), "MouthSmile": (0.0, 0.3), "MouthLowerDown": (0.1, 0.4)},
    "ee": {"MouthSmile": (0.2, 0.6), "MouthStretch": (0.1, 0.5), "MouthLowerDown": (0.2, 0.6),
           "MouthUpperUp": (0.1, 0.4), "JawOpen": (0.0, 0.2)},
    "oh": {"MouthFunnel": (0.4, 0.9), "JawOpen": (0.2, 0.5), "MouthPucker": (0.1, 0.4)},
    "oo": {"MouthPucker": (0.3, 0.9), "MouthFunnel": (0.2, 0.6), "JawOpen": (0.0, 0.25)},
    "mbp": {"MouthPress": (0.2, 0.8), "MouthRollUpper": (0.1, 0.7), "MouthRollLower": (0.1, 0.6)},
    "fv": {"MouthRollLower": (0.3, 0.9), "MouthUpperUp": (0.1, 0.5), "LipUpperUp": (0.1, 0.5), "JawOpen": (0.0, 0.15)},
    "th": {"JawOpen": (0.1, 0.3), "MouthLowerDown": (0.2, 0.5), "MouthUpperUp": (0.0, 0.2)},
    "l": {"JawOpen": (0.15, 0.4), "MouthUpperUp": (0.1, 0.3), "MouthLowerDown": (0.1, 0.4)},
    "s": {"MouthStretch": (0.1, 0.4), "MouthLowerDown": (0.2, 0.6), "MouthUpperUp": (0.1, 0.4),
          "LipLowerDown": (0.1, 0.5), "JawForward": (0.0, 0.3)},
    "sh": {"MouthFunnel": (0.3, 0.8), "MouthUpperUp": (0.1, 0.3), "LipLowerDown": (0.1, 0.6),
           "JawForward": (0.0, 0.4), "MouthPucker": (0.0, 0.3)},
    "r": {"MouthFunnel": (0.1, 0.4), "MouthPucker": (0.1, 0.5), "LipUpperUp": (0.1, 0.5), "JawOpen": (0.0, 0.2)},
    "rest": {"MouthPress": (0.0, 0.2), "JawOpen": (0.0, 0.05)},
}  # fmt: skip

BROWS: Final[Mapping[str, Shapes]] = {
    "raised": {"BrowInnerUp": (0.2, 0.9), "BrowOuterUp": (0.2, 1.0), "EyeWide": (0.0, 0.4)},
    "knitted": {"BrowDown": (0.2, 0.9), "EyeSquint": (0.0, 0.4)},
    "worried": {"BrowInnerUp": (0.3, 0.9), "BrowDown": (0.0, 0.3)},
    "one raised": {"BrowOuterUp_A": (0.4, 1.0), "BrowInnerUp": (0.0, 0.3), "BrowDown_B": (0.0, 0.6)},
    "eyes narrowed": {"EyeSquint": (0.3, 1.0), "CheekUp": (0.0, 0.4)},
}
"""Laid over a face that speaks or is calm."""
_BROWS_SHARE: Final = {"calm": 0.15, "emotion": 0.0, "speech": 0.4, "extreme": 0.0}

LIDS: Final[Mapping[str, tuple[float, Shapes]]] = {
    "closed": (0.085, {"EyeClose": (1.0, 1.15)}),
    "half closed": (0.045, {"EyeClose": (0.35, 0.85)}),
    "wink": (0.03, {"EyeClose_A": (0.6, 1.0), "CheekUp_A": (0.2, 0.9), "EyeSquint_A": (0.1, 0.6),
                    "EyeSquint_B": (0.0, 0.4), "MouthSmile_A": (0.0, 0.6)}),
}  # fmt: skip
"""Blinks and winks, with how often they come on top of whatever else the face does. (Over 1 is cut: shut for sure.)"""

GIVES_WAY: Final = (
    ("EyeClose", "EyeWide", 2.0),
    ("EyeSquint", "EyeWide", 0.7),
    ("JawOpen", "MouthPress", 2.0),
    ("JawOpen", "MouthRollUpper", 0.8),
    ("JawOpen", "MouthRollLower", 0.8),
    ("JawOpen", "MouthShrug", 0.8),
    ("JawOpen", "CheekPuff", 2.0),
    ("JawOpen", "JawForward", 0.4),
    ("MouthFunnel", "MouthPress", 0.8),
    ("MouthFunnel", "MouthRollUpper", 0.8),
    ("MouthFunnel", "MouthRollLower", 0.8),
    ("MouthFunnel", "MouthSmile", 1.0),
    ("MouthPucker", "MouthSmile", 1.0),
    ("MouthPucker", "MouthStretch", 1.0),
    ("MouthPress", "MouthUpperUp", 0.7),
    ("MouthPress", "MouthLowerDown", 0.7),
    ("MouthSmile", "MouthFrown", 1.5),
    ("BrowDown", "BrowOuterUp", 0.7),
    ("BrowOuterUp", "BrowDown", 0.3),
    ("JawLeft", "JawRight", 2.0),
    ("MouthLeft", "MouthRight", 2.0),
)
"""What does not go with what: the second loses that many times the first's coefficient as a share of its own."""

_LID_TRAVEL: Final = {"EyeLookDown": 0.45, "EyeSquint": 0.21, "CheekUp": 0.25}
"""By how much each shape narrows the gap between the lids, where EyeClose alone closes it."""
_LID_OPENING: Final = {"EyeWide": 0.25, "EyeLookUp": 0.2}
_LID_FOLLOWS_GAZE: Final = 0.25
"""How far the upper lid comes down with an eye that looks down, beyond what the look shape does itself."""

_INDEX: Final = {name: k for k, name in enumerate(BLENDSHAPE_NAMES)}
_SIDES: Final = ("L", "R")
_SINGLES: Final = tuple(dict.fromkeys(name.removesuffix("_L").removesuffix("_R") for name in BLENDSHAPE_NAMES))


def sample_expression(rng: np.random.Generator) -> Float32:
    """Draw alpha_exp (46,) float32 in [0, 1], FaceWarehouse order."""
    face = np.zeros(N_EXPRESSIONS)
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    if kind == "emotion":
        _lay_over(rng, face, _pick(rng, EMOTIONS))
    elif kind == "speech":
        for share in rng.dirichlet([1.0, 1.0]):  # on the way from one sound to the next
            face += share * _lay_over(rng, np.zeros(N_EXPRESSIONS), _pick(rng, VISEMES))
    elif kind == "extreme":
        for _ in range(rng.integers(1, 4)):
            _lay_over(rng, face, _single(rng))
    if rng.random() < _BROWS_SHARE[kind]:
        _lay_over(rng, face, _pick(rng, BROWS))
    face += rng.exponential(0.02, N_EXPRESSIONS)  # no face is quite at rest
    _move_eyes(rng, face)
    shares = [share for share, _ in LIDS.values()]
    lids = rng.choice(len(LIDS) + 1, p=[*shares, 1 - sum(shares)])
    if lids < len(LIDS):
        _lay_over(rng, face, list(LIDS.values())[lids][1])
    return np.clip(_possible(np.clip(face, 0, 1)), 0, 1).astype(np.float32)


def _pick(rng: np.random.Generator, table: Mapping[str, Shapes]) -> Shapes:
    return list(table.values())[rng.integers(len(table))]


def _single(rng: np.random.Generator) -> Shapes:
    """One shape alone, as far as it goes; of a pair both sides or one."""
    name = _SINGLES[rng.integers(len(_SINGLES))]
    if name not in _INDEX and rng.random() < 0.4:
        name += "_A"
    return {name: (0.3, 1.15)}  # beyond 1 is cut: one in six goes all the way


def _columns(name: str, side: int) -> list[int]:
    """Return the shapes that a name of the tables means, with `side` as side A."""
    if name.endswith("Aside"):
        return [_INDEX[name.removesuffix("Aside") + ("Left", "Right")[side]]]
    if name[-2:] in ("_A", "_B"):
        return [_INDEX[name[:-1] + _SIDES[side if name.endswith("A") else 1 - side]]]
    return [_INDEX[name]] if name in _INDEX else [_INDEX[f"{name}_{letter}"] for letter in _SIDES]


def _lay_over(rng: np.random.Generator, face: np.ndarray, shapes: Shapes) -> np.ndarray:
    """Raise the shapes of `face` (46,) in place to draws from their ranges, stronger and weaker together."""
    side, together = int(rng.integers(2)), rng.random()
    for name, (low, high) in shapes.items():
        value = low + (high - low) * (0.6 * together + 0.4 * rng.random())
        for column in _columns(name, side):
            face[column] = max(face[column], value * (1 + rng.normal(0, 0.07)))
    return face


def _move_eyes(rng: np.random.Generator, face: np.ndarray) -> None:
    """Turn both eyes to one point, sometimes a near one, and let the lids follow."""
    spread = 0.12 if rng.random() < 0.45 else 0.55
    left, up = np.clip(rng.normal([0.0, -0.05], [spread, spread]), -1, 1)
    inward = rng.choice([0.0, rng.uniform(0, 0.15), rng.uniform(0.2, 0.8)], p=[0.5, 0.45, 0.05])
    for letter, outward in zip(_SIDES, (left - inward, -left - inward), strict=True):
        outward, height = np.array([outward, up]) + rng.normal(0, 0.02, 2)
        looks = {"Out": outward, "In": -outward, "Up": height, "Down": -height}
        for direction, value in looks.items():
            face[_INDEX[f"EyeLook{direction}_{letter}"]] = np.clip(value, 0, 1)
        lid = _INDEX[f"EyeClose_{letter}"]
        face[lid] = max(face[lid], _LID_FOLLOWS_GAZE * np.clip(-height, 0, 1))


def _conflicts() -> Iterator[tuple[int, int, float]]:
    """Yield `GIVES_WAY` by column: left with left and right with right, what has no side with all."""
    for first, second, share in GIVES_WAY:
        for strong in _columns(first, 0):
            for weak in _columns(second, 0):
                if {BLENDSHAPE_NAMES[k][-2:] for k in (strong, weak)} != {"_L", "_R"}:
                    yield strong, weak, share


_CONFLICTS: Final = tuple(_conflicts())


def _possible(face: np.ndarray) -> np.ndarray:
    """Take back in `face` (46,), in place, what a face cannot do at once."""
    for strong, weak, share in _CONFLICTS:
        face[weak] *= max(0.0, 1 - share * face[strong])
    for letter in _SIDES:  # lids that have met go no further
        room = 1 - face[_INDEX[f"EyeClose_{letter}"]]
        room += sum(share * face[_INDEX[f"{name}_{letter}"]] for name, share in _LID_OPENING.items())
        asked = sum(share * face[_INDEX[f"{name}_{letter}"]] for name, share in _LID_TRAVEL.items())
        for name in _LID_TRAVEL if asked > room else ():
            face[_INDEX[f"{name}_{letter}"]] *= room / asked
    return face
