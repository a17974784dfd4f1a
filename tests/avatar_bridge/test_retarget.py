from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.errors import MappingError
from avatar_bridge.mapping_file import load_preset, parse_mapping, preset_names
from avatar_bridge.retarget import CURVES, Entry, Retargeter, ShapeMapping, evaluate_curve, mirrored_name
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, mirror_name

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "retarget.json").read_text(encoding="utf-8"))
ARKIT = load_preset("arkit").targets
FORWARD = ("arkit", "vrm0", "vrm1", "visemes")


def one(value: float, **entry: Any) -> float:
    """What a mapping with one entry makes of a source's value."""
    mapping = ShapeMapping(("t",), (Entry("s", "t", **entry),), target_range=(-10, 10))
    return float(Retargeter(mapping, ["s"])(np.array([value]))[0])


def pose(**values: float) -> np.ndarray:
    """FaceWarehouse coefficients; a name without a side sets both."""
    weights = np.zeros(46)
    for name, value in values.items():
        for full in [name] if name in BLENDSHAPE_NAMES else [f"{name}_L", f"{name}_R"]:
            weights[BLENDSHAPE_NAMES.index(full)] = value
    return weights


def driven(preset: str, weights: np.ndarray) -> dict[str, float]:
    mapping = load_preset(preset)
    return dict(zip(mapping.targets, Retargeter(mapping, BLENDSHAPE_NAMES)(weights).tolist(), strict=True))


def test_one_entry_by_hand() -> None:
    assert one(0.3) == pytest.approx(0.3)
    assert one(0.3, gain=2, offset=0.1) == pytest.approx(0.7)
    assert one(0.3, range=(0.2, 0.6)) == pytest.approx(0.25)
    assert one(0.1, range=(0.2, 0.6)) == 0
    assert one(0.9, range=(0.2, 0.6), gain=1.5) == pytest.approx(1.5)
    assert one(0.7, range=(0.8, 0.3)) == pytest.approx(0.2)
    assert one(0.25, curve="smooth") == pytest.approx(0.15625)
    assert one(0.25, curve="ease_in") == pytest.approx(0.0625)
    assert one(0.25, curve="ease_out") == pytest.approx(0.4375)
    assert one(0.25, curve=((0, 0), (0.5, 1), (1, 0))) == pytest.approx(0.5)
    assert one(0.0, curve=((0.1, 0.5), (0.4, 1))) == pytest.approx(0.5)


def test_entries_of_a_target_are_added_then_clipped() -> None:
    entries = (Entry("a", "t", gain=0.8), Entry("b", "t", gain=0.8), Entry("a", "u", gain=-1.0), Entry("a", "v"))
    retarget = Retargeter(ShapeMapping(("t", "u", "v", "w"), entries), ["b", "a"])
    np.testing.assert_allclose(retarget(np.array([0.5, 0.25])), [0.6, 0, 0.25, 0], atol=1e-6)
    np.testing.assert_allclose(retarget(np.array([[1.0, 1.0], [0, 0]])), [[1, 0, 1, 0], [0, 0, 0, 0]], atol=1e-6)
    assert retarget(np.zeros((2, 5, 2))).shape == (2, 5, 4)
    assert retarget(np.zeros(2)).dtype == np.float32
    with pytest.raises(MappingError, match=r"expected coefficients of shape \(\.\.\., 2\), got \(3,\)"):
        retarget(np.zeros(3))


def test_mirror_reads_the_other_side() -> None:
    mapping = ShapeMapping(("smile",), (Entry("MouthSmile_L", "smile", mirror=True),))
    assert mapping.sources() == ("MouthSmile_R",)
    assert Retargeter(mapping, ["MouthSmile_L", "MouthSmile_R"])(np.array([0.2, 0.7]))[0] == pytest.approx(0.7)


def test_mirrored_names_are_those_of_the_face_model() -> None:
    assert [mirrored_name(name) for name in BLENDSHAPE_NAMES] == [mirror_name(name) for name in BLENDSHAPE_NAMES]
    for preset in preset_names():
        targets = load_preset(preset).targets
        assert {mirrored_name(name) for name in targets} == set(targets)
        assert all(mirrored_name(mirrored_name(name)) == name for name in targets)


