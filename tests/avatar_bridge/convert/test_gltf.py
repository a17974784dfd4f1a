from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatar_bridge.convert.gltf import write_avatar_glb, write_glb
from avatar_bridge.convert.rig import motion_of, rig_of
from avatar_bridge.mapping_file import load_preset
from avatar_bridge.tracks import FaceTrack
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

MakeTrack = Callable[..., FaceTrack]
COMPONENTS = {5126: "<f4", 5125: "<u4", 5123: "<u2"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@pytest.fixture(scope="module")
def track(make_track: MakeTrack) -> FaceTrack:
    return make_track(40)


@pytest.fixture(scope="module")
def path(track: FaceTrack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("glb") / "a.glb"
    write_glb(path, track, track)
    return path


@pytest.fixture(scope="module")
def gltf(path: Path) -> Any:
    """The file as pygltflib, an independent reader, sees it."""
    return pytest.importorskip("pygltflib").GLTF2().load(str(path))


def values(gltf: Any, number: int) -> np.ndarray:
    """An accessor's numbers, as the specification reads it, sparse ones too."""
    accessor = gltf.accessors[number]
    dtype, width = COMPONENTS[accessor.componentType], WIDTHS[accessor.type]
    found = np.zeros((accessor.count, width), dtype)
    if accessor.bufferView is not None:
        found = part(gltf, accessor.bufferView, accessor.byteOffset or 0, dtype, accessor.count * width)
    if accessor.sparse is not None:
        sparse = accessor.sparse
        index = part(gltf, sparse.indices.bufferView, 0, COMPONENTS[sparse.indices.componentType], sparse.count)
        found[index] = part(gltf, sparse.values.bufferView, 0, dtype, sparse.count * width).reshape(-1, width)
    return found.reshape(-1, width)


def part(gltf: Any, view_number: int, offset: int, dtype: str, count: int) -> np.ndarray:
    view = gltf.bufferViews[view_number]
    return np.frombuffer(gltf.binary_blob(), dtype, count, view.byteOffset + offset)


def output(gltf: Any, node: str, path: str) -> tuple[np.ndarray, np.ndarray]:
    """Times and values of an animation channel."""
    (animation,) = gltf.animations
    number = next(index for index, item in enumerate(gltf.nodes) if item.name == node)
    (channel,) = [c for c in animation.channels if (c.target.node, c.target.path) == (number, path)]
    sampler = animation.samplers[channel.sampler]
    return values(gltf, sampler.input)[:, 0], values(gltf, sampler.output)


def test_keys_lie_at_the_capture_times(gltf: Any, track: FaceTrack) -> None:
    for node, channel in (("Head", "rotation"), ("Skin", "weights"), ("Mouth", "weights"), ("EyeLeft", "rotation")):
        np.testing.assert_allclose(output(gltf, node, channel)[0], track.seconds, atol=1e-6)


def test_the_weights_come_back(gltf: Any, track: FaceTrack) -> None:
    mesh = next(mesh for mesh in gltf.meshes if mesh.name == "Skin")
    assert tuple(mesh.extras["targetNames"]) == BLENDSHAPE_NAMES
    found = output(gltf, "Skin", "weights")[1].reshape(len(track), -1)
    np.testing.assert_array_equal(found, track.weights)
    mouth = next(mesh for mesh in gltf.meshes if mesh.name == "Mouth")
    columns = [BLENDSHAPE_NAMES.index(name) for name in mouth.extras["targetNames"]]
    np.testing.assert_array_equal(
        output(gltf, "Mouth", "weights")[1].reshape(len(track), -1), track.weights[:, columns]
    )


def test_head_and_eyes_come_back(gltf: Any, track: FaceTrack) -> None:
    motion = motion_of(track)
    np.testing.assert_allclose(output(gltf, "Head", "rotation")[1], motion.head[:, [1, 2, 3, 0]], atol=1e-6)
    np.testing.assert_allclose(output(gltf, "Head", "translation")[1], track.position_cm / 100, atol=1e-7)
    np.testing.assert_allclose(
        output(gltf, "EyeRight", "rotation")[1], motion.eyes["EyeRight"][:, [1, 2, 3, 0]], atol=1e-6
    )


def test_meshes_and_targets_come_back_in_metres(gltf: Any) -> None:
    for mesh, made in zip(gltf.meshes, rig_of(BLENDSHAPE_NAMES), strict=True):
        (primitive,) = mesh.primitives
        np.testing.assert_allclose(values(gltf, primitive.attributes.POSITION), made.vertices / 100, atol=1e-6)
        np.testing.assert_array_equal(values(gltf, primitive.indices).reshape(-1, 3), made.triangles)
        for target, offsets in zip(primitive.targets or [], made.targets.values(), strict=True):
            number = target["POSITION"] if isinstance(target, dict) else target.POSITION
            found, accessor = values(gltf, number), gltf.accessors[number]
            np.testing.assert_allclose(found, offsets / 100, atol=1e-7)
            np.testing.assert_array_equal([accessor.min, accessor.max], [found.min(axis=0), found.max(axis=0)])


def test_nothing_reaches_out_of_the_buffer_and_everything_is_aligned(gltf: Any) -> None:
    size = gltf.buffers[0].byteLength
    assert size == len(gltf.binary_blob())
    for view in gltf.bufferViews:
        assert view.byteOffset % 4 == 0
        assert 0 < view.byteOffset + view.byteLength <= size
    assert {view.target for view in gltf.bufferViews} == {None, 34962, 34963}


def test_another_reader_draws_the_neutral_face(path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    scene = trimesh.load(path)
    skin = scene.geometry["Skin"]
    expected = rig_of(BLENDSHAPE_NAMES)[0]
    np.testing.assert_allclose(skin.vertices, expected.vertices / 100, atol=1e-6)
    assert len(skin.faces) == len(expected.triangles)
    assert skin.visual.material.baseColorTexture.size == (1024, 1024)


def test_arkit_names_are_targets_too(make_track: MakeTrack, tmp_path: Path) -> None:
    track = make_track(5)
    arkit = track.retargeted(load_preset("arkit"))
    write_glb(tmp_path / "a.glb", arkit, track)
    content = (tmp_path / "a.glb").read_bytes()
    magic, version, size, length, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, size, kind) == (b"glTF", 2, len(content), b"JSON")
    document = json.loads(content[20 : 20 + length])
    names = document["meshes"][0]["extras"]["targetNames"]
    assert set(names) < set(arkit.names)
    assert len(names) == 48
    weights = document["animations"][0]["channels"]
    assert [channel["target"]["path"] for channel in weights].count("weights") == 2


def test_single_frames_are_fine(make_track: MakeTrack, tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", make_track(1), make_track(1))
    assert [item.name for item in tmp_path.iterdir()] == ["a.glb"]


def test_the_avatar_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "avatar.glb"
    write_avatar_glb(path, BLENDSHAPE_NAMES)
    gltf = pytest.importorskip("pygltflib").GLTF2().load(str(path))
    assert not gltf.animations
    assert [node.name for node in gltf.nodes] == ["Head", "Skin", "EyeLeft", "EyeRight", "Mouth"]
    skin = gltf.meshes[0]
    assert skin.extras["targetNames"] == list(BLENDSHAPE_NAMES)
    places = values(gltf, skin.primitives[0].attributes.POSITION)
    np.testing.assert_allclose(places, rig_of(BLENDSHAPE_NAMES)[0].vertices * 0.01, atol=1e-6)
