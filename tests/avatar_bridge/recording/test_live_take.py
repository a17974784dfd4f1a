from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import LiveTake, Recorder, read_take

MakeFrame = Callable[..., FaceFrame]
LimitFiles = Callable[[int], AbstractContextManager[None]]


def test_it_keeps_both_kinds_of_frames(tmp_path: Path, make_frame: MakeFrame) -> None:
    said: list[str] = []
    raw, sent = [make_frame(0, confidence=0.5)], [make_frame(0)]
    with LiveTake(Recorder(tmp_path / "take.mcap", "test"), said.append) as take:
        take.write(sent, raw)
    assert (take.error, said) == (None, [])
    assert list(read_take(tmp_path / "take.mcap")) == sent
    assert list(read_take(tmp_path / "take.mcap").messages("raw")) == raw


def test_a_full_disk_ends_the_take_and_nothing_else(
    tmp_path: Path, make_frame: MakeFrame, no_file_over: LimitFiles
) -> None:
    said: list[str] = []
    frames = [make_frame(seq) for seq in range(200)]
    with no_file_over(20_000), LiveTake(Recorder(tmp_path / "take.mcap", "test"), said.append) as take:
        for frame in frames:
            take.write([frame])
    assert isinstance(take.error, RecordingError)
    assert len(said) == 1
    assert said[0].endswith("; tracking goes on")
    assert [path.name for path in tmp_path.iterdir()] == ["take.mcap.partial"]
    kept = list(read_take(tmp_path / "take.mcap.partial"))
    assert 10 <= len(kept) < 200
    assert kept == frames[: len(kept)]


def test_a_failure_at_the_end_is_said(tmp_path: Path, make_frame: MakeFrame) -> None:
    said: list[str] = []
    recorder = Recorder(tmp_path / "take.mcap", "test")
    with LiveTake(recorder, said.append) as take:
        take.write([replace(make_frame(0), user="anna")])
        (tmp_path / "take.mcap.partial").unlink()
    assert isinstance(take.error, RecordingError)
    assert said == [str(take.error)]
    assert "cannot finish" in said[0]
