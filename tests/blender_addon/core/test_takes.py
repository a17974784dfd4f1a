from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender_addon.core.errors import TakeError
from blender_addon.core.livelink_csv import read_livelink_csv
from blender_addon.core.mapping_file import load_preset
from blender_addon.core.mcap_file import (
    CHUNK,
    MAGIC,
    channel_record,
    end_of_file,
    message_record,
    metadata_record,
    record,
    text,
)
from blender_addon.core.npz_file import read_npz
from blender_addon.core.receiver import Received
from blender_addon.core.shapes import SHAPE_NAMES
from blender_addon.core.take_file import TakeWriter, safe_name
from blender_addon.core.take_reader import read_take
from blender_addon.core.track import FaceTrack

from .conftest import FRAME_NS, START_NS, frame_of, wire_of

MakeReceived = Callable[..., Received]


def write_take(path: Path, make: MakeReceived, count: int = 10, **changes: Any) -> Path:
    writer = TakeWriter(path, {"name": "test"})
    writer.write([make(seq, **changes) for seq in range(count)])
    return writer.close()


def test_a_take_holds_what_came(tmp_path: Path, make_received: MakeReceived) -> None:
    writer = TakeWriter(tmp_path / "a.mcap", {"name": "blinks"})
    for seq in range(20):
        writer.write([make_received(seq), make_received(seq, face_id=3, tracked=seq > 15)])
        assert (tmp_path / "a.mcap.partial").exists()
    writer.note({"end_frame": "7"})
    assert writer.close() == writer.close() == tmp_path / "a.mcap"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]
    take = read_take(tmp_path / "a.mcap")
    assert (take.trouble, take.complete) == ("", True)
    assert take.notes["name"] == "blinks"
    assert take.notes["end_frame"] == "7"
    assert [track.face_id for track in take.tracks] == [0, 3]
    track = take.tracks[0]
    assert track.time_ns.tolist() == [START_NS + seq * FRAME_NS for seq in range(20)]
    np.testing.assert_array_equal(track.weights[7], frame_of(7).alpha_exp)
    assert track.rate_hz == 25
    assert list(track.frames())[7].capture_time_ns == frame_of(7).capture_time_ns


def test_the_program_reads_our_takes(tmp_path: Path, make_received: MakeReceived) -> None:
    pytest.importorskip("mcap", reason="the tracker's program is not installed here")
    recording = pytest.importorskip("avatar_bridge.recording")
    take = recording.read_take(write_take(tmp_path / "a.mcap", make_received))
    assert [message.seq for message in take] == list(range(10))
    assert take.report.is_whole
    assert take.metadata["name"] == "test"


def test_we_read_the_programs_takes(tmp_path: Path) -> None:
    pytest.importorskip("mcap", reason="the tracker's program is not installed here")
    recording = pytest.importorskip("avatar_bridge.recording")
    import zstandard

    from avatar_bridge.codec import decode

    with recording.Recorder(tmp_path / "a.mcap", "test") as recorder:
        for seq in range(30):
            recorder.write(decode(wire_of(seq)))
    take = read_take(tmp_path / "a.mcap", lambda data, size: zstandard.ZstdDecompressor().decompress(data, size))
    assert take.trouble == ""
    assert take.notes["session"] == "test"
    np.testing.assert_array_equal(take.tracks[0].weights[29], frame_of(29).alpha_exp)
    with pytest.raises(TakeError, match="compression 'zstd' cannot be read here"):
        read_take(tmp_path / "a.mcap")


@pytest.mark.parametrize("part", [0.3, 0.7, 0.99])
def test_a_torso_is_read_as_far_as_it_goes(tmp_path: Path, make_received: MakeReceived, part: float) -> None:
    writer = TakeWriter(tmp_path / "a.mcap")
    writer.write([make_received(seq) for seq in range(50)])
    partial = tmp_path / "a.mcap.partial"  # as a crash leaves it: nobody calls close()
    whole = partial.read_bytes()
    partial.write_bytes(whole[: int(part * len(whole))])
    take = read_take(partial)
    assert take.trouble == "it was cut off"
    assert 0.3 * 50 * part < len(take.tracks[0]) < 50
    writer.close()


def test_a_damaged_message_costs_itself_only(tmp_path: Path, make_received: MakeReceived) -> None:
    path = write_take(tmp_path / "a.mcap", make_received, 10)
    data = bytearray(path.read_bytes())
    place = data.index(b"quaternion", data.index(b"quaternion") + 20)
    data[place : place + 4] = b"XXXX"
    path.write_bytes(data)
    take = read_take(path)
    assert (len(take.tracks[0]), take.skipped) == (9, 1)
    assert "1 messages" in take.trouble


