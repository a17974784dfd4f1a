"""`rdr steady` on real faces, and what it says of clips that tell nothing."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.video_writer import VideoWriter

Rdr = Callable[..., "subprocess.CompletedProcess[str]"]


def write_clip(path: Path, pictures: list[np.ndarray]) -> Path:
    with VideoWriter(path, 25.0) as video:
        for i, picture in enumerate(pictures):
            video.write(picture, round(i * 40e6))
    return path


def test_a_moving_photograph(rdr: Rdr, clip: Path, tmp_path: Path) -> None:
    done = rdr("steady", clip, clip, "--people", "eileen", "eileen", "--out", tmp_path / "new", "--no-plots")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"wrote {tmp_path / 'new' / 'steadiness.json'}" in " ".join(done.stdout.split("\n"))
    numbers = json.loads((tmp_path / "new" / "steadiness.json").read_text())
    assert list(numbers["clips"]) == ["astronaut", "astronaut_2"]
    first, again = numbers["clips"].values()
    assert first == again  # the same pictures, the same numbers
    assert first["tracked"] == 50
    assert numbers["identity"]["people"]["eileen"]["frames"] == 100
    with (tmp_path / "new" / "astronaut.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["crop_across"] == ""  # the face was found, not followed
    assert all(abs(float(row["crop_across"])) < 0.1 for row in rows[1:])
    turn = np.radians([float(row["roll_deg_raw"]) for row in rows])
    assert np.ptp(np.degrees(turn)) > 8  # conftest turns the picture by 16 degrees in all
    lag = numbers["total"]["lag"]["head"]
    assert 5 < lag["milliseconds"] < 120
    assert lag["correlation"] > 0.8
    assert 0 < numbers["total"]["recrop"]["landmarks_percent"]["rms"] < 5


def test_a_person_who_talks(rdr: Rdr, rdr_data: Path, tmp_path: Path) -> None:
    path = rdr_data / "videos" / "grid" / "bbaf2n.mpg"
    if not path.is_file():
        pytest.skip("grid/bbaf2n.mpg is not in the data folder")
    done = rdr("steady", path, "--out", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    numbers = json.loads((tmp_path / "steadiness.json").read_text())
    one = numbers["clips"]["bbaf2n"]
    assert one["tracked"] == one["frames"]
    assert one["rest_frames"] >= 16
    jitter = one["jitter"]["landmarks_percent"]
    assert 0 < jitter["filtered"]["rms"] < 0.6 * jitter["raw"]["rms"]
    assert one["lag"]["jaw"]["milliseconds"] > 0
    assert (tmp_path / "bbaf2n.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("frames", "said"),
    [(30, "no face was found in its 30 frames"), (10, "10 frames are too short a clip to measure")],
    ids=["no face", "short"],
)
def test_clips_that_tell_nothing(rdr: Rdr, tmp_path: Path, frames: int, said: str) -> None:
    grey = write_clip(tmp_path / "grey.mp4", [np.full((120, 160, 3), 90, np.uint8)] * frames)
    done = rdr("steady", grey, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {grey}: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_face_that_soon_leaves(rdr: Rdr, clip: Path, tmp_path: Path) -> None:
    with_face = [frame.image_bgr for frame in VideoSource(clip)][:8]
    left = write_clip(tmp_path / "left.mp4", with_face + [np.full_like(with_face[0], 90)] * 30)
    done = rdr("steady", left, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "a face was found in 8 of 38 frames only; 16 are needed" in done.stderr


def test_unusable_arguments(rdr: Rdr, clip: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    for arguments, said in (
        ((), "error: no clip was given"),
        ((clip, text), f"error: cannot read the video {text}"),
        ((clip, tmp_path / "gone.mp4"), f"error: no such video: {tmp_path / 'gone.mp4'}"),
        ((clip, "--people", "a", "b"), "error: --people names who is in each clip: got 2 names for 1 clips"),
    ):
        done = rdr("steady", *arguments, "--out", tmp_path / "out")
        assert done.returncode == 1
        assert done.stderr.startswith(said)
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
