from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge import mapping_file
from avatar_bridge.errors import MappingError
from avatar_bridge.mapping_file import load_preset, parse_mapping, preset_names, read_mapping
from avatar_bridge.retarget import Retargeter
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES


def document(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "format": "rdr-retarget",
        "version": 1,
        "targets": ["grin", "jaw"],
        "entries": [{"source": "MouthSmile_L", "target": "grin", "gain": 0.5}, {"source": "JawOpen", "target": "jaw"}],
    }
    return {key: value for key, value in (made | changes).items() if value is not None}


def entry(**changes: Any) -> dict[str, Any]:
    return document(entries=[{"source": "JawOpen", "target": "jaw"} | changes])


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "my.json"
    content = document(name="Mine", target_range=[-1, 1])
    content["entries"][1] |= {"offset": -1, "range": [0.1, 0.9], "curve": [[0, 0], [1, 1]], "mirror": True}
    path.write_text("\ufeff" + json.dumps(content), encoding="utf-8")
    mapping = read_mapping(path)
    assert (mapping.name, mapping.targets, mapping.target_range) == ("Mine", ("grin", "jaw"), (-1, 1))
    assert mapping.entries[0].gain == 0.5
    assert mapping.entries[1].curve == ((0, 0), (1, 1))
    assert mapping.entries[1].mirror


def test_presets_are_there_and_say_what_they_are() -> None:
    assert preset_names() == (
        "arkit",
        "arkit_to_facewarehouse",
        "visemes",
        "vrm0",
        "vrm0_to_facewarehouse",
        "vrm1",
    )
    for name in preset_names():
        preset = load_preset(name)
        assert preset.name
        assert preset.about
    with pytest.raises(MappingError, match=r"preset: there is no 'arkti': did you mean 'arkit'\?"):
        load_preset("arkti")


def test_the_example_of_the_documentation_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "retargeting.md").read_text(encoding="utf-8")
    example = parse_mapping(json.loads(page.split("```json\n")[1].split("```")[0]), "retargeting.md")
    smile = np.zeros(46)
    smile[BLENDSHAPE_NAMES.index("MouthSmile_L")] = 0.5
    np.testing.assert_allclose(Retargeter(example, BLENDSHAPE_NAMES)(smile), [0, 0.25, 0, 0])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], 'is a JSON object with "format"'),
        ({"format": "rdr-track"}, 'is a JSON object with "format"'),
        (document(version=2), "version must be 1, got 2: update"),
        (document(entries=None), "a mapping lacks entries"),
        (document(target=["x"]), "key of a mapping: there is no 'target': did you mean 'targets'"),
        (document(targets=[]), "1 to 4096 targets"),
        (document(targets=["jaw", "grin", "jaw"]), "'jaw' twice"),
        (document(targets="jaw"), "targets must be a list"),
        (document(targets=["jaw", 3]), "a target must be a name"),
        (document(target_range=[1, 0]), "target_range must rise"),
        (document(entries=[3]), "entry 1 must be an object"),
        (document(entries=[{"source": "JawOpen"}]), "entry 1 lacks target"),
        (entry(target="jaws"), "there is no 'jaws': did you mean 'jaw'"),
        (entry(Gain=1), "key of entry 1: there is no 'Gain': did you mean 'gain'"),
        (entry(gain="1"), "entry 1: gain of entry 'JawOpen' -> 'jaw' must be a number, got '1'"),
        (entry(gain=True), "must be a number, got True"),
        (entry(gain=1e9), "within -100..100"),
        (entry(offset=10**400), "within -100..100"),
        (entry(range=[0.2]), "must be two numbers"),
        (entry(range=[0.2, 0.2]), "at least 0.001 wide"),
        (entry(curve="smoth"), "there is no 'smoth': did you mean 'smooth'"),
        (entry(curve=[[0, 0]]), "2 to 64 points"),
        (entry(curve=[[0, 0], [0, 1]]), "must rise"),
        (entry(curve=[[0, 0], [2, 1]]), "within 0..1"),
        (entry(curve=[[0, 0], 1]), r"points \[x, y\]"),
        (entry(mirror=1), "true or false"),
        (entry(source="a\nb"), "must be a name"),
    ],
)
def test_mistakes_are_one_clear_line(content: Any, says: str) -> None:
    with pytest.raises(MappingError, match=says) as caught:
        parse_mapping(content, "my.json")
    assert str(caught.value).startswith("my.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "no valid JSON"),
        (b"\xff\xfe{}", "no valid JSON"),
        (b'{"format": "rdr-retarget", "format": "x"}', "the key 'format' is there twice"),
        (b'{"format": "rdr-retarget", "version": 1, "targets": ["a"], "entries": '
         b'[{"source": "s", "target": "a", "gain": NaN}]}', "within -100..100, got nan"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)  # fmt: skip
def test_other_files_are_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "my.json"
    path.write_bytes(content)
    with pytest.raises(MappingError, match=says) as caught:
        read_mapping(path)
    assert "my.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_too_long(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot open the mapping"):
        read_mapping(tmp_path / "missing.json")
    path = tmp_path / "long.json"
    path.write_bytes(b" " * (mapping_file.MAX_FILE_BYTES + 1))
    with pytest.raises(MappingError, match="at most 1048576 bytes"):
        read_mapping(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["targets", "entries", "target_range", "name", "version"]), json_values)
def test_any_content_is_a_mapping_or_an_error(key: str, value: Any) -> None:
    said = ""
    try:
        parse_mapping(document(**{key: value}), "f")
    except MappingError as error:
        said = str(error)
    assert "\n" not in said


@given(st.sampled_from(["source", "target", "gain", "offset", "range", "curve", "mirror"]), json_values)
def test_any_entry_is_one_or_an_error(key: str, value: Any) -> None:
    said = ""
    try:
        parse_mapping(entry(**{key: value}), "f")
    except MappingError as error:
        said = str(error)
    assert "\n" not in said
