from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import MappingError
from blender_addon.core.mapping import CURVES, Entry, Retargeter, ShapeMapping
from blender_addon.core.mapping_file import (
    PRESETS,
    load_preset,
    parse_mapping,
    preset_names,
    read_mapping,
    to_json,
    write_mapping,
)
from blender_addon.core.shapes import SHAPE_NAMES
from blender_addon.core.targets import parse_target

GOLDEN = Path(__file__).parents[2] / "golden" / "retarget.json"
PROGRAMS_PRESETS = Path(__file__).parents[3] / "avatar_bridge" / "presets"


def one(value: float, **entry: Any) -> float:
    """What a mapping with one entry makes of a source's value."""
    mapping = ShapeMapping(("t",), (Entry("s", "t", **entry),), target_range=(-10, 10))
    return float(Retargeter(mapping, ["s"])(np.array([value]))[0])


def test_one_entry_by_hand() -> None:
    assert one(0.3, gain=2, offset=0.1) == pytest.approx(0.7)
    assert one(0.3, range=(0.2, 0.6)) == pytest.approx(0.25)
    assert one(0.7, range=(0.8, 0.3)) == pytest.approx(0.2)
    assert one(0.25, curve="smooth") == pytest.approx(0.15625)
    assert one(0.25, curve=((0, 0), (0.5, 1), (1, 0))) == pytest.approx(0.5)
    assert one(9.0, gain=-3) == -3


def test_mute_and_solo() -> None:
    def driven(*entries: Entry) -> list[float]:
        mapping = ShapeMapping(("t", "u"), entries)
        values: list[float] = Retargeter(mapping, ["a", "b"])(np.array([0.5, 0.25])).tolist()
        return values

    a, b = Entry("a", "t"), Entry("b", "u")
    assert driven(a, b) == [0.5, 0.25]
    assert driven(a, Entry("b", "u", mute=True)) == [0.5, 0]
    assert driven(a, Entry("b", "u", solo=True)) == [0, 0.25]
    assert driven(a, Entry("b", "u", solo=True, mute=True)) == [0.5, 0]
    assert ShapeMapping(("t", "u"), (a, Entry("b", "u", mute=True))).driven() == ("t",)


def test_a_mirrored_entry_reads_the_other_side() -> None:
    mapping = ShapeMapping.of_entries([Entry("MouthSmile_L", "smile", mirror=True)])
    weights = np.zeros(46)
    weights[SHAPE_NAMES.index("MouthSmile_R")] = 0.75
    assert Retargeter(mapping, SHAPE_NAMES)(weights).tolist() == [0.75]


@pytest.mark.skipif(not GOLDEN.exists(), reason="tests/golden/retarget.json comes with rdr convert")
def test_the_golden_values_of_the_program() -> None:
    for case in json.loads(GOLDEN.read_text(encoding="utf-8"))["mappings"]:
        retarget = Retargeter(parse_mapping(case["mapping"], "golden"), case["sources"])
        for values in case["cases"]:
            np.testing.assert_allclose(retarget(np.array(values["in"])), values["out"], atol=1e-5)


