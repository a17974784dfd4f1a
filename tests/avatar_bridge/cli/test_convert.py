"""`rdr convert` as a program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from avatar_bridge.convert.take_file import write_take
from avatar_bridge.recording import read_take
from avatar_bridge.tracks import FaceTrack, read_tracks

MakeTrack = Callable[..., FaceTrack]


def rdr_convert(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "avatar_bridge.cli", "convert", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def take(make_track: MakeTrack, tmp_path: Path) -> Path:
    write_take(tmp_path / "take.mcap", make_track())
    return tmp_path / "take.mcap"


def test_to_csv_and_back(take: Path, tmp_path: Path) -> None:
    done = rdr_convert(take, tmp_path / "out" / "a.csv", "--fps", 30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"wrote {tmp_path}/out/a.csv: face 3, ")
    assert "at 30 fps" in done.stdout
    done = rdr_convert(tmp_path / "out" / "a.csv", tmp_path / "back.mcap")
    assert (done.returncode, done.stderr) == (0, "")
    assert read_take(tmp_path / "back.mcap").metadata["source"] == "rdr convert"
    assert len(read_tracks(tmp_path / "back.mcap")[0]) == len((tmp_path / "out" / "a.csv").read_text().splitlines()) - 1


def test_all_faces(take: Path, tmp_path: Path) -> None:
    done = rdr_convert(take, tmp_path / "a.npz", "--face", "all", "--names", "vrm1", "--mirror")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a_face3.npz").exists()


def test_errors_are_one_line(take: Path, tmp_path: Path) -> None:
    done = rdr_convert(take, tmp_path / "a.fbx")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no format is known for a.fbx")
    assert done.stderr.count("\n") == 1
    done = rdr_convert(tmp_path / "missing.mcap", tmp_path / "a.csv")
    assert done.stderr.splitlines() == [
        f"error: cannot open the take {tmp_path}/missing.mcap: No such file or directory"
    ]