@given(
    st.lists(st.floats(-2, 3), min_size=2, max_size=2),
    st.floats(-5, 5),
    st.floats(-5, 5),
    st.sampled_from([*CURVES, ((0.0, 0.0), (0.3, 1.0), (1.0, -1.0))]),
    st.tuples(st.floats(-1, 2), st.floats(-1, 2)).filter(lambda r: abs(r[0] - r[1]) > 0.01),
)
def test_any_entry_is_the_formula(
    values: list[float], gain: float, offset: float, curve: Any, limits: tuple[float, float]
) -> None:
    mapping = ShapeMapping(("t", "u"), (Entry("a", "t", gain, offset, limits, curve), Entry("b", "u", gain)))
    low, high = limits
    unit = min(max((values[0] - low) / (high - low), 0), 1)
    expected = offset + gain * float(evaluate_curve(curve, np.array(unit)))
    found = Retargeter(mapping, ["a", "b"])(np.array(values))
    assert found[0] == pytest.approx(min(max(expected, 0), 1), abs=1e-5)
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("case", GOLDEN["mappings"] + GOLDEN["presets"], ids=lambda c: c.get("preset", "everything"))
def test_golden(case: dict[str, Any]) -> None:
    mapping = parse_mapping(case["mapping"], "golden") if "mapping" in case else load_preset(case["preset"])
    retarget = Retargeter(mapping, case["sources"])
    for item in case["cases"]:
        np.testing.assert_allclose(retarget(np.array(item["in"])), item["out"], atol=1e-5)


@pytest.mark.parametrize("preset", FORWARD)
def test_a_mirrored_face_drives_the_other_side(preset: str) -> None:
    mapping = load_preset(preset)
    retarget = Retargeter(mapping, BLENDSHAPE_NAMES)
    weights = np.random.default_rng(1).random((20, 46))
    mirrored = weights[:, [BLENDSHAPE_NAMES.index(mirrored_name(name)) for name in BLENDSHAPE_NAMES]]
    back = [mapping.targets.index(mirrored_name(name)) for name in mapping.targets]
    np.testing.assert_allclose(retarget(mirrored), retarget(weights)[:, back], atol=1e-6)


@pytest.mark.parametrize("preset", ["arkit", "vrm0", "vrm1"])
def test_a_face_at_rest_moves_nothing(preset: str) -> None:
    assert not any(driven(preset, pose()).values())


def test_arkit_uses_every_source_and_what_has_one() -> None:
    mapping = load_preset("arkit")
    assert len(mapping.targets) == 52
    assert set(mapping.sources()) == set(BLENDSHAPE_NAMES)
    assert set(mapping.targets) - {entry.target for entry in mapping.entries} == {
        "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "tongueOut",
    }  # fmt: skip


def test_arkit_means_the_same() -> None:
    face = driven("arkit", pose(EyeClose_L=1, JawLeft=0.4, MouthUpperUp=0.6, CheekUp_R=0.3, LipUpperUp=0.2))
    assert {name: round(value, 6) for name, value in face.items() if value} == {
        "eyeBlinkLeft": 1, "jawLeft": 0.4, "mouthUpperUpLeft": 0.6, "mouthUpperUpRight": 0.6, "cheekSquintRight": 0.3,
        "mouthShrugUpper": 0.2,
    }  # fmt: skip


@given(st.lists(st.floats(0, 1), min_size=46, max_size=46))
def test_arkit_and_back_is_the_same_face(values: list[float]) -> None:
    weights = np.array(values)
    weights[BLENDSHAPE_NAMES.index("LipLowerDown")] = 0  # has no twin in ARKit
    there = Retargeter(load_preset("arkit"), BLENDSHAPE_NAMES)(weights)
    back = Retargeter(load_preset("arkit_to_facewarehouse"), ARKIT)(there)
    np.testing.assert_allclose(back, weights, atol=1e-6)


def test_a_mouth_closed_over_an_open_jaw_stays_closed() -> None:
    weights = np.zeros(52)
    weights[[ARKIT.index("jawOpen"), ARKIT.index("mouthClose")]] = 0.5
    assert not Retargeter(load_preset("arkit_to_facewarehouse"), ARKIT)(weights).any()


