from __future__ import annotations

import pytest

from blender_addon.core.mapping_file import load_preset
from blender_addon.core.name_matching import GOOD_SCORE, match_names, match_presets, renamed, same_name
from blender_addon.core.shapes import SHAPE_NAMES

ARKIT = load_preset("arkit").targets
PRESETS = ("facewarehouse", "arkit", "cc4", "vrm0", "vrm1", "visemes")
SPELLINGS = {
    "camelCase": lambda name: name,
    "PascalCase": lambda name: name[0].upper() + name[1:],
    "sides as letters": lambda name: name.replace("Left", "_L").replace("Right", "_R"),
    "snake_case": lambda name: "".join(f"_{c.lower()}" if c.isupper() else c for c in name),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_arkit_is_found_in_any_spelling(spelling: str) -> None:
    names = ["Basis", *map(SPELLINGS[spelling], ARKIT), "extra"]
    best = match_presets(names, PRESETS)[0]
    assert (best.preset, best.score) == ("arkit", 1.0)
    mapping = renamed(load_preset("arkit"), best.found)
    assert set(mapping.targets) <= set(names)


def test_a_rig_with_half_of_the_shapes_scores_half() -> None:
    half = SHAPE_NAMES[::2]
    best = match_presets(half, PRESETS)[0]
    assert best.preset == "facewarehouse"
    assert best.score == pytest.approx(0.5)
    assert set(best.found.values()) == set(half)


def test_foreign_names_match_nothing() -> None:
    assert all(match.score == 0 for match in match_presets(["Basis", "Muscles", "Fat"], PRESETS))
    assert match_names(["Basis", "Muscles", "Fat"]) == []


def test_same_name_prefers_the_exact_one() -> None:
    assert same_name("JawOpen", ["jawopen", "JawOpen"]) == "JawOpen"
    assert same_name("eyeBlinkLeft", ["EyeBlinkRight", "eye_blink.L"]) == "eye_blink.L"
    assert same_name("jawOpen", ["mouthOpen"]) is None


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("eyeBlinkLeft", "EyeClose_L"),
        ("Eye_Blink_R", "EyeClose_R"),
        ("eyelid_closed.L", "EyeClose_L"),
        ("Mouth Smile Right", "MouthSmile_R"),
        ("FAC_JawOpen", "JawOpen"),
        ("brow_raise_inner", "BrowInnerUp"),
        ("BrowsOuterUp_L", "BrowOuterUp_L"),
        ("cheek_puff", "CheekPuff"),
        ("noseWrinkle", "NoseWrinkle"),
    ],
)
def test_names_that_people_give(name: str, source: str) -> None:
    found = {match.target: match for match in match_names([name, "Basis", "hair_long", "belly"])}
    assert found[name].source == source
    assert found[name].score >= GOOD_SCORE


def test_sides_are_never_mixed_up() -> None:
    found = match_names(["smile_L", "smile_R", "MouthSmile.R"])
    assert {(match.source[-1], match.target[-1]) for match in found if match.source.startswith("MouthSmile")} == {
        ("L", "L"),
        ("R", "R"),
    }


def test_each_shape_is_used_once_and_the_surest_come_first() -> None:
    found = match_names(ARKIT)
    assert len({match.target for match in found}) == len(found) == len({match.source for match in found})
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
    sure = [match for match in found if match.score >= GOOD_SCORE]
    assert len(sure) > 35
