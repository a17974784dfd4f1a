"""A real publisher, a real Blender between: what is sent is what moves."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import made_up_face as face
import numpy as np
import pytest
from installed import connect, preferences, tick_frames, tick_until
from mathutils import Matrix, Quaternion, Vector
from publishing import PublisherProcess
from scenes import add_character, armature_with_head, evaluated_vertices, face_mesh, offsets_of

Addon = Callable[[str], Any]


def shape_names(addon: Addon) -> list[str]:
    return list(addon("core.shapes").SHAPE_NAMES)


def expected_vertices(item: Any, names: list[str], values: list[float]) -> np.ndarray:
    offsets = offsets_of(item)
    return offsets[""] + sum(
        value * offsets[name] for name, value in zip(names, values, strict=True) if name in offsets
    )


def test_vertices_of_several_meshes_follow(addon: Addon, publisher: PublisherProcess) -> None:
    names = shape_names(addon)
    head, lashes = face_mesh("head", names), face_mesh("lashes", ["EyeClose_L", "EyeClose_R"], seed=2)
    add_character(head, lashes)
    connect(publisher)
    publisher.tell("send 0 8")
    tick_frames(8)
    for item in (head, lashes):
        expected = expected_vertices(item, names, face.alpha_exp(7))
        np.testing.assert_allclose(evaluated_vertices(item), expected, atol=2e-6)
    publisher.tell("send 8 1")
    tick_frames(9)
    expected = expected_vertices(head, names, face.alpha_exp(8))
    np.testing.assert_allclose(evaluated_vertices(head), expected, atol=2e-6)


def test_arkit_names_in_another_spelling(addon: Addon, publisher: PublisherProcess) -> None:
    targets = addon("core.mapping_file").load_preset("arkit").targets
    head = face_mesh("head", [name[0].upper() + name[1:] for name in targets])
    character = add_character(head)
    assert character.mapping_name == "ARKit 52"
    connect(publisher)
    publisher.tell("send 0 3")
    tick_frames(3)
    smile = shape_names(addon).index("MouthSmile_L")
    value = head.data.shape_keys.key_blocks["MouthSmileLeft"].value
    assert value == pytest.approx(face.alpha_exp(2)[smile], abs=1e-6)


def head_in_armature(seq: int) -> Matrix:
    """Return the head's turn in the armature's axes: it looks along -Y."""
    pitch, yaw, roll = face.euler_rad(seq)
    turn = Matrix.Rotation(yaw, 3, "Y") @ Matrix.Rotation(-pitch, 3, "X") @ Matrix.Rotation(-roll, 3, "Z")
    to_blender = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
    return to_blender @ turn @ to_blender.transposed()


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZXY", "AXIS_ANGLE"])
def test_the_head_bone_turns_as_the_head_does(addon: Addon, publisher: PublisherProcess, mode: str) -> None:
    rig = armature_with_head()
    rig.pose.bones["Head"].rotation_mode = mode
    character = add_character(rig)
    assert (character.head, character.head_bone) == ("BONE", "Head")
    connect(publisher)
    publisher.tell("send 40 3")
    tick_frames(3)
    bone = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["Head"]
    expected = head_in_armature(42) @ bone.bone.matrix_local.to_3x3()
    np.testing.assert_allclose(np.array(bone.matrix.to_3x3()), np.array(expected), atol=1e-5)


def test_the_head_object_turns_about_its_own_rest(addon: Addon, publisher: PublisherProcess) -> None:
    mesh = face_mesh("Head", shape_names(addon))
    mesh.rotation_euler, mesh.location, mesh.scale = (0.3, 0.2, -0.5), (1, 2, 3), (2, 2, 2)
    rest = mesh.rotation_euler.to_matrix()
    character = add_character(mesh)
    assert (character.head, character.head_object) == ("OBJECT", mesh)
    character.gain_position, character.gain_scale = 1.0, 0.5
    connect(publisher)
    publisher.tell("send 0 1")
    tick_frames(1)
    publisher.tell("send 50 1")
    tick_frames(2)
    found = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world
    location, rotation, scale = found.decompose()
    np.testing.assert_allclose(np.array(rotation.to_matrix()), np.array(rest @ head_in_armature(50)), atol=1e-5)
    first, now = ((face.translation_px(seq), face.scale_px_per_cm(seq)) for seq in (0, 50))
    moved_cm = [(now[0][0] - 320) / now[1] - (first[0][0] - 320) / first[1], 0, 0]
    moved_cm[2] = (240 - now[0][1]) / now[1] - (240 - first[0][1]) / first[1]
    np.testing.assert_allclose(location, Vector((1, 2, 3)) + rest @ (0.01 * Vector(moved_cm)), atol=1e-5)
    size = 1 + 0.5 * (now[1] / first[1] - 1)
    np.testing.assert_allclose(scale, [2 * size] * 3, atol=1e-5)


def test_bones_and_properties_by_the_mapping(addon: Addon, publisher: PublisherProcess) -> None:
    config, mapping = addon("bl.config"), addon("core.mapping")
    rig = armature_with_head()
    rig.pose.bones["jaw"].rotation_mode = "XYZ"
    rig["smile"], rig.pose.bones["Head"]["brow"] = 0.0, 0.0
    character = add_character(rig)
    character.head = "NONE"
    entries = [
        mapping.Entry("JawOpen", "bone:jaw:rot_x", gain=0.5),
        mapping.Entry("JawLeft", "bone:jaw:loc_x", gain=0.25),
        mapping.Entry("JawForward", "bone:jaw:scale_y", gain=2),
        mapping.Entry("MouthSmile_L", "prop:smile"),
        mapping.Entry("BrowInnerUp", "prop:Head:brow"),
    ]
    config.set_mapping(character, mapping.ShapeMapping.of_entries(entries, target_range=(-2, 2)))
    connect(publisher)
    publisher.tell("send 0 4")
    tick_frames(4)
    sent = dict(zip(shape_names(addon), face.alpha_exp(3), strict=True))
    jaw = rig.pose.bones["jaw"]
    assert jaw.rotation_euler.x == pytest.approx(0.5 * sent["JawOpen"], abs=1e-5)
    assert jaw.location.x == pytest.approx(0.25 * sent["JawLeft"] * jaw.bone.length, abs=1e-5)
    assert jaw.scale.y == pytest.approx(1 + 2 * sent["JawForward"], abs=1e-5)
    assert rig["smile"] == pytest.approx(sent["MouthSmile_L"], abs=1e-6)
    assert rig.pose.bones["Head"]["brow"] == pytest.approx(sent["BrowInnerUp"], abs=1e-6)


def test_two_faces_drive_two_characters(addon: Addon, publisher: PublisherProcess) -> None:
    heads = [face_mesh(f"face {number}", ["JawOpen"], seed=number) for number in range(2)]
    for number, head in enumerate(heads):
        character = add_character(head)
        character.which_face, character.face_id = "ID", number
    connect(publisher)
    publisher.tell("send 5 1 0")
    publisher.tell("send 9 1 1")
    tick_frames(2)
    jaw = shape_names(addon).index("JawOpen")
    for head, seq in zip(heads, (5, 9), strict=True):
        value = head.data.shape_keys.key_blocks["JawOpen"].value
        assert value == pytest.approx(face.alpha_exp(seq)[jaw], abs=1e-6)


def test_a_muted_shape_goes_to_rest_and_others_are_never_touched(addon: Addon, publisher: PublisherProcess) -> None:
    head = face_mesh("head", ["JawOpen", "MouthSmile_L", "own"])
    keys = head.data.shape_keys.key_blocks
    keys["own"].value = 0.375
    character = add_character(head)
    connect(publisher)
    publisher.tell("send 0 2")
    tick_frames(2)
    assert keys["JawOpen"].value > 0
    next(entry for entry in character.entries if entry.target == "JawOpen").mute = True
    publisher.tell("send 2 1")
    tick_frames(3)
    assert keys["JawOpen"].value == 0
    smile = shape_names(addon).index("MouthSmile_L")
    assert keys["MouthSmile_L"].value == pytest.approx(face.alpha_exp(2)[smile], abs=1e-6)
    assert keys["own"].value == 0.375


def test_a_lost_face_eases_to_rest(addon: Addon, publisher: PublisherProcess) -> None:
    head = face_mesh("head", ["JawOpen"])
    character = add_character(head)
    character.patience_s, character.ease_s = 0.05, 0.1
    connect(publisher)
    publisher.tell("send 3 1")
    tick_frames(1)
    keys = head.data.shape_keys.key_blocks
    assert keys["JawOpen"].value > 0.1
    tick_until(lambda: keys["JawOpen"].value == 0)  # no frame comes any more
    publisher.tell("send 4 1")
    tick_frames(2)
    publisher.tell("send 5 1 0 lost")
    tick_frames(3)
    assert addon("bl.live").session().receiver.newest[0].tracked is False


def test_shape_keys_that_are_renamed_added_or_removed_meanwhile(addon: Addon, publisher: PublisherProcess) -> None:
    head = face_mesh("head", ["JawOpen", "MouthSmile_L", "EyeClose_L"])
    add_character(head)
    connect(publisher)
    keys = head.data.shape_keys.key_blocks
    publisher.tell("send 0 1")
    tick_frames(1)
    keys["JawOpen"].name = "mine"
    keys["mine"].value = 0.125
    head.shape_key_remove(keys["MouthSmile_L"])
    publisher.tell("send 1 1")
    tick_frames(2)
    lid = shape_names(addon).index("EyeClose_L")
    assert keys["EyeClose_L"].value == pytest.approx(face.alpha_exp(1)[lid], abs=1e-6)
    assert keys["mine"].value == 0.125
    bpy.data.objects.remove(head)
    publisher.tell("send 2 1")
    tick_frames(3)
    assert addon("bl.live").session().error == ""


def test_neutral_from_the_panel(addon: Addon, publisher: PublisherProcess) -> None:
    rig, head = armature_with_head(), face_mesh("head", shape_names(addon))
    character = add_character(head, rig)
    connect(publisher)
    publisher.tell("send 0 1")
    tick_frames(1)
    assert bpy.ops.rdr_live.take_neutral(seconds=0.2) == {"FINISHED"}
    publisher.tell("send 100 8")
    tick_until(lambda: character.calibrated)
    assert addon("bl.live").session().sampling.jobs == {}
    rest = np.minimum(np.median([face.alpha_exp(seq) for seq in range(100, 108)], axis=0), 0.6)
    sent = np.array(face.alpha_exp(130))
    publisher.tell("send 130 1")
    tick_frames(10)
    values = [head.data.shape_keys.key_blocks[name].value for name in shape_names(addon)]
    np.testing.assert_allclose(values, np.clip((sent - rest) / (1 - rest), 0, 1), atol=2e-3)
    middle = Quaternion(character.head_rest_rotation)
    assert middle.rotation_difference(Quaternion((1, 0, 0, 0))).angle > 0.1


def test_a_render_is_not_disturbed_and_ticks_go_on(addon: Addon, publisher: PublisherProcess) -> None:
    session = connect(publisher)
    before = session.ticks
    publisher.tell("send 0 2")
    tick_frames(2)
    assert session.ticks > before
    assert addon("bl.live").health().text.startswith("Running") or addon("bl.live").health().level != "bad"


def test_loading_a_file_ends_the_stream_and_its_recording(
    addon: Addon, publisher: PublisherProcess, tmp_path: Path
) -> None:
    live = addon("bl.live")
    head = face_mesh("head", ["JawOpen"])
    add_character(head)
    bpy.context.scene.rdr_live.countdown_s = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    connect(publisher)
    publisher.tell("send 0 3")
    tick_frames(3)
    assert bpy.ops.rdr_live.record() == {"FINISHED"}
    live.tick()
    publisher.tell("send 3 5")
    tick_frames(8)
    bpy.ops.wm.save_mainfile()  # saving changes nothing
    assert live.session() is not None
    assert bpy.app.timers.is_registered(live.tick)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert live.session() is None
    assert not bpy.app.timers.is_registered(live.tick)
    assert live.tick() is None
    assert [path.name for path in (tmp_path / "takes").iterdir()] == ["Take 01.mcap"]
    characters = bpy.context.scene.rdr_live.characters
    assert [character.name for character in characters] == ["head"]
    connect(publisher)  # and again, in the loaded file
    publisher.tell("send 20 1")
    tick_frames(1)
    jaw = shape_names(addon).index("JawOpen")
    value = bpy.data.objects["head"].data.shape_keys.key_blocks["JawOpen"].value
    assert value == pytest.approx(face.alpha_exp(20)[jaw], abs=1e-6)


def test_garbage_in_a_character_is_said_and_harms_no_other(addon: Addon, publisher: PublisherProcess) -> None:
    heads = [face_mesh(f"face {number}", ["JawOpen"], seed=number) for number in range(2)]
    for head in heads:
        add_character(head)
    bpy.context.scene.rdr_live.characters[0].entries[0].source = "Nose"
    connect(publisher)
    publisher.tell("send 0 2")
    tick_frames(2)
    live = addon("bl.live")
    first = bpy.context.scene.rdr_live.characters[0]
    assert "there is no 'Nose'" in live.problem_of(bpy.context.scene, first)
    assert heads[1].data.shape_keys.key_blocks["JawOpen"].value > 0
    assert heads[0].data.shape_keys.key_blocks["JawOpen"].value == 0


def test_another_machine_needs_permission_to_go_online(addon: Addon) -> None:
    if bpy.app.online_access:
        pytest.skip("this Blender may go online")
    preferences().address = "tcp://192.0.2.1:5570"
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.rdr_live.connect()


def test_memory_stays_flat_over_many_ticks(addon: Addon, publisher: PublisherProcess) -> None:
    resource = pytest.importorskip("resource")
    add_character(face_mesh("head", shape_names(addon)))
    connect(publisher)
    tick = addon("bl.live").tick
    publisher.tell("send 0 300")
    tick_frames(300)
    for _ in range(1000):
        tick()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for round_number in range(10):
        publisher.tell(f"send {300 + 100 * round_number} 100")
        for _ in range(1000):
            tick()
    tick_until(lambda: addon("bl.live").stats().frames == 1300)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 8_000, grown_kb


def test_the_tracker_is_asked_and_answers(addon: Addon, publisher: PublisherProcess) -> None:
    preferences().control_address = publisher.control
    session = connect(publisher)
    assert bpy.ops.rdr_live.ask_tracker(command="neutral") == {"FINISHED"}
    assert not bpy.ops.rdr_live.ask_tracker.poll()  # one thing at a time
    tick_until(lambda: not session.control.waiting)
    assert session.control.said == "asked for neutral, 1 s"
    preferences().property_unset("control_address")


def rdr(*words: str) -> str:
    """Run the tracker's program; return what it says."""
    code = "from avatar_bridge.cli import main; raise SystemExit(main())"
    run = subprocess.run([os.environ["RDR_PYTHON"], "-c", code, *words], check=True, capture_output=True, text=True)
    return run.stdout