VISEMES = {
    "sil": pose(),
    "PP": pose(MouthPress=0.25, MouthRollUpper=0.2, MouthRollLower=0.2),
    "FF": pose(MouthRollLower=0.3, MouthUpperUp=0.18),
    "DD": pose(JawOpen=0.12, MouthLowerDown=0.18, MouthUpperUp=0.06),
    "CH": pose(MouthFunnel=0.3, JawOpen=0.07),
    "SS": pose(MouthStretch=0.25, MouthLowerDown=0.15, JawOpen=0.05),
    "RR": pose(MouthPucker=0.22, MouthFunnel=0.1, JawOpen=0.1),
    "aa": pose(JawOpen=0.38),
    "E": pose(JawOpen=0.2, MouthStretch=0.24, MouthUpperUp=0.1),
    "ih": pose(JawOpen=0.11, MouthStretch=0.25, MouthLowerDown=0.1),
    "oh": pose(JawOpen=0.28, MouthFunnel=0.27),
    "ou": pose(MouthPucker=0.42, JawOpen=0.1, MouthFunnel=0.1),
}
"""Mouths of sounds, as strong as people speak: jaws open to 0.3, lips move less."""


@pytest.mark.parametrize("sound", VISEMES)
def test_a_sound_shows_its_viseme(sound: str) -> None:
    face = driven("visemes", VISEMES[sound])
    assert max(face, key=lambda name: face[name]) == sound
    assert face[sound] > 0.65


@pytest.mark.parametrize("names", [("aa", "ih", "ou", "ee", "oh"), ("A", "I", "U", "E", "O")], ids=["vrm1", "vrm0"])
def test_a_vowel_shows_in_vrm(names: tuple[str, ...]) -> None:
    preset = "vrm1" if "aa" in names else "vrm0"
    for name, sound in zip(names, ("aa", "ih", "ou", "E", "oh"), strict=True):
        face = {vowel: driven(preset, VISEMES[sound])[vowel] for vowel in names}
        assert max(face, key=lambda vowel: face[vowel]) == name
        assert face[name] > 0.65


def test_the_noise_of_a_face_at_rest_says_nothing() -> None:
    """Tracked faces at rest read 0.02 to 0.06 in mouth, jaw and brows."""
    noise = np.random.default_rng(0).uniform(0, 0.055, (50, 46))
    mapping = load_preset("visemes")
    shown = Retargeter(mapping, BLENDSHAPE_NAMES)(noise)
    assert shown[:, mapping.targets.index("sil")].min() > 0.9
    assert np.delete(shown, mapping.targets.index("sil"), axis=1).max() < 0.1
    for preset in ("vrm0", "vrm1"):
        mapping = load_preset(preset)
        quiet = [index for index, name in enumerate(mapping.targets) if not name.lower().startswith("look")]
        assert Retargeter(mapping, BLENDSHAPE_NAMES)(noise)[:, quiet].max() < 0.05


def test_vrm_looks_blinks_and_feels() -> None:
    face = driven("vrm1", pose(EyeLookOut_L=1, EyeLookIn_R=1, EyeClose_R=0.9, MouthSmile=0.9))
    assert face["lookLeft"] == pytest.approx(1)
    assert face["lookRight"] == face["blink"] == face["blinkLeft"] == 0
    assert face["blinkRight"] == pytest.approx(1)
    assert face["happy"] == pytest.approx(1)
    face = driven("vrm0", pose(MouthFrown=1, BrowInnerUp=1, EyeLookDown=0.5))
    assert face["Sorrow"] == pytest.approx(1)
    assert face["LookDown"] == pytest.approx(0.5)
    assert face["Joy"] == face["Angry"] == 0


def test_unknown_sources_are_named() -> None:
    mapping = ShapeMapping(("t",), (Entry("MouthSmil_L", "t"),))
    with pytest.raises(MappingError, match=r"'MouthSmil_L' -> 't': there is no 'MouthSmil_L': did you mean 'MouthSm"):
        Retargeter(mapping, BLENDSHAPE_NAMES)
