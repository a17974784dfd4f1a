from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap.writer import Writer

from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame, Hello, Message
from avatar_bridge.recording import Recorder, TakeFacts, read_take
from avatar_bridge.recording.repair import repair

MakeFrame = Callable[..., FaceFrame]


@pytest.fixture
def cut_take(tmp_path: Path, make_frame: MakeFrame) -> Path:
    """Return a take of 4 s with raw frames, without its last third."""
    path = tmp_path / "take.mcap"
    with Recorder(path, "test", source="clip.mp4", notes={"actor": "anna"}, facts=TakeFacts(user="anna")) as recorder:
        recorder.write(Hello(session="test", publish_time_ns=make_frame(0).publish_time_ns))
        for seq in range(100):
            recorder.write(make_frame(seq, confidence=0.5), raw=True)
            recorder.write(make_frame(seq))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    return path


def both_kinds(path: Path) -> tuple[list[Message], list[Message]]:
    take = read_take(path)
    return list(take), list(take.messages("raw"))


def test_a_cut_take_becomes_whole(cut_take: Path) -> None:
    before = both_kinds(cut_take)
    assert 50 < len(before[0]) < 100
    bytes_before = cut_take.read_bytes()
    metadata = dict(read_take(cut_take).metadata)
    progress: list[int] = []
    whole, kept, copied = repair(read_take(cut_take), progress.append)
    assert (whole, kept) == (cut_take, cut_take.with_name("take.mcap.cut"))
    assert kept.read_bytes() == bytes_before
    assert copied == len(before[0]) + len(before[1]) - 1  # Hello is in both
    after = read_take(whole)
    assert both_kinds(whole) == before
    list(after)
    assert after.report is not None
    assert after.report.is_whole
    assert after.metadata == metadata
    assert sorted(path.name for path in cut_take.parent.iterdir()) == ["take.mcap", "take.mcap.cut"]
    with whole.open("rb") as file:  # and other programs find their way in it
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert summary.statistics.message_count == copied
        assert {record.name for record in reader.iter_metadata()} == {"rdr_take", "rdr_repair"}


def test_a_partial_take_gets_its_name(cut_take: Path) -> None:
    partial = cut_take.rename(cut_take.with_name("take.mcap.partial"))
    before = both_kinds(partial)
    whole, kept, _ = repair(read_take(partial))
    assert both_kinds(whole) == before
    assert (
        sorted(path.name for path in cut_take.parent.iterdir())
        == ["take.mcap", "take.mcap.cut"]
        == [
            whole.name,
            kept.name,
        ]
    )


def test_a_damaged_chunk_is_left_out(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    with Recorder(path, "test") as recorder:
        for seq in range(100):
            recorder.write(make_frame(seq))
    data = bytearray(path.read_bytes())
    data[data.index(b"zstd") + 60] ^= 0xFF  # the first, with the channels in it
    path.write_bytes(data)
    before = both_kinds(path)
    assert 80 < len(before[0]) < 100
    repair(read_take(path))
    assert both_kinds(path) == before


def test_what_cannot_be_repaired_stays_as_it_is(cut_take: Path, make_frame: MakeFrame) -> None:
    folder = cut_take.parent
    recorder = Recorder(folder / "now.mcap", "test")
    recorder.write(make_frame(0))
    with pytest.raises(RecordingError, match="is being written"):
        repair(read_take(folder / "now.mcap.partial"))
    recorder.close()
    with pytest.raises(RecordingError, match="is whole"):
        repair(read_take(folder / "now.mcap"))
    empty = folder / "empty.mcap"
    empty.write_bytes(b"\x89MCAP")
    with pytest.raises(RecordingError, match="no message that can be read"):
        repair(read_take(empty))
    (folder / "take.mcap.cut").write_bytes(b"older")
    with pytest.raises(RecordingError, match="there already"):
        repair(read_take(cut_take))
    assert (folder / "take.mcap.cut").read_bytes() == b"older"
    names = ["empty.mcap", "now.mcap", "take.mcap", "take.mcap.cut"]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_what_another_program_wrote_is_kept(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "other.mcap"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()
        schema = writer.register_schema("point", "jsonschema", b"{}")
        channel = writer.register_channel("/lidar", "json", schema, {"unit": "m"})
        writer.add_message(channel, 1, b'{"x": 1}', 2, 3)
        writer.finish()
    path.write_bytes(path.read_bytes()[:-20])
    repair(read_take(path))
    with path.open("rb") as file:
        [(schema_read, channel_read, message)] = make_reader(file).iter_messages()
    assert schema_read is not None
    assert (schema_read.name, channel_read.topic, channel_read.metadata) == ("point", "/lidar", {"unit": "m"})
    assert (message.log_time, message.publish_time, message.sequence, message.data) == (1, 2, 3, b'{"x": 1}')
