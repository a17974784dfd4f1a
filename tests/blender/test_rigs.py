"""Rigs as people have them: Rigify's face, a character linked from another file, drivers, sliders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import made_up_face as face
import numpy as np
import pytest
from installed import connect, tick_frames
from publishing import PublisherProcess
from scenes import add_character, evaluated_vertices, face_mesh, offsets_of

Addon = Callable[[str], Any]


def texts(addon: Addon, *levels: str) -> str:
    """Return what Diagnose says, of some levels."""
    found = addon("bl.diagnose").diagnose(bpy.context.scene)
    return "\n".join(finding.text + " " + finding.advice for finding in found if finding.level in levels)


@pytest.fixture(scope="module")
def rigify_blend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a rig that Rigify has generated: that takes seconds."""
    path = tmp_path_factory.mktemp("rigify") / "rig.blend"
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_human_metarig_add()
    metarig = bpy.context.object
    bpy.ops.pose.rigify_generate()
    rig = metarig.data.rigify_target_rig
    bpy.data.libraries.write(str(path), {rig})
    bpy.ops.preferences.addon_disable(module="rigify")
    return path


def test_a_rigify_face(addon: Addon, rigify_blend: Path, publisher: PublisherProcess) -> None:
    with bpy.data.libraries.load(str(rigify_blend)) as (_, into):
        into.objects = ["rig"]
    rig = into.objects[0]
    bpy.context.scene.collection.objects.link(rig)
    character = add_character(rig)
    assert (character.mapping_name, character.head_bone) == ("Rigify face", "head")
    assert "not there" not in texts(addon, "bad", "wait")
    character.head = "NONE"
    connect(publisher)
    publisher.tell("send 3 1")
    tick_frames(1)
    sent = dict(zip(addon("core.shapes").SHAPE_NAMES, face.alpha_exp(3), strict=True))
    bones = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    brow = bones["brow.T.L.001"]
    moved = brow.matrix.translation - brow.bone.matrix_local.translation
    up = (0.9 * sent["BrowOuterUp_L"] - 0.2 * sent["BrowDown_L"]) * brow.bone.length
    np.testing.assert_allclose(moved, [0, 0, up], atol=1e-5)
    jaw = bones["jaw_master"]
    turned = jaw.bone.matrix_local.to_quaternion().rotation_difference(jaw.matrix.to_quaternion())
    assert turned.angle == pytest.approx(0.35 * sent["JawOpen"], abs=1e-3)
    chin = jaw.matrix @ jaw.bone.matrix_local.inverted() @ jaw.bone.tail_local.to_4d()
    assert chin.z < jaw.bone.tail_local.z  # it opens downwards


def test_a_linked_character_and_its_override(addon: Addon, publisher: PublisherProcess, tmp_path: Path) -> None:
    names = list(addon("core.shapes").SHAPE_NAMES)
    original = face_mesh("face", names)
    offsets = offsets_of(original)
    bpy.data.libraries.write(str(tmp_path / "asset.blend"), {original})
    bpy.data.objects.remove(original)
    with bpy.data.libraries.load(str(tmp_path / "asset.blend"), link=True) as (_, into):
        into.objects = ["face"]
    linked = into.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    add_character(linked)
    assert "is linked from another file" in texts(addon, "bad")
    assert "Library Override" in texts(addon, "bad")
    bpy.context.scene.rdr_live.characters.clear()
    override = linked.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    override.data.override_create(remap_local_usages=True)
    add_character(override)
    assert "is linked" not in texts(addon, "bad", "wait")
    connect(publisher)
    publisher.tell("send 7 1")
    tick_frames(1)
    weights = dict(zip(names, face.alpha_exp(7), strict=True))
    expected = offsets[""] + sum(weights[name] * offsets[name] for name in names)
    np.testing.assert_allclose(evaluated_vertices(override), expected, atol=2e-6)


def test_diagnose_says_what_keeps_a_face_from_moving(addon: Addon) -> None:
    item = face_mesh("face", ["JawOpen", "EyeClose_L", "MouthSmile_L"])
    character = add_character(item)
    keys = item.data.shape_keys.key_blocks
    keys["JawOpen"].driver_add("value").driver.expression = "0.5"
    keys["EyeClose_L"].mute = True
    keys["MouthSmile_L"].slider_max = 0.5
    character.entries[0].target = "JawOpn"
    said = texts(addon, "bad", "wait")
    assert "drivers move JawOpen" in said
    assert "muted are EyeClose_L" in said
    assert "the sliders of MouthSmile_L end before" in said
    assert "Is JawOpen meant for JawOpn?" in said
    item.data.shape_keys.use_relative = False
    item.show_only_shape_key = True
    said = texts(addon, "bad")
    assert "are not relative" in said
    assert "shows one shape key only" in said
    assert "Not connected." in texts(addon, "wait")
    assert bpy.ops.rdr_live.diagnose() == {"FINISHED"}


def test_a_slider_cuts_off_as_blender_does(addon: Addon, publisher: PublisherProcess) -> None:
    item = face_mesh("face", ["JawOpen"])
    item.data.shape_keys.key_blocks["JawOpen"].slider_max = 0.25
    add_character(item)
    connect(publisher)
    jaw = list(addon("core.shapes").SHAPE_NAMES).index("JawOpen")
    seq = next(seq for seq in range(100) if face.alpha_exp(seq)[jaw] > 0.5)
    publisher.tell(f"send {seq} 2")
    tick_frames(2)
    assert item.data.shape_keys.key_blocks["JawOpen"].value == 0.25


def test_mapping_files_and_presets_by_their_buttons(addon: Addon, tmp_path: Path) -> None:
    character = add_character(face_mesh("face", ["eyeBlink_L", "eyeBlink_R", "jaw_Open"]))
    assert {entry.target for entry in character.entries} >= {"eyeBlink_L", "jaw_Open"}
    assert all(0 < entry.score <= 1 for entry in character.entries)
    character.entries[0].gain, character.entries[0].curve = 1.5, "points"
    character.entries[0].points = "0,0  0.5,0.25  1,1"
    path = tmp_path / "mine.json"
    assert bpy.ops.rdr_live.save_mapping(filepath=str(path)) == {"FINISHED"}
    before = [(e.source, e.target, e.gain, e.curve, e.points) for e in character.entries]
    for preset in ("facewarehouse", "arkit", "vrm0", "vrm1", "rigify", "mpfb", "cc4", "visemes", "avatar"):
        assert bpy.ops.rdr_live.load_preset(preset=preset) == {"FINISHED"}
        assert len(character.entries) > 8
    assert bpy.ops.rdr_live.open_mapping(filepath=str(path)) == {"FINISHED"}
    assert [(e.source, e.target, e.gain, e.curve, e.points) for e in character.entries] == before
    assert bpy.ops.rdr_live.mute_region(region="jaw") == {"FINISHED"}
    assert [entry.mute for entry in character.entries if entry.source.startswith("Jaw")] == [True]
    path.write_text("{", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"mine\.json"):
        bpy.ops.rdr_live.open_mapping(filepath=str(path))
    assert bpy.ops.rdr_live.match_names() == {"FINISHED"}