@pytest.mark.skipif(not PROGRAMS_PRESETS.is_dir(), reason="avatar_bridge/presets comes with rdr convert")
def test_presets_that_the_program_has_too_are_the_same() -> None:
    shared = {path.name for path in PROGRAMS_PRESETS.glob("*.json")} & {path.name for path in PRESETS.glob("*.json")}
    assert {"arkit.json", "arkit_to_facewarehouse.json", "visemes.json", "vrm0.json", "vrm1.json"} <= shared
    for name in shared:
        assert (PRESETS / name).read_text(encoding="utf-8") == (PROGRAMS_PRESETS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_whole(name: str) -> None:
    mapping = load_preset(name)
    assert mapping.name
    assert mapping.about
    sources = load_preset("arkit").targets if name == "arkit_to_facewarehouse" else SHAPE_NAMES
    rest = Retargeter(mapping, sources)(np.zeros(len(sources)))
    drawn = Retargeter(mapping, sources)(np.ones(len(sources)))
    assert (drawn != rest).sum() > 3
    for target in mapping.targets:
        parse_target(target)


def test_facewarehouse_drives_itself() -> None:
    weights = np.random.default_rng(1).uniform(0, 1, 46).astype(np.float32)
    np.testing.assert_array_equal(Retargeter(load_preset("facewarehouse"), SHAPE_NAMES)(weights), weights)


def test_cc4_is_as_strong_as_arkit() -> None:
    weights = np.random.default_rng(2).uniform(0, 1, (20, 46))
    arkit, cc4 = (Retargeter(load_preset(name), SHAPE_NAMES) for name in ("arkit", "cc4"))
    smile = arkit(weights)[:, arkit.mapping.targets.index("mouthSmileLeft")]
    np.testing.assert_array_equal(cc4(weights)[:, cc4.mapping.targets.index("Mouth_Smile_L")], smile)


ENTRIES = st.builds(
    Entry,
    source=st.sampled_from(SHAPE_NAMES),
    target=st.sampled_from(["jaw", "bone:head:rot_x", 'prop:"', "Mund öffnen"]),
    gain=st.floats(-100, 100),
    offset=st.floats(-100, 100),
    range=st.sampled_from([(0.0, 1.0), (0.9, 0.1)]),
    curve=st.sampled_from([*CURVES, ((0.0, 0.5), (0.5, 1.0))]),
    mirror=st.booleans(),
    mute=st.booleans(),
    solo=st.booleans(),
)


@given(st.lists(ENTRIES, min_size=1, max_size=5))
def test_files_hold_all(entries: list[Entry]) -> None:
    mapping = ShapeMapping.of_entries(entries, target_range=(-1, 2), name="n", about='a "quoted" one')
    assert parse_mapping(json.loads(to_json(mapping)), "text") == mapping


def test_a_file_is_written_and_read(tmp_path: Path) -> None:
    mapping = load_preset("arkit")
    write_mapping(tmp_path / "a.json", mapping)
    assert read_mapping(tmp_path / "a.json") == mapping
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert "mute" not in (tmp_path / "a.json").read_text(encoding="utf-8")


def document(**changes: Any) -> dict[str, Any]:
    entries = [{"source": "JawOpen", "target": "jaw"}]
    return {"format": "rdr-retarget", "version": 1, "targets": ["jaw"], "entries": entries} | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "x"}, "rdr-retarget"),
        ({"version": 2}, "version"),
        ({"colour": 1}, "colour"),
        ({"targets": []}, "1 to 4096 targets"),
        ({"targets": ["jaw", "jaw"]}, "'jaw' twice"),
        ({"entries": {}}, "list"),
        ({"entries": [5]}, "entry 1"),
        ({"entries": [{"source": "JawOpen"}]}, "lacks target"),
        ({"entries": [{"source": "JawOpen", "target": "jew"}]}, "did you mean 'jaw'"),
        ({"entries": [{"source": "JawOpen", "target": "jaw", "gian": 1}]}, "did you mean 'gain'"),
        ({"entries": [{"source": "JawOpen", "target": "jaw", "gain": True}]}, "gain"),
        ({"entries": [{"source": "JawOpen", "target": "jaw", "gain": 1e9}]}, "gain"),
        ({"entries": [{"source": "JawOpen", "target": "jaw", "mute": 1}]}, "mute"),
        ({"entries": [{"source": "JawOpen", "target": "jaw", "range": [0.5, 0.5]}]}, "wide"),
        ({"entries": [{"source": "JawOpen", "target": "jaw", "curve": "cubic"}]}, "curve"),
        ({"entries": [{"source": "JawOpen", "target": "jaw", "curve": [[0, 0], [0, 1]]}]}, "rise"),
        ({"target_range": [1, 0]}, "rise"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(MappingError, match=said):
        parse_mapping(document(**changes), "my.json")


@pytest.mark.parametrize("content", [b"", b"[", b'{"a": 1, "a": 2}', b"\xff", b"[" * 100_000, b"1" * (1 << 21)])
def test_garbage_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(content)
    with pytest.raises(MappingError) as caught:
        read_mapping(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(MappingError, match="cannot open"):
        read_mapping(tmp_path / "none.json")


def test_a_source_that_does_not_come_is_named() -> None:
    with pytest.raises(MappingError, match="did you mean 'JawOpen'"):
        Retargeter(ShapeMapping.of_entries([Entry("JawOpne", "jaw")]), SHAPE_NAMES)


@pytest.mark.parametrize(
    ("text", "kind", "name", "bone", "channel"),
    [
        ("JawOpen", "shape", "JawOpen", "", ""),
        ("bone:mixamorig:Head:rot_y", "bone", "", "mixamorig:Head", "rot_y"),
        ("prop:smile", "property", "smile", "", ""),
        ("prop:head:smile", "property", "smile", "head", ""),
    ],
)
def test_targets(text: str, kind: str, name: str, bone: str, channel: str) -> None:
    target = parse_target(text)
    assert (target.kind, target.name, target.bone, target.channel) == (kind, name, bone, channel)


@pytest.mark.parametrize("text", ["bone:", "bone:jaw", "bone:jaw:rot", "bone::rot_x", "prop:"])
def test_targets_that_are_none(text: str) -> None:
    with pytest.raises(MappingError):
        parse_target(text)
