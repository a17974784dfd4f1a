"""Avatars from files: what is written is read again, and what is broken is said."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_bridge.avatar import Avatar, default_avatar
from avatar_bridge.avatar_file import load_avatar, write_avatar_npz, write_avatar_obj
from avatar_bridge.convert.gltf import write_avatar_glb
from avatar_bridge.convert.rig import MOVES_CM
from avatar_bridge.errors import AvatarError
from avatar_bridge.glb_file import GlbFile
from avatar_bridge.mapping_file import load_preset
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES


@pytest.fixture(scope="module")
def glb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("avatar") / "a.glb"
    write_avatar_glb(path, BLENDSHAPE_NAMES)
    return path


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("avatar") / "a.npz"
    write_avatar_npz(path, default_avatar())
    return path


def changed(glb: Path, to: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a .glb with another document."""
    content = glb.read_bytes()
    length = struct.unpack_from("<I", content, 12)[0]
    document = json.loads(content[20 : 20 + length])
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = content[20 + length :]
    to.write_bytes(b"glTF" + struct.pack("<IIII", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest)
    return to


def by_name(avatar: Avatar) -> dict[str, Any]:
    return {part.name: part for part in avatar.parts}


def expression(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(46).astype(np.float32)


def test_glb_comes_back_the_same(glb: Path) -> None:
    loaded = load_avatar(glb)
    assert loaded.problems == ()
    got, expected = by_name(loaded.avatar), by_name(default_avatar())
    assert set(got) == set(expected)
    assert loaded.avatar.parts[0].name == "Skin"
    for name, part in expected.items():
        np.testing.assert_array_equal(got[name].triangles, part.triangles)
        for seed in range(3):
            weights = expression(seed)
            off = np.linalg.norm(got[name].vertices(weights) - part.vertices(weights), axis=1)
            assert off.max() < MOVES_CM * weights.sum(), "only what was written as standing still differs"
        assert (got[name].texture is None) == (part.texture is None)


def test_npz_comes_back_exactly(npz: Path) -> None:
    for got, part in zip(load_avatar(npz).avatar.parts, default_avatar().parts, strict=True):
        np.testing.assert_array_equal(got.vertices(expression(1)), part.vertices(expression(1)))
        assert (got.name, got.roughness, got.specular) == (part.name, part.roughness, part.specular)


def test_obj_folder_comes_back(tmp_path: Path) -> None:
    avatar = default_avatar()
    write_avatar_obj(tmp_path / "obj", avatar)
    materials = (tmp_path / "obj" / "avatar.mtl").read_text()
    for number, part in enumerate(avatar.parts):
        named = f"map_Kd texture_{number}.png" in materials
        assert named == (part.texture is not None) == (tmp_path / "obj" / f"texture_{number}.png").exists()
    loaded = load_avatar(tmp_path / "obj")
    jaw = np.eye(46, dtype=np.float32)[BLENDSHAPE_NAMES.index("JawOpen")]
    expected = np.concatenate([part.vertices(jaw) for part in avatar.parts])
    np.testing.assert_allclose(loaded.avatar.parts[0].vertices(jaw), expected, atol=1e-4)
    (tmp_path / "obj" / "shape_7.obj").unlink()
    with pytest.raises(AvatarError, match="1 missing"):
        load_avatar(tmp_path / "obj")


def test_arkit_shapes_drive_the_same_face(tmp_path: Path) -> None:
    path = tmp_path / "arkit.glb"
    write_avatar_glb(path, load_preset("arkit").targets)
    loaded = load_avatar(path)
    jaw = np.eye(46, dtype=np.float32)[BLENDSHAPE_NAMES.index("JawOpen")]
    got, expected = by_name(loaded.avatar)["Skin"], default_avatar().parts[0]
    gap = np.abs(got.vertices(jaw) - expected.vertices(jaw)).max()
    moved = np.abs(expected.vertices(jaw) - expected.neutral).max()
    assert gap < 0.25 * moved


def test_missing_and_misspelt_shapes_are_listed(glb: Path, tmp_path: Path) -> None:
    def spoil(document: dict[str, Any]) -> None:
        for mesh in document["meshes"]:
            names = mesh.get("extras", {}).get("targetNames", [])
            names[:] = [{"JawOpen": "JawOpenn", "EyeClose_L": "blink"}.get(name, name) for name in names]

    loaded = load_avatar(changed(glb, tmp_path / "b.glb", spoil))
    assert any("2 of 46 expressions" in line and "JawOpen" in line for line in loaded.problems)
    assert any("'JawOpenn' is not used: is it 'JawOpen'?" in line for line in loaded.problems)
    jaw = BLENDSHAPE_NAMES.index("JawOpen")
    assert not any(part.offsets[jaw].any() for part in loaded.avatar.parts)


def test_a_face_without_known_shapes_is_drawn_and_said(glb: Path, tmp_path: Path) -> None:
    def spoil(document: dict[str, Any]) -> None:
        for mesh in document["meshes"]:
            mesh.pop("extras", None)

    loaded = load_avatar(changed(glb, tmp_path / "b.glb", spoil))
    assert len(loaded.problems) == 1
    assert "will not move" in loaded.problems[0]


def test_a_mesh_without_targets_is_drawn_and_said(glb: Path, tmp_path: Path) -> None:
    def drop(document: dict[str, Any]) -> None:
        for mesh in document["meshes"]:
            mesh.pop("weights", None)
            mesh.pop("extras", None)
            mesh["primitives"][0].pop("targets", None)

    loaded = load_avatar(changed(glb, tmp_path / "still.glb", drop))
    assert loaded.problems == ("it has no morph targets: the face will not move",)
    assert not any(part.offsets.any() for part in loaded.avatar.parts)


def test_glb_says_how_little_mouth_and_skin_shine(glb: Path) -> None:
    """Or a physically based renderer puts a white highlight on the tongue."""
    document = GlbFile(glb).document
    shine = {
        material["name"]: material.get("extensions", {}).get("KHR_materials_specular", {}).get("specularFactor", 1)
        for material in document["materials"]
    }
    assert shine["Mouth"] < shine["Skin"] < shine["EyeLeft"] == 1
    assert document["extensionsUsed"] == ["KHR_materials_specular"]
    assert "extensionsRequired" not in document
    assert {part.name: part.specular for part in load_avatar(glb).avatar.parts} == shine


def test_metres_and_another_place_are_framed(glb: Path, tmp_path: Path) -> None:
    def stand_up(document: dict[str, Any]) -> None:
        document["nodes"][0] |= {"translation": [0, 1.6, 0], "scale": [3, 3, 3]}

    loaded = load_avatar(changed(glb, tmp_path / "b.glb", stand_up))
    skin = loaded.avatar.parts[0]
    moves = np.abs(skin.offsets).max(axis=(0, 2)) > 0
    assert np.abs(np.median(skin.neutral[moves], axis=0)).max() < 8
    assert np.ptp(skin.neutral[moves][:, 1]) < 40


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["accessors"][0].update(count=10**9), "items"),
        (lambda d: d["accessors"][0].update(count="x"), "not glTF"),
        (lambda d: d["bufferViews"][0].update(byteLength=10**9), "out of the file"),
        (lambda d: d.update(meshes=[]), "not glTF"),
        (lambda d: d.update(nodes=[]), "no mesh"),
        (lambda d: d["nodes"][0].update(translation=[0, float("nan"), 0]), "finite"),
        (lambda d: d["nodes"][0].update(rotation=[0, 0, 0, 0]), "not glTF"),
    ],
)
def test_broken_documents_are_refused(
    glb: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    with pytest.raises(AvatarError, match=said):
        load_avatar(changed(glb, tmp_path / "b.glb", change))


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 0.999))
def test_cut_off_files_are_refused(glb: Path, npz: Path, share: float) -> None:
    for path in (glb, npz):
        cut = path.with_name(f"cut{path.suffix}")
        content = path.read_bytes()
        cut.write_bytes(content[: int(share * len(content))])
        with pytest.raises(AvatarError) as caught:
            load_avatar(cut)
        assert "\n" not in str(caught.value)


@settings(max_examples=30, deadline=None)
@given(at=st.integers(0, 60_000), byte=st.integers(0, 255))
def test_flipped_bytes_load_or_are_refused(glb: Path, at: int, byte: int) -> None:
    content = bytearray(glb.read_bytes())
    content[at] = byte
    spoilt = glb.with_name("flip.glb")
    spoilt.write_bytes(content)
    with suppress(AvatarError):  # any other error is a fault
        load_avatar(spoilt)


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    for name in ("a.fbx", "a.glb", "a.npz"):
        with pytest.raises(AvatarError):
            load_avatar(tmp_path / name)