def test_an_encrypted_stream(addon: Addon, tmp_path: Path) -> None:
    tracker, ours = tmp_path / "tracker", tmp_path / "ours"
    for folder in (tracker, ours):
        rdr("keys", "new", "--folder", str(folder))
    rdr("keys", "allow", "blender", str(ours / "own.key"), "--folder", str(tracker))
    (server_key,) = re.findall(r"\b[0-9a-f]{64}\b", rdr("keys", "show", "--folder", str(tracker)))[:1]
    chosen = preferences()
    item = face_mesh("face", shape_names(addon))
    add_character(item)
    publisher = PublisherProcess(tracker)
    try:
        chosen.server_key, chosen.control_address = server_key, publisher.control
        with pytest.raises(RuntimeError, match="needs an own key file"):
            connect(publisher)
        chosen.key_file = str(ours / "own.key_secret")
        session = connect(publisher)
        publisher.tell("send 0 2")
        tick_frames(2)
        jaw = shape_names(addon).index("JawOpen")
        value = item.data.shape_keys.key_blocks["JawOpen"].value
        assert value == pytest.approx(face.alpha_exp(1)[jaw], abs=1e-6)
        assert bpy.ops.rdr_live.ask_tracker(command="status") == {"FINISHED"}
        tick_until(lambda: not session.control.waiting)
        assert session.control.said == "asked for status, 1 s"
        chosen.server_key = ""  # without keys nothing comes, and the reason is said
        assert bpy.ops.rdr_live.connect() == {"FINISHED"}
        live = addon("bl.live")
        tick_until(lambda: live.stats().refused)
        assert live.health().level == "bad"
    finally:
        for name in ("server_key", "control_address", "key_file"):
            chosen.property_unset(name)
        publisher.close()
