"""Takes and videos that cannot be finished."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from avatar_bridge.fake import FakeFace
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import read_take
from benchmarks.faults.row import CLIP_RATE_HZ, Row, cli, clip, rdr, timed

_ROOM_BYTES: Final = 100_000


def disk_full() -> Row:
    """Leave a tracker little room for its take and its video: no file of its may grow over a limit."""
    with tempfile.TemporaryDirectory() as name:
        take, overlay = Path(name) / "take.mcap", Path(name) / "overlay.mp4"
        done = subprocess.run(
            cli("track", clip(), "--fast", "--no-publish", "--record", take, "--overlay", overlay, "--seconds", 12),
            capture_output=True,
            text=True,
            preexec_fn=_little_room,
            check=False,
        )
        frames = list(read_take(take.with_name("take.mcap.partial")).frames())
    tracked = re.match(r"(\d+) pictures", done.stdout)
    pictures = int(tracked[1]) if tracked else 0
    readable_s = (frames[-1].capture_time_ns - frames[0].capture_time_ns) / 1e9
    lines = [line for line in done.stderr.splitlines() if "cannot write" in line]
    happened = (
        f"a line for each says so, tracking goes on ({pictures} pictures in all), exit {done.returncode}; the take "
        f"can be read up to second {readable_s:.1f} of {pictures / CLIP_RATE_HZ:.1f}"
    )
    fine = pictures > len(frames) + 20 and len(lines) == 2 and done.returncode == 1 and len(frames) > 20
    numbers = {"pictures": pictures, "readable_s": readable_s, "exit": done.returncode, "lines": lines}
    return Row("disk full", f"{_ROOM_BYTES // 1000} kB each for a take and an overlay", happened, fine, numbers)


def recorder_killed() -> Row:
    """Kill a recorder in the middle."""
    with tempfile.TemporaryDirectory() as name, Publisher("tcp://127.0.0.1:*") as publisher:
        take = Path(name) / "take.mcap"
        with rdr("record", take, "--endpoint", publisher.endpoint) as recorder:
            while not publisher.subscribers:
                time.sleep(0.02)
            last_ns = 0
            for n in timed(4.0, 1 / 60):
                frame = FakeFace().frame(publisher.session, n, time.time_ns(), n / 60)
                last_ns = publisher.publish(frame).capture_time_ns
            recorder.kill()
            recorder.wait()
        partial = take.with_name("take.mcap.partial")
        frames = list(read_take(partial).frames())
        lost_ms = (last_ns - frames[-1].capture_time_ns) / 1e6
        subprocess.run(cli("takes", "--repair", partial), check=True, capture_output=True)
        whole = len(list(read_take(take).frames()))
    happened = f"the last {lost_ms:.0f} ms are lost; `rdr takes --repair` makes the rest, {whole} frames, whole"
    fine = lost_ms < 1000 and whole == len(frames)
    return Row("recorder killed", "`kill -9` of `rdr record`", happened, fine, {"lost_ms": lost_ms, "frames": whole})


def _little_room() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM_BYTES, _ROOM_BYTES))
