"""Videos whose clock is set, and whose disk is full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.live_video import LiveVideo, VideoTimes
from avatar_bridge.video_writer import VideoWriter

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("captured_ms", "written_ms"),
    [
        ([0, 40, 80], [0, 40, 80]),
        ([0, 40, 5_000, 5_040], [0, 40, 5_000, 5_040]),
        ([0, 40, 40, 20, 80], [0, 40, 80]),
        ([0, 40, HOUR_MS, HOUR_MS + 40], [0, 40, 80, 120]),
        ([HOUR_MS, HOUR_MS + 40, 0, 40], [0, 40, 80, 120]),
    ],
)
def test_a_clock_that_was_set_leaves_no_hole(tmp_path: Path, captured_ms: list[int], written_ms: list[int]) -> None:
    said: list[str] = []
    with LiveVideo(VideoWriter(tmp_path / "a.mp4", 25), 25, said.append) as live:
        for time_ms in captured_ms:
            live.write(np.zeros((32, 32, 3), np.uint8), 10**18 + time_ms * 1_000_000)
    times = [frame.capture_time_ns / 1e6 for frame in VideoSource(tmp_path / "a.mp4", base_time_ns=0)]
    assert times == pytest.approx(written_ms, abs=0.1)
    assert said == []


def test_a_picture_of_another_size_ends_the_video_and_keeps_it(tmp_path: Path) -> None:
    said: list[str] = []
    with LiveVideo(VideoWriter(tmp_path / "a.mp4", 25), 25, said.append) as live:
        for n, size in enumerate((32, 32, 64, 32)):
            live.write(np.zeros((size, size, 3), np.uint8), n * 40_000_000)
    assert len(list(VideoSource(tmp_path / "a.mp4"))) == 2
    assert len(said) == 1


def test_times_rise() -> None:
    times = VideoTimes(30)
    got = [times.of(int(t)) for t in np.random.default_rng(0).integers(0, 2 * 3_600_000_000_000, 1000)]
    assert np.all(np.diff([t for t in got if t is not None]) > 0)


FULL_DISK = """
import resource, signal, sys
import numpy as np
from avatar_bridge.live_video import LiveVideo
from avatar_bridge.video_writer import VideoWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
random = np.random.default_rng(0)
with LiveVideo(VideoWriter(sys.argv[1], 25), 25, print) as live:
    for n in range(int(sys.argv[2])):
        live.write(random.integers(0, 255, (128, 128, 3), np.uint8), n * 40_000_000)
assert live.error
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file sizes")
@pytest.mark.parametrize(("pictures", "comfort"), [(300, "; tracking goes on"), (12, "")])
def test_a_full_disk_is_said_once(tmp_path: Path, pictures: int, comfort: str) -> None:
    """In the middle, and where only the end finds it out."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "a.mp4"), str(pictures)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert line.startswith("cannot write")
    assert line.endswith(f"File too large{comfort}")
    assert not list(tmp_path.iterdir())
