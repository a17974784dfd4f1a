"""The avatar of `rdr avatar export` and a person of FaceWarehouse: opened, driven, rendered."""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import made_up_face as face
import numpy as np
import pytest
from installed import connect, tick_frames
from mathutils import Matrix
from publishing import PublisherProcess
from scenes import evaluated_vertices, offsets_of, workbench_picture
from test_live import head_in_armature

Addon = Callable[[str], Any]
COMMAND = "from avatar_bridge.cli import main; raise SystemExit(main())"


@pytest.fixture(scope="module")
def glb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("avatar") / "avatar.glb"
    arguments = ["avatar", "export", "--format", "glb", "--out", str(path)]
    subprocess.run([os.environ["RDR_PYTHON"], "-c", COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL)
    return path


def open_avatar(path: Path) -> Any:
    assert bpy.ops.rdr_live.open_avatar(filepath=str(path)) == {"FINISHED"}
    return bpy.context.scene.rdr_live.characters[-1]


def test_the_avatar_is_a_character(addon: Addon, glb: Path) -> None:
    character = open_avatar(glb)
    skin, mouth = (slot.object for slot in character.meshes)
    assert (skin.name, mouth.name) == ("Skin", "Mouth")
    names = list(addon("core.shapes").SHAPE_NAMES)
    assert [key.name for key in skin.data.shape_keys.key_blocks[1:]] == names
    assert all(key.value == 0 for item in (skin, mouth) for key in item.data.shape_keys.key_blocks[1:])
    assert (character.head, character.head_bone, character.mapping_name) == ("BONE", "Head", "RDR avatar")
    assert [bone.name for bone in character.rig.data.bones] == ["Head", "Eye_L", "Eye_R"]
    assert all(item.data.materials[0].node_tree for item in (skin, mouth))
    assert max(mouth.data.materials[0].diffuse_color[:3]) < 0.6  # not white between the lips
    findings = {finding.level for finding in addon("bl.diagnose").diagnose(bpy.context.scene)}
    assert "bad" not in findings
    again = open_avatar(glb)  # a second one beside it
    assert again.rig != character.rig


def test_what_is_sent_is_what_the_avatar_does(addon: Addon, glb: Path, publisher: PublisherProcess) -> None:
    character = open_avatar(glb)
    names = list(addon("core.shapes").SHAPE_NAMES)
    connect(publisher)
    publisher.tell("send 30 3")
    tick_frames(3)
    weights = dict(zip(names, face.alpha_exp(32), strict=True))
    for slot in character.meshes:
        offsets = offsets_of(slot.object)
        expected = offsets[""] + sum(weights[name] * offsets[name] for name in offsets if name)
        np.testing.assert_allclose(evaluated_vertices(slot.object), expected, atol=2e-6)
    graph = bpy.context.evaluated_depsgraph_get()
    head = np.array(head_in_armature(32))
    skin = character.meshes[0].object.evaluated_get(graph)
    np.testing.assert_allclose(np.array(skin.matrix_world.to_3x3()), head, atol=1e-5)
    for name, side in (("EyeLeft", "L"), ("EyeRight", "R")):
        up = 25 * weights[f"EyeLookUp_{side}"] - 30 * weights[f"EyeLookDown_{side}"]
        out = 35 * (weights[f"EyeLookOut_{side}"] - weights[f"EyeLookIn_{side}"])
        turned = Matrix.Rotation(math.radians(out if side == "L" else -out), 3, "Z")
        turned @= Matrix.Rotation(math.radians(-up), 3, "X")
        eye = bpy.data.objects[name].evaluated_get(graph)
        np.testing.assert_allclose(np.array(eye.matrix_world.to_3x3()), head @ np.array(turned), atol=2e-4)
        centre = eye.matrix_world.translation
        np.testing.assert_allclose(centre, head @ np.array(bpy.data.objects[name].location), atol=1e-5)


def test_a_smile_is_seen_in_a_render(addon: Addon, glb: Path, tmp_path: Path) -> None:
    skin = open_avatar(glb).meshes[0].object
    at_rest = workbench_picture(tmp_path / "rest.png", skin)
    again = workbench_picture(tmp_path / "again.png", skin)
    for name in ("MouthSmile_L", "MouthSmile_R", "JawOpen"):
        skin.data.shape_keys.key_blocks[name].value = 1.0
    skin.data.shape_keys.update_tag()
    smiling = workbench_picture(tmp_path / "smile.png", skin)
    assert abs(again - at_rest).max() < 0.02
    moved = abs(smiling - at_rest).max(axis=2) > 0.1
    rows = np.flatnonzero(moved.any(axis=1)) / len(moved)  # from the bottom
    assert moved.mean() > 0.01
    assert rows.max() < 0.72  # lids do, the forehead does not


def test_a_person_of_facewarehouse(addon: Addon, publisher: PublisherProcess, tmp_path: Path) -> None:
    folder = tmp_path / "Tester_7" / "Blendshape"
    folder.mkdir(parents=True)
    shapes = np.random.default_rng(5).normal(0, 0.4, (47, 100, 3)).astype("<f4")
    (folder / "shape.bs").write_bytes(np.array([46, 100, 1], "<i4").tobytes() + shapes.tobytes())
    lines = ["v 0 0 0"] * 100 + ["f 1 2 3 4"]
    (folder / "shape_0.obj").write_text("\n".join(lines), encoding="ascii")
    assert bpy.ops.rdr_live.open_person(filepath=str(folder / "shape.bs")) == {"FINISHED"}
    character = bpy.context.scene.rdr_live.characters[0]
    assert (character.name, character.head_bone, character.mapping_name) == ("Tester_7", "Head", "FaceWarehouse 46")
    mesh = character.meshes[0].object
    connect(publisher)
    publisher.tell("send 0 3")
    tick_frames(3)
    weights = np.array(face.alpha_exp(2), np.float32)
    expected = shapes[0] + np.tensordot(weights, shapes[1:] - shapes[0], 1)
    expected = np.stack([expected[:, 0], -expected[:, 2], expected[:, 1]], axis=1) * 0.3 / np.ptp(shapes[0, :, 1])
    np.testing.assert_allclose(evaluated_vertices(mesh), expected, atol=1e-5)


def test_files_that_are_no_avatar(addon: Addon, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="rdr avatar export makes one"):
        bpy.ops.rdr_live.open_avatar(filepath=str(tmp_path / "none.glb"))
    (tmp_path / "bad.glb").write_bytes(b"glTF" + bytes(40))
    with pytest.raises(RuntimeError, match=r"bad\.glb cannot be read"):
        bpy.ops.rdr_live.open_avatar(filepath=str(tmp_path / "bad.glb"))
    (tmp_path / "bad.bs").write_bytes(b"\1" * 40)
    with pytest.raises(RuntimeError, match=r"is no shape\.bs of FaceWarehouse"):
        bpy.ops.rdr_live.open_person(filepath=str(tmp_path / "bad.bs"))
    assert len(bpy.context.scene.rdr_live.characters) == 0
