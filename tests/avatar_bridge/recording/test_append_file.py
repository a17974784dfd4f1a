from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from avatar_bridge.recording.append_file import AppendFile, is_being_written


def test_it_grows_by_whole_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    file = AppendFile(path)
    file.write(b"one ")
    file.write(memoryview(b"piece"))
    assert (path.read_bytes(), file.tell()) == (b"", 9)
    file.flush()
    file.write(b", lost")
    assert (path.read_bytes(), file.tell()) == (b"one piece", 15)
    file.close()
    assert path.read_bytes() == b"one piece"
    with pytest.raises(FileExistsError):
        AppendFile(path)


def test_a_piece_that_does_not_fit_is_taken_back(
    tmp_path: Path, no_file_over: Callable[[int], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "file"
    file = AppendFile(path)
    file.write(b"x" * 600)
    file.flush()
    file.write(b"y" * 600)
    with no_file_over(1000), pytest.raises(OSError, match="too large"):
        file.flush()
    assert path.read_bytes() == b"x" * 600
    file.close()


def test_others_see_that_it_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert not is_being_written(path)
    file = AppendFile(path)
    assert is_being_written(path)
    file.close()
    assert not is_being_written(path)
