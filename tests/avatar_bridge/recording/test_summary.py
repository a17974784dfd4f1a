from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.recording import Recorder, read_take
from avatar_bridge.recording.outline import outline
from avatar_bridge.recording.summary import Span, summarise

MakeFrame = Callable[..., FaceFrame]


@pytest.fixture
def two_faces(tmp_path: Path, make_frame: MakeFrame) -> Path:
    """Return a take of 4 s at 25 fps: face 0 is lost twice, face 1 is there in the first second only."""
    path = tmp_path / "take.mcap"
    seq = 0
    with Recorder(path, "test") as recorder:
        recorder.write(Hello(session="test", publish_time_ns=make_frame(0).publish_time_ns, versions={"rdr-live": "7"}))
        for n in range(101):
            time_ns = make_frame(n).capture_time_ns
            if n not in range(60, 76):  # silence from 2.36 to 3.04 s
                face = make_frame(seq, capture_time_ns=time_ns, tracked=n not in range(30, 41), user="anna")
                recorder.write(face, raw=True)
                recorder.write(face)
                seq += 1
            if n <= 25:
                recorder.write(make_frame(seq, capture_time_ns=time_ns, face_id=1))
                seq += 1
            if n == 90:
                seq += 3  # lost on the wire
    return path


def test_faces_spans_and_losses(two_faces: Path, make_frame: MakeFrame) -> None:
    progress: list[int] = []
    found = summarise(read_take(two_faces), progress.append)
    assert (found.frames, found.raw_frames, found.pictures, found.missed, found.sessions) == (111, 85, 85, 3, 1)
    assert (found.duration_s, found.start_ns) == (4.0, make_frame(0).capture_time_ns)
    assert found.rate_hz == pytest.approx(25)
    assert (found.users, found.versions) == (("anna",), {"rdr-live": "7"})
    first, second = found.faces
    assert (first.face_id, first.frames, first.tracked) == (0, 85, 74)
    assert np.allclose([(s.start_s, s.end_s) for s in first.lost], [(1.16, 1.64), (2.36, 3.04)])
    assert first.lost_s == pytest.approx(0.48 + 0.68)
    assert (second.face_id, second.seen, second.lost) == (1, Span(0.0, 1.0), ())
    assert found.report.is_whole


def test_the_outline_agrees(two_faces: Path, make_frame: MakeFrame) -> None:
    about = outline(read_take(two_faces))
    assert (about.filtered.frames, about.filtered.pictures, about.raw.frames, about.raw.pictures) == (111, 85, 85, 85)
    assert (about.filtered.start_ns, about.filtered.duration_s) == (make_frame(0).capture_time_ns, 4.0)
    assert about.filtered.rate_hz == pytest.approx(84 / 4)
    assert (about.complete, about.state, about.size_bytes) == (True, "whole", two_faces.stat().st_size)


def test_a_take_without_faces(tmp_path: Path) -> None:
    path = tmp_path / "take.mcap"
    with Recorder(path, "test") as recorder:
        recorder.write(Hello(session="test", publish_time_ns=5))
    found = summarise(read_take(path))
    assert (found.frames, found.faces, found.rate_hz, found.duration_s) == (0, (), 0.0, 0.0)
    assert outline(read_take(path)).filtered.frames == 0


def test_the_outline_of_a_take_that_is_being_written(tmp_path: Path, make_frame: MakeFrame) -> None:
    with Recorder(tmp_path / "take.mcap", "test") as recorder:
        for seq in range(50):
            recorder.write(make_frame(seq))
        about = outline(read_take(tmp_path / "take.mcap.partial"))
    assert about.state == "being written"
    assert 35 <= about.filtered.frames <= 50


def test_a_wrong_index_is_not_believed(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    frames = [make_frame(seq) for seq in range(50)]
    with Recorder(path, "test") as recorder:
        for frame in frames:
            recorder.write(frame)
    stamp = frames[0].capture_time_ns.to_bytes(8, "little")
    data = path.read_bytes()
    at = data.index(stamp, data.index(stamp) + 1)  # the first is the chunk's, the second the index's
    path.write_bytes(data[:at] + bytes(8) + data[at + 8 :])
    about = outline(read_take(path)).filtered
    assert (about.frames, about.start_ns) == (50, frames[0].capture_time_ns)
