"""Files appear when they are whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdr_core.atomic import whole_file


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.tar.gz"
    with whole_file(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".gz"
        temporary.write_bytes(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    with whole_file(path) as temporary:
        temporary.write_bytes(b"two")
        assert path.read_bytes() == b"one"
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_early_end_leaves_what_was(tmp_path: Path, ending: type[BaseException]) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"before")

    def write_half() -> None:
        with whole_file(path) as temporary:
            temporary.write_bytes(b"half")
            raise ending

    with pytest.raises(ending):
        write_half()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_without_an_ending(tmp_path: Path) -> None:
    with whole_file(tmp_path / "fits") as temporary:
        temporary.write_bytes(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["fits"]


def test_a_block_that_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="could not be written") as caught, whole_file(tmp_path / "a.png"):
        pass
    assert caught.value.filename == str(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError), whole_file(tmp_path / "a.png") as temporary:
        temporary.write_bytes(b"picture")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
