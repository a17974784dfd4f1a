"""The file of a user model: what is written comes back; what is damaged, newer or another's is refused in one line."""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.errors import CalibrationError, UserModelError
from calibration.quality import QualityReport
from calibration.ranges import Ranges
from calibration.user_model import ABOUT, SCHEMA_VERSION, UserModel, check_name, load_user_model
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel


@pytest.fixture(scope="module")
def content(anna: UserModel, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "anna.npz"
    anna.save(path)
    return path.read_bytes()


def test_what_is_written_comes_back(anna: UserModel, tmp_path: Path) -> None:
    anna.save(tmp_path / "deep" / "anna.npz")
    again = load_user_model(tmp_path / "deep" / "anna.npz")
    for name in ("alpha_id", "subset_neutral", "subset_offsets", "mesh_neutral", "mesh_offsets"):
        np.testing.assert_array_equal(getattr(again, name), getattr(anna, name))
    assert (again.name, again.face_model, again.created_unix_ns) == (anna.name, anna.face_model, anna.created_unix_ns)
    assert again.quality == anna.quality
    np.testing.assert_array_equal(again.ranges.rest, anna.ranges.rest)
    np.testing.assert_array_equal(again.ranges.by_turn, anna.ranges.by_turn)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["anna.npz"]


def test_a_skin_is_kept_and_one_of_before_has_none(anna: UserModel, content: bytes, tmp_path: Path) -> None:
    skin = np.full((64, 64, 3), (180, 140, 120), np.uint8)
    replace(anna.with_skin(skin), iris_rgb=(90, 60, 40)).save(tmp_path / "a.npz")
    again = load_user_model(tmp_path / "a.npz")
    kept = again.skin()
    assert kept is not None
    np.testing.assert_allclose(kept.astype(int), skin.astype(int), atol=3)
    assert again.iris_rgb == (90, 60, 40)
    (tmp_path / "before.npz").write_bytes(content)
    before = load_user_model(tmp_path / "before.npz")
    assert (before.skin(), before.iris_rgb) == (None, None)


@pytest.mark.parametrize("skin", [b"", b"no picture"])
def test_a_damaged_skin_is_refused_in_one_line(anna: UserModel, tmp_path: Path, skin: bytes) -> None:
    replace(anna, skin_jpeg=skin).save(tmp_path / "a.npz")
    with pytest.raises(UserModelError, match="the skin in the user model is no square picture; calibrate again"):
        load_user_model(tmp_path / "a.npz")


@pytest.mark.parametrize("iris", [[1, 2], "blue", [1, 2, 300]])
def test_a_wrong_colour_of_eyes_is_refused(content: bytes, tmp_path: Path, iris: object) -> None:
    with pytest.raises(UserModelError):
        load_user_model(with_about(content, tmp_path / "a.npz", iris_rgb=iris))


def test_the_blendshapes_are_those_of_the_identity(anna: UserModel, model: DynamicExpressionModel) -> None:
    neutral, offsets = model.blendshapes(anna.alpha_id)
    np.testing.assert_allclose(anna.mesh_neutral, neutral, atol=1e-4)
    np.testing.assert_allclose(anna.mesh_offsets, offsets, atol=2e-3)
    np.testing.assert_allclose(anna.subset_neutral, neutral[model.topology.subset], atol=1e-4)
    anna.check_face_model(model)


@settings(max_examples=40)
@given(share=st.floats(0, 0.99999))
def test_cut_off_anywhere_it_is_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.npz"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserModelError, match=r"cut\.npz: not a whole user model"):
        load_user_model(path)


@settings(max_examples=40)
@given(share=st.floats(0, 0.99999), value=st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_harmless(
    content: bytes, tmp_path_factory: pytest.TempPathFactory, share: float, value: int
) -> None:
    path, place = tmp_path_factory.getbasetemp() / "flipped.npz", int(share * len(content))
    path.write_bytes(content[:place] + bytes([content[place] ^ value]) + content[place + 1 :])
    with suppress(UserModelError):  # nothing else may come of it
        assert np.isfinite(load_user_model(path).mesh_neutral).all()


def with_about(content: bytes, path: Path, **changes: object) -> Path:
    """Write a file that says something else of itself."""
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[ABOUT] = json.dumps(json.loads(members[ABOUT]) | changes).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in members.items():
            archive.writestr(name, values)
    return path


def test_a_newer_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = with_about(content, tmp_path / "a.npz", schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(UserModelError, match="version 2, this program reads up to 1: install a newer"):
        load_user_model(path)


@pytest.mark.parametrize(
    "changes",
    [{"schema_version": "1"}, {"schema_version": 0}, {"name": "../x"}, {"quality": []}, {"quality": {"frames": "many"}},
     {"created_unix_ns": "today"}],
)  # fmt: skip
def test_wrong_facts_are_refused(content: bytes, tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(UserModelError):
        load_user_model(with_about(content, tmp_path / "a.npz", **changes))


def test_facts_of_later_programs_are_ignored(content: bytes, tmp_path: Path, anna: UserModel) -> None:
    quality = anna.quality.as_dict() | {"mood": "good"}
    assert load_user_model(with_about(content, tmp_path / "a.npz", quality=quality)).quality == anna.quality


def test_no_file_and_no_zip(tmp_path: Path) -> None:
    with pytest.raises(UserModelError, match="no such user model"):
        load_user_model(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_text("hello")
    with pytest.raises(UserModelError, match="not a whole user model"):
        load_user_model(tmp_path / "b.npz")


def test_another_face_model_is_refused(anna: UserModel, model: DynamicExpressionModel) -> None:
    other = replace(anna, face_model="0" * 16)
    with pytest.raises(UserModelError, match="another face model: calibrate again with rdr calibrate --user anna"):
        other.check_face_model(model)


@pytest.mark.parametrize("name", ["", "a b", "../a", "-a", "a" * 65, "ä", "a.npz", "a\n"])
def test_names_that_could_not_be_files_are_refused(name: str) -> None:
    with pytest.raises(UserModelError, match="a user's name must be"):
        check_name(name)


def test_not_a_number_is_refused(anna: UserModel) -> None:
    with pytest.raises(UserModelError, match="finite"):
        replace(anna, alpha_id=np.full_like(anna.alpha_id, np.nan))
    with pytest.raises(UserModelError, match="subset_offsets must be"):
        replace(anna, subset_offsets=anna.subset_offsets[:45])


def test_quality_needs_finite_numbers(anna: UserModel) -> None:
    with pytest.raises(CalibrationError, match="finite numbers"):
        QualityReport.from_dict(anna.quality.as_dict() | {"error_percent": float("nan")})


@given(st.lists(st.floats(0, 1), min_size=46, max_size=46))
def test_ranges_map_rest_to_0_and_full_to_1(values: list[float]) -> None:
    rest = np.minimum(np.array(values, np.float32), 0.4)
    ranges = Ranges(rest, np.ones(46, np.float32))
    np.testing.assert_allclose(ranges.apply(rest), 0, atol=1e-6)
    np.testing.assert_allclose(ranges.apply(np.ones(46, np.float32)), 1)
    middle = ranges.apply(np.linspace(0, 1, 11, dtype=np.float32)[:, None] * np.ones(46, np.float32))
    assert (np.diff(middle, axis=0) >= 0).all()
    np.testing.assert_array_equal(Ranges.whole().apply(rest), rest)
