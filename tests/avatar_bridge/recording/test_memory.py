"""An hour at 30 frames a second, written and read as a stream: memory stays what it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOUR = """
import resource, sys
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import Recorder, read_take
from avatar_bridge.recording.outline import outline

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)

faces = [FaceFrame(session="s", seq=0, face_id=0, capture_time_ns=0, publish_time_ns=0, source_size_px=(64, 48),
    tracked=True, confidence=1, alpha_exp=[n / 50] * 46, quaternion=[1, 0, 0, 0], euler_rad=[0, 0, 0],
    translation_px=[n, 2, 0], scale_px_per_cm=1) for n in range(50)]
start = 0
with Recorder(sys.argv[1], "s") as recorder:
    for seq in range(108_000):
        face = faces[seq % 50]
        object.__setattr__(face, "capture_time_ns", 10**18 + seq * 33_333_333)  # quicker than a new one
        recorder.write(face)
        if seq == 3000:
            start = peak_mb()
print(peak_mb() - start)

take = read_take(sys.argv[1])
about = outline(take)
assert (about.filtered.frames, about.complete) == (108_000, True)
with take.scanning() as scan:
    assert sum(1 for _ in scan.messages()) == 108_000
late = next(take.frames(start_ns=about.filtered.end_ns - 10**9))
assert late.capture_time_ns >= about.filtered.end_ns - 10**9
print(peak_mb() - start)
"""


@pytest.mark.timeout(600)  # 5 s where nothing else runs
def test_an_hour_is_written_and_read_in_constant_memory(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", HOUR, tmp_path / "hour.mcap"], capture_output=True, text=True, timeout=590, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    writing_mb, reading_mb = map(float, done.stdout.split())
    assert writing_mb < 12  # the index of the file: a kilobyte a second
    assert reading_mb < writing_mb + 8  # a chunk