def test_raw_frames_beside_the_published_ones(tmp_path: Path) -> None:
    def messages(channel: int, face_id: int) -> bytes:
        times = (START_NS, START_NS + FRAME_NS)
        return b"".join(message_record(channel, 0, t, t, wire_of(face_id=face_id, capture_time_ns=t)) for t in times)

    head = MAGIC + channel_record(1, 0, "/face_frame", "msgpack") + channel_record(3, 0, "/face_frame/raw", "msgpack")
    path = tmp_path / "both.mcap"
    path.write_bytes(head + messages(3, 8) + messages(1, 7) + end_of_file())
    assert [(track.face_id, len(track)) for track in read_take(path).tracks] == [(7, 2)]
    path.write_bytes(head + messages(3, 8) + end_of_file())
    assert [(track.face_id, len(track)) for track in read_take(path).tracks] == [(8, 2)]


def test_a_take_of_a_video_knows_where_the_video_starts(tmp_path: Path) -> None:
    path = tmp_path / "video.mcap"
    frame = wire_of(capture_time_ns=START_NS + 5, source_time_ns=2 * FRAME_NS)
    note = metadata_record("rdr_take", {"source": "clip.mp4"})
    path.write_bytes(MAGIC + note + message_record(1, 0, START_NS, 0, frame) + end_of_file())
    take = read_take(path)
    assert take.file_start_ns == START_NS + 5 - 2 * FRAME_NS
    assert take.notes == {"source": "clip.mp4"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no take at all",
        MAGIC,
        MAGIC + record(0x01, b"\xff" * 8) + end_of_file(),
        MAGIC + record(CHUNK, b"\0" * 40) + end_of_file(),
        MAGIC + b"\x05" + (2**62).to_bytes(8, "little"),
        MAGIC + message_record(1, 0, 0, 0, b"garbage") + end_of_file(),
        MAGIC + record(0x0C, text("rdr_take") + b"\xff\xff\xff\xff"),
        MAGIC + record(0x05, b"\1"),
    ],
)
def test_what_is_no_take_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mcap"
    path.write_bytes(content)
    with pytest.raises(TakeError) as caught:
        read_take(path)
    assert "\n" not in str(caught.value)


def test_a_take_is_never_overwritten(tmp_path: Path, make_received: MakeReceived) -> None:
    path = write_take(tmp_path / "a.mcap", make_received)
    before = path.read_bytes()
    with pytest.raises(TakeError, match="choose another name"):
        TakeWriter(path)
    assert path.read_bytes() == before
    with pytest.raises(TakeError, match="cannot create"):
        TakeWriter(path / "below a file" / "b.mcap")


def test_safe_names() -> None:
    assert safe_name(" ../a:b*c? ") == "_a_b_c_"
    assert safe_name("Grüße 2") == "Grüße 2"
    assert safe_name("...") == "take"


def arrays(count: int = 5, names: tuple[str, ...] = SHAPE_NAMES) -> dict[str, Any]:
    return {
        "time_ns": START_NS + np.arange(count) * FRAME_NS,
        "names": names,
        "weights": np.full((count, len(names)), 0.25, np.float32),
        "quaternion": np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        "translation_px": np.zeros((count, 3), np.float32),
        "scale_px_per_cm": np.full(count, 20, np.float32),
        "source_size_px": np.tile(np.array([640, 480]), (count, 1)),
        "tracked": np.ones(count, bool),
        "confidence": np.ones(count, np.float32),
    }


def write_npz(path: Path, **changes: Any) -> Path:
    content = arrays() | {"format": "rdr-track", "version": 1, "face_id": 2} | changes
    np.savez(path, **{name: np.array(value) for name, value in content.items() if value is not None})
    return path


