"""`rdr demo` from end to end: its files, and numbers that make sense."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.cli.demo import PHOTO_FRAMES
from avatar_bridge.demo.performance import RATE_HZ, SECONDS
from avatar_bridge.messages import FaceFrame
from avatar_bridge.recording import read_take

CLIP_FRAMES = round(SECONDS * RATE_HZ)


@pytest.mark.timeout(400)
def test_demo(rdr: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, headless_gl: None) -> None:
    out = tmp_path / "new" / "demo"
    done = rdr("demo", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == [
        "avatar.mp4",
        "clip.mp4",
        "overlay.png",
        "side_by_side.mp4",
        "summary.json",
        "take.mcap",
    ]
    for name in ("overlay.png", "side_by_side.mp4", "avatar.mp4", "take.mcap", "summary.json", "rdr track 0"):
        assert name in done.stdout

    total = PHOTO_FRAMES + CLIP_FRAMES
    summary = json.loads((out / "summary.json").read_text())
    assert summary["tracking"]["pictures"] == total
    assert summary["tracking"]["found_percent"] == 100
    assert summary["stream"]["frames_received"] == total
    assert summary["stream"]["frames_missed"] == 0
    assert 0 <= summary["stream"]["publish_to_receive_ms_p50"] <= summary["stream"]["publish_to_receive_ms_p95"]
    assert summary["avatar_frames_drawn"] == total
    errors = summary["clip_error_against_truth"]
    assert errors["frames"] == errors["frames_tracked"] == CLIP_FRAMES
    assert 0 < errors["nme_inter_ocular_percent"] < 10
    assert 0 < errors["rotation_error_deg"] < 12
    assert errors["correlation_in_time"]["JawOpen"] > 0.4

    take = read_take(out / "take.mcap")
    frames = [message for message in take if isinstance(message, FaceFrame)]
    assert take.report is not None
    assert take.report.is_whole
    assert [frame.seq for frame in frames] == list(range(total))
    assert len(list(VideoSource(out / "clip.mp4"))) == CLIP_FRAMES
    for name, size_px in (("avatar.mp4", (480, 480)), ("side_by_side.mp4", (960, 480))):
        video = list(VideoSource(out / name))
        assert len(video) == total
        assert (video[0].image_bgr.shape[1], video[0].image_bgr.shape[0]) == size_px
    overlay = cv2.imread(str(out / "overlay.png"))
    assert overlay.shape == (480, 960, 3)
    assert overlay.std() > 20
