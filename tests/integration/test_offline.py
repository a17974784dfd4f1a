"""`rdr track --offline` as a process: whole takes, gone on with after Ctrl-C and kill -9, wrong videos named."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.recording import read_take
from avatar_bridge.video_writer import VideoWriter

PATIENCE_S = 60.0
Rdr = Callable[..., "subprocess.CompletedProcess[str]"]
StartRdr = Callable[..., "subprocess.Popen[str]"]


def rows(out: Path) -> dict[str, dict[str, str]]:
    with (out / "summary.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_a_video(rdr: Rdr, clip: Path, tmp_path: Path) -> None:
    done = rdr("track", clip, "--offline", "--out", tmp_path / "out", "--smoothing", "light", "--overlays")
    assert (done.returncode, done.stderr) == (0, "")
    names = ["astronaut.mcap", "astronaut.tracked.json", "astronaut_overlay.mp4", "summary.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    take = read_take(tmp_path / "out" / "astronaut.mcap")
    assert [frame.source_time_ns for frame in take.frames()] == [i * 40_000_000 for i in range(50)]
    assert take.facts.smoothing == "light"
    assert len(list(VideoSource(tmp_path / "out" / "astronaut_overlay.mp4"))) == 50
    again = rdr("track", clip, "--offline", "--out", tmp_path / "out", "--smoothing", "light", "--overlays")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("1 of 1 videos were tracked before\n")


def test_a_folder_with_a_video_that_is_none(rdr: Rdr, clip: Path, tmp_path: Path) -> None:
    shoot, out = tmp_path / "shoot", tmp_path / "out"
    (shoot / "day 2").mkdir(parents=True)
    shutil.copy(clip, shoot / "a.mp4")
    shutil.copy(clip, shoot / "day 2" / "b.mp4")
    (shoot / "noise.mp4").write_bytes(b"noise" * 999)
    done = rdr("track", shoot, "--offline", "--out", out, "--jobs", 2)
    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert first.startswith("error: noise: cannot read the video ")
    assert last == "error: 1 of 3 videos are not whole or not there, as was said before: noise"
    assert {name: row["state"] for name, row in rows(out).items()} == {
        "a": "tracked",
        "day 2/b": "tracked",
        "noise": "failed",
    }
    before = (out / "a.mcap").stat().st_mtime_ns
    shutil.copy(clip, shoot / "noise.mp4")
    done = rdr("track", shoot, "--offline", "--out", out, "--jobs", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 of 3 videos were tracked before" in done.stdout
    assert (out / "a.mcap").stat().st_mtime_ns == before
    assert {row["state"] for row in rows(out).values()} == {"tracked"}


@pytest.fixture(scope="module")
def longer(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip three times over."""
    path = tmp_path_factory.mktemp("longer") / "b.mp4"
    with VideoWriter(path, 25) as video:
        for i, frame in enumerate(3 * list(VideoSource(clip))):
            video.write(frame.image_bgr, i * 40_000_000)
    return path


@pytest.mark.parametrize(("blow", "jobs"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGKILL, 2)])
def test_what_was_cut_off_is_done_by_the_next_run(
    rdr: Rdr, start_rdr: StartRdr, clip: Path, longer: Path, tmp_path: Path, blow: signal.Signals, jobs: int
) -> None:
    shoot, out = tmp_path / "shoot", tmp_path / "out"
    shoot.mkdir()
    shutil.copy(clip, shoot / "a.mp4")
    shutil.copy(longer, shoot / "b.mp4")
    process = start_rdr("track", shoot, "--offline", "--out", out, "--jobs", jobs)
    deadline = time.monotonic() + PATIENCE_S
    while not ((out / "a.tracked.json").is_file() and (out / ".b.part" / "take.mcap.partial").is_file()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(blow)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == (130 if blow == signal.SIGINT else -blow)
    assert not (out / "b.mcap").exists()
    if blow == signal.SIGINT:
        assert err == "what is whole is kept: the same command goes on from there\nstopped\n"
        assert sorted(path.name for path in out.iterdir()) == ["a.mcap", "a.tracked.json", "summary.csv"]
    else:
        time.sleep(0.5)  # its processes end with it
    done = rdr("track", shoot, "--offline", "--out", out, "--jobs", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 of 2 videos were tracked before\n")
    assert {name: row["frames"] for name, row in rows(out).items()} == {"a": "50", "b": "150"}
    assert not list(out.glob(".*"))
    assert len(list(read_take(out / "b.mcap").frames())) == 150


def test_a_full_disk_is_said_and_leaves_nothing_half_done(clip: Path, tmp_path: Path) -> None:
    """The disk is a real file system of 60 KiB, in a mount namespace of its own."""
    disk, listing = tmp_path / "disk", tmp_path / "listing"
    disk.mkdir()
    track = f"{sys.executable} -m avatar_bridge.cli track {clip} --offline --out {disk}"
    mount = f"mount -t tmpfs -o size=60k tmpfs {disk} || exit 99"
    script = f"{mount}; {track}; code=$?; ls -A {disk} >{listing}; exit $code"
    try:
        done = subprocess.run(["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no file system may be mounted here")
    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert first == f"error: astronaut: {disk}: No space left on device; make room, or choose another place with --out"
    assert last.endswith("1 of 1 videos are not whole or not there, as was said before: astronaut")
    assert listing.read_text().split() == ["summary.csv"]


def test_real_videos_with_their_sound(rdr: Rdr, rdr_data: Path, tmp_path: Path) -> None:
    video = rdr_data / "videos" / "grid" / "lbbc2a.mpg"
    done = rdr("track", video, "--offline", "--out", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    times_ns = [frame.source_time_ns for frame in read_take(tmp_path / "lbbc2a.mcap").frames()]
    assert times_ns == [frame.source_time_ns for frame in VideoSource(video)]
    assert len(times_ns) == 75
    with wave.open(str(tmp_path / "lbbc2a.wav")) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(2.98, abs=0.03)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["clip.mp4", "--record", "a.mcap"], "--record is for live tracking"),
        (["clip.mp4", "--no-publish"], "--publish is for live tracking"),
        (["clip.mp4", "--address", "auto"], "--address names a Ray cluster: add --engine ray"),
        (["0"], "no such video or folder: 0; --offline takes files, no cameras"),
        (["."], "no videos in "),
        (["clip.mp4", "--weights", "none.onnx"], "none.onnx: no such network"),
    ],
)
def test_what_cannot_be_is_one_line(rdr: Rdr, clip: Path, tmp_path: Path, options: list[str], said: str) -> None:
    options = [str(clip) if word == "clip.mp4" else str(tmp_path) if word == "." else word for word in options]
    done = rdr("track", *options, "--offline", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_its_options_need_it(rdr: Rdr, clip: Path) -> None:
    done = rdr("track", clip, "--out", "takes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: --out is for videos that are tracked offline: add --offline\n"
