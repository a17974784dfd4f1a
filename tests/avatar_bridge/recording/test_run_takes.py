from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import read_take
from avatar_bridge.recording.facts import TakeFacts
from avatar_bridge.recording.run_takes import RunTakes

MakeFrame = Callable[..., FaceFrame]
LimitFiles = Callable[[int], AbstractContextManager[None]]


def takes_in(folder: Path, said: list[str]) -> RunTakes:
    return RunTakes(folder, "test", "camera 0", TakeFacts(), said.append)


def test_takes_one_after_another(tmp_path: Path, make_frame: MakeFrame) -> None:
    said: list[str] = []
    with takes_in(tmp_path / "new" / "folder", said) as takes:
        takes.write([make_frame(0)], [make_frame(0)])  # nobody asked for it
        for name in ("a", "b"):
            takes.start_named(name)
            assert (takes.name, takes.trouble) == (name, None)
            takes.write([make_frame(1)], [make_frame(1)])
            if name == "a":
                assert takes.stop() == (tmp_path / "new" / "folder" / "a.mcap", 2)
                assert (takes.name, takes.messages) == (None, 0)
    takes.close()
    assert [path.stem for path in takes.written] == ["a", "b"]
    assert list(read_take(takes.written[1])) == [make_frame(1)]
    assert (takes.broken, said) == ([], [])


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        takes_in(tmp_path / "file" / "takes", []) as takes,
        pytest.raises(RecordingError, match=r"no folder .* can be made"),
    ):
        takes.start_named("a")
    assert takes.name is None


def test_a_full_disk_is_told_and_the_next_take_is_tried(
    tmp_path: Path, make_frame: MakeFrame, no_file_over: LimitFiles
) -> None:
    said: list[str] = []
    with takes_in(tmp_path, said) as takes:
        takes.start_named("a")
        with no_file_over(20_000):
            for seq in range(300):
                takes.write([make_frame(seq)], [])
        assert takes.trouble is not None
        assert said == [f"{takes.trouble}; tracking goes on"]
        with pytest.raises(RecordingError):
            takes.stop()
        takes.start_named("b")
        takes.write([make_frame(0)], [])
    assert ([p.stem for p in takes.written], [p.stem for p in takes.broken]) == (["b"], ["a"])
