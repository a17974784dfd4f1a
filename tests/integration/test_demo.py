"""`rdr demo` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import cv2
import pytest

from avatar_bridge.recording import read_take


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("headless_gl")
def test_demo_leaves_what_it_promises(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "avatar_bridge.cli", "demo", "--out", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=380)
    assert run.returncode == 0, run.stderr
    assert "rdr track 0" in run.stdout
    names = {"clip.mp4", "overlay.png", "avatar.mp4", "side_by_side.mp4", "take.mcap", "summary.json"}
    assert {path.name for path in tmp_path.iterdir()} == names

    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["tracking"]["found_percent"] == 100
    assert summary["stream"]["frames_missed"] == 0
    truth = summary["clip_error_against_truth"]
    assert truth["frames_tracked"] == truth["frames"]
    assert truth["nme_inter_ocular_percent"] < 8
    assert truth["rotation_error_deg"] < 12
    assert truth["correlation_in_time"]["JawOpen"] > 0.5

    frames = summary["stream"]["frames_received"]
    take = read_take(tmp_path / "take.mcap")
    assert sum(1 for _ in take) == frames
    assert take.report is not None
    assert take.report.is_whole
    for name in ("avatar.mp4", "side_by_side.mp4"):
        with av.open(str(tmp_path / name)) as container:
            assert sum(1 for _ in container.decode(video=0)) == frames
    picture = cv2.imread(str(tmp_path / "overlay.png"))
    assert picture is not None
    assert picture.std() > 20
