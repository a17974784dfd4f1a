from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import Writer

from avatar_bridge.codec import encode
from avatar_bridge.config import SmoothingConfig
from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame, Hello, Message
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import Recorder, Take, TakeFacts, read_take, recorder, scan
from avatar_bridge.subscriber import Subscriber
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

MakeFrame = Callable[..., FaceFrame]
LimitFiles = Callable[[int], AbstractContextManager[None]]
STRANGE = (
    "",
    "null",
    "0",
    "-1",
    "30",
    "1e999",
    "NaN",
    "[1, 2]",
    "[0, 70000]",
    '["a", 3]',
    "{}",
    "[" * 10_000,
    "9" * 5000,
)


def messages_of(make_frame: MakeFrame, count: int = 90) -> list[Message]:
    hello = Hello(session="test", publish_time_ns=1_700_000_000_000_000_000, rate_hz=25.0)
    return [hello, *(make_frame(seq, face_id=seq % 2) for seq in range(count))]


def record(path: Path, messages: Iterable[Message]) -> None:
    with Recorder(path, session="test", source="camera 0", notes={"actor": "anna"}) as writer:
        for message in messages:
            writer.write(message)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every message end a chunk, as if it were a second after the last."""
    monkeypatch.setattr(recorder, "_FLUSH_INTERVAL_S", 0.0)


def test_everything_is_read_back_identically(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    written = messages_of(make_frame)
    record(path, written)
    take = read_take(path)
    assert list(take) == written
    assert list(take) == written
    assert take.report is not None
    assert take.report.is_whole
    assert take.metadata["session"] == "test"
    assert take.metadata["source"] == "camera 0"
    assert take.metadata["actor"] == "anna"
    assert take.metadata["protocol"] == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["take.mcap"]


def test_other_mcap_readers_read_it(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    written = messages_of(make_frame, 5)
    record(path, written)
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        found = [(c.topic, c.message_encoding, s.name, m) for s, c, m in reader.iter_messages() if s is not None]
        summary = reader.get_summary()
    assert summary is not None
    assert summary.statistics is not None
    assert summary.statistics.message_count == 6
    assert {encoding for _, encoding, _, _ in found} == {"msgpack"}
    frames = [m for topic, _, schema, m in found if (topic, schema) == ("/face_frame", "rdr.face_frame")]
    assert [(m.log_time, m.publish_time, m.sequence, m.data) for m in frames] == [
        (f.capture_time_ns, f.publish_time_ns, f.seq, encode(f)) for f in written if isinstance(f, FaceFrame)
    ]
    assert [m.publish_time for topic, _, _, m in found if topic == "/hello"] == [1_700_000_000_000_000_000]


@pytest.mark.usefixtures("small_chunks")
def test_damage_in_the_middle_costs_one_chunk(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    written = messages_of(make_frame, 20)
    record(path, written)
    data = bytearray(path.read_bytes())
    place = data.index(b"zstd", len(data) // 3) + 60
    data[place] ^= 0xFF
    path.write_bytes(data)
    take = Take(path)
    read = list(take)
    assert len(read) == len(written) - 1
    assert all(message in written for message in read)
    assert take.report is not None
    assert (take.report.chunks_damaged, take.report.complete, take.report.is_whole) == (1, True, False)


@pytest.fixture(scope="module")
def short_take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("takes") / "short.mcap"
    record(path, [Hello(session="s", publish_time_ns=i) for i in range(5)])
    return path


@given(data=st.data())
def test_any_damage_is_survived(short_take: Path, data: st.DataObject) -> None:
    path = short_take.with_name("damaged.mcap")
    damaged = bytearray(short_take.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        take = Take(path)
    except RecordingError:
        return
    for message in take:
        assert isinstance(message, Hello)
    assert take.report is not None


def test_an_error_in_the_middle_keeps_the_take(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    written = messages_of(make_frame, 3)

    def performance() -> Iterable[Message]:
        yield from written
        raise KeyError("the tracker failed")

    with pytest.raises(KeyError):
        record(path, performance())
    assert list(Take(path)) == written


@pytest.mark.usefixtures("small_chunks")
def test_what_a_crash_leaves_can_be_read(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    written = messages_of(make_frame, 3)
    writer = Recorder(path, session="test")
    for message in written:
        writer.write(message)
    partial = tmp_path / "take.mcap.partial"
    assert list(Take(partial)) == written
    with pytest.raises(RecordingError, match="being written by another program"):
        Recorder(path, session="test")
    writer.close()
    writer.close()
    assert not partial.exists()
    with pytest.raises(RecordingError, match="closed"):
        writer.write(written[0])


def test_an_older_take_is_never_lost(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    record(path, messages_of(make_frame, 1))
    with pytest.raises(RecordingError, match="there already"):
        Recorder(path, session="test")
    with Recorder(path, session="test", overwrite=True) as writer:
        assert len(list(Take(path))) == 2  # until the new one is finished
        writer.write(make_frame(9))
    assert list(Take(path)) == [make_frame(9)]


def test_impossible_places_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"end in \.mcap"):
        Recorder(tmp_path / "take.csv", session="test")
    with pytest.raises(RecordingError, match="cannot create"):
        Recorder(tmp_path / "missing" / "take.mcap", session="test")


def test_a_full_disk_is_one_line_and_keeps_what_was_written(
    tmp_path: Path, make_frame: MakeFrame, no_file_over: LimitFiles
) -> None:
    path = tmp_path / "take.mcap"
    written = messages_of(make_frame, 2000)
    with pytest.raises(RecordingError, match=r"what was written is kept: .*--repair") as caught, no_file_over(40_000):
        record_each_chunk(path, written)
    assert "\n" not in str(caught.value)
    assert not path.exists()
    read = list(Take(tmp_path / "take.mcap.partial"))
    assert 10 < len(read) < 2000
    assert read == written[: len(read)]


def test_a_disk_that_is_full_from_the_start_is_left_as_it_was(tmp_path: Path, no_file_over: LimitFiles) -> None:
    with pytest.raises(RecordingError, match="cannot write") as caught, no_file_over(10):
        Recorder(tmp_path / "take.mcap", session="test")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def record_each_chunk(path: Path, messages: Iterable[Message]) -> None:
    writer = Recorder(path, session="test")
    try:
        for message in messages:
            writer.write(message)
            writer._next_flush_s = 0
    finally:
        writer.close()


def test_what_is_left_of_an_older_take_is_not_overwritten(tmp_path: Path) -> None:
    partial = tmp_path / "take.mcap.partial"
    partial.write_bytes(b"x")
    with pytest.raises(RecordingError, match=r"left from a take that was not finished: rdr takes --repair .*partial"):
        Recorder(tmp_path / "take.mcap", session="test")
    assert partial.read_bytes() == b"x"


@pytest.mark.parametrize("content", [b"n", b"no take at all", bytes(1000)])
def test_what_is_no_take_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "take.mcap"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="is no take") as caught:
        Take(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(RecordingError, match="cannot open"):
        Take(tmp_path / "missing.mcap")
    with pytest.raises(RecordingError, match="cannot open"):
        Take(tmp_path)


@pytest.mark.parametrize(("name", "protocol", "take"), [("protocol", 2, 1), ("take", 1, 2)])
def test_a_take_of_a_newer_program_is_one_line(tmp_path: Path, name: str, protocol: int, take: int) -> None:
    path = tmp_path / "new.mcap"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()
        versions = {"rdr-live": "9.1", "protocol": str(protocol), "take": str(take)}
        writer.add_metadata(recorder.METADATA_NAME, versions)
        writer.finish()
    with pytest.raises(
        RecordingError, match=rf"has {name} version '2', written by rdr-live '9\.1'; .* update"
    ) as caught:
        Take(path)
    assert "\n" not in str(caught.value)


def test_raw_frames_stand_beside_the_published_ones(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    hello = Hello(session="test", publish_time_ns=make_frame(0).publish_time_ns)
    sent = [make_frame(seq, source_time_ns=seq * 40_000_000) for seq in range(50)]
    raw = [replace(frame, publish_time_ns=0, confidence=0.5) for frame in sent]
    with Recorder(path, session="test") as writer:
        writer.write(hello)
        for one, other in zip(raw, sent, strict=True):
            writer.write(one, raw=True)
            writer.write(other)
    take = read_take(path)
    assert list(take) == [hello, *sent]
    assert list(take.messages("raw")) == [hello, *raw]
    assert list(take.frames("raw", start_ns=sent[40].capture_time_ns)) == raw[40:]
    assert list(take.frames(start_ns=sent[40].capture_time_ns)) == sent[40:]
    with path.open("rb") as file:
        stored = [(c.topic, m.publish_time, m.sequence) for _, c, m in make_reader(file).iter_messages()]
    assert ("/face_frame/raw", raw[7].capture_time_ns, 7) in stored


def test_a_seek_does_not_unpack_what_is_before(
    tmp_path: Path, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "take.mcap"
    record(path, messages_of(make_frame, 250))
    unpacked: list[bytes] = []
    real = scan.unpack
    monkeypatch.setattr(scan, "unpack", lambda body: unpacked.append(body) or real(body))
    take = read_take(path)
    assert next(take.frames(start_ns=make_frame(240).capture_time_ns)) == make_frame(240)
    assert len(unpacked) <= 4  # for the channels, twice, and the one that was sought, of 20


@pytest.mark.usefixtures("small_chunks")
def test_the_topics_are_known_without_the_first_chunk(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    with Recorder(path, session="test") as writer:
        for seq in range(4):
            writer.write(make_frame(seq, confidence=0.5), raw=True)
            writer.write(make_frame(seq))
    data = bytearray(path.read_bytes())
    data[data.index(b"zstd") + 60] ^= 0xFF
    path.write_bytes(data)
    take = read_take(path)
    assert list(take) == [make_frame(seq) for seq in range(4)]
    assert list(take.frames("raw")) == [make_frame(seq, confidence=0.5) for seq in (1, 2, 3)]


def test_facts_come_back(tmp_path: Path) -> None:
    path = tmp_path / "take.mcap"
    facts = TakeFacts(
        source_size_px=(1280, 720),
        source_rate_hz=29.97,
        network="live.onnx",
        network_sha256="ab" * 32,
        smoothing="normal",
        filters=asdict(SmoothingConfig()),
        user="123",
        blendshape_names=BLENDSHAPE_NAMES,
    )
    Recorder(path, session="test", source="clip.mp4", notes={"take": "mine", "actor": "anna"}, facts=facts).close()
    take = read_take(path)
    assert take.facts == facts
    assert (take.metadata["actor"], take.metadata["take"], take.metadata["source"]) == ("anna", "1", "clip.mp4")


@given(st.dictionaries(st.sampled_from([f.name for f in fields(TakeFacts)]), st.sampled_from(STRANGE)))
def test_facts_that_cannot_be_right_are_left_out(metadata: dict[str, str]) -> None:
    facts = TakeFacts.from_metadata(metadata)
    assert facts.source_rate_hz is None or 0 < facts.source_rate_hz <= 1000
    assert facts.source_size_px is None or all(0 < side < 65536 for side in facts.source_size_px)
    assert TakeFacts.from_metadata(facts.as_metadata()) == facts


def test_takes_of_other_programs_are_skipped_and_counted(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "other.mcap"
    with path.open("wb") as file:
        writer = Writer(file, use_chunking=False)
        writer.start()
        channel = writer.register_channel("/lidar", "json", 0)
        writer.add_message(channel, 1, b"{}", 1)
        writer.add_message(channel, 2, encode(make_frame(4)), 2)
        writer.finish()
    take = Take(path)
    assert list(take) == [make_frame(4)]
    assert take.report is not None
    assert (take.report.messages_skipped, take.report.complete) == (1, True)


def test_a_stream_recorded_over_the_wire_is_what_was_sent(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    with (
        Publisher("tcp://127.0.0.1:*", session="test") as publisher,
        Subscriber(publisher.endpoint) as subscriber,
        Recorder(path, session="test") as writer,
    ):
        while subscriber.hello is None:
            subscriber.poll(100)
        sent = [publisher.publish(replace(make_frame(seq), user="anna")) for seq in range(30)]
        while subscriber.stats().frames < 30:
            for message in subscriber.poll(100):
                writer.write(message)
    assert [message for message in Take(path) if isinstance(message, FaceFrame)] == sent


def test_a_clock_that_is_set_back_changes_no_order(tmp_path: Path, make_frame: MakeFrame) -> None:
    hour_ns = 3_600_000_000_000
    frames = [make_frame(seq) for seq in range(60)]
    frames[30:] = [replace(frame, capture_time_ns=frame.capture_time_ns - hour_ns) for frame in frames[30:]]
    with Recorder(tmp_path / "take.mcap", "test") as recorder:
        for frame in frames:
            recorder.write(frame)
    assert list(read_take(tmp_path / "take.mcap").frames()) == frames