def test_an_npz_of_the_program(tmp_path: Path) -> None:
    track = read_npz(write_npz(tmp_path / "a.npz"))
    assert (len(track), track.face_id, track.names) == (5, 2, SHAPE_NAMES)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "other"},
        {"version": 9},
        {"weights": None},
        {"weights": np.full((5, 46), np.nan, np.float32)},
        {"weights": np.zeros((4, 46), np.float32)},
        {"names": np.array(5)},
        {"time_ns": np.zeros(5, np.int64)},
        {"tracked": np.ones(5, np.float32)},
        {"quaternion": np.zeros((5, 4), np.float32)},
        {"face_id": np.arange(3)},
    ],
)
def test_an_npz_that_is_no_track(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(TakeError) as caught:
        read_npz(write_npz(tmp_path / "a.npz", **changes))
    assert "\n" not in str(caught.value)


def test_npz_never_unpickles(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", format=np.array({"a": 1}, object))
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 garbage")
    for name in ("a.npz", "b.npz", "none.npz"):
        with pytest.raises(TakeError):
            read_npz(tmp_path / name)


def test_arkits_shapes_become_facewarehouses() -> None:
    names = load_preset("arkit").targets
    values = arrays(names=names)
    values["weights"][:] = 0
    values["weights"][:, names.index("jawOpen")] = 0.5
    track = FaceTrack(**values).as_facewarehouse()
    assert track.names == SHAPE_NAMES
    assert track.weights[0, SHAPE_NAMES.index("JawOpen")] == pytest.approx(0.5)
    turned = FaceTrack(**(arrays() | {"names": SHAPE_NAMES[::-1]})).as_facewarehouse()
    assert turned.names == SHAPE_NAMES
    with pytest.raises(TakeError, match="cannot be read"):
        FaceTrack(**arrays(names=("a", "b"))).as_facewarehouse()


HEADER = "Timecode,BlendShapeCount,{},HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw"


def write_csv(path: Path, rows: list[str], names: str = "EyeBlinkLeft,JawOpen") -> Path:
    path.write_text("\n".join([HEADER.format(names), *rows]) + "\n", encoding="utf-8")
    return path


def test_a_live_link_face_csv_by_column_names_and_timecode(tmp_path: Path) -> None:
    rows = ["23:59:59:58.500,61,0.25,0.5,0.1,-0.2,0.3,0", "23:59:59:59.000,61,0.5,1,0,0,0,0", "", "00:00:00:00.000,0"]
    track = read_livelink_csv(write_csv(tmp_path / "a.csv", rows))
    assert np.diff(track.time_ns).tolist() == pytest.approx([1e9 / 120, 1e9 / 60], abs=2)
    assert track.tracked.tolist() == [True, True, False]
    assert track.weights[:, track.names.index("jawOpen")].tolist() == [0.5, 1, 1]
    assert track.weights[:, track.names.index("eyeBlinkLeft")].tolist() == [0.25, 0.5, 0.5]
    swapped = read_livelink_csv(
        write_csv(tmp_path / "b.csv", ["0:0:0:0,61,0.5,0.25,0.1,-0.2,0.3,0"], "JawOpen,EyeBlinkLeft")
    )
    assert swapped.weights[0].tolist() == track.weights[0].tolist()
    np.testing.assert_allclose(swapped.quaternion[0], track.quaternion[0])


def test_the_head_of_a_csv_turns_as_the_program_says(tmp_path: Path) -> None:
    rotation = pytest.importorskip("rdr_core.geometry.rotation", reason="the tracker's program is not installed here")
    track = read_livelink_csv(write_csv(tmp_path / "a.csv", ["0:0:0:0,61,0,0,0.1,-0.2,0.3,0"]))
    ours = rotation.quaternion_from_euler(np.array([0.2, -0.1, 0.3]))  # pitch, yaw, roll in our signs
    np.testing.assert_allclose(track.quaternion[0], ours, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "its first line must name Timecode"),
        ("Timecode,EyeBlinkLeft\nxx,0\n", "line 2: a timecode must be"),
        ("Timecode,EyeBlinkLeft\n0:0:0:0,zero\n", "line 2: a value must be"),
        ("Timecode,EyeBlinkLeft\n0:0:0:0,1e9\n", "line 2: a value must be"),
        ("Timecode,EyeBlinkLeft\n", "no row with a face"),
        ("", "first line"),
    ],
)
def test_a_csv_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(TakeError, match=said):
        read_livelink_csv(tmp_path / "a.csv")


def test_the_golden_csv_of_the_program(tmp_path: Path) -> None:
    golden = Path(__file__).parents[2] / "golden" / "livelink.csv"
    if not golden.exists():
        pytest.skip("tests/golden/livelink.csv comes with rdr convert")
    track = read_livelink_csv(golden)
    assert track.weights.shape == (len(track), 52)
    assert json.loads(json.dumps(track.tracked.tolist()))[0] is True
