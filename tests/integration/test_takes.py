"""Takes from end to end, each command a process of its own: tracked, killed, repaired, replayed, before a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.config import SmoothingConfig
from avatar_bridge.fake import FakeFace
from avatar_bridge.messages import FaceFrame
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import read_take
from rdr_core.inference.weights import find_network, network_sha256

PATIENCE_S = 100.0
Rdr = Callable[..., "subprocess.CompletedProcess[str]"]
StartRdr = Callable[..., "subprocess.Popen[str]"]


def test_a_tracked_take_has_raw_frames_facts_and_the_files_own_times(rdr: Rdr, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "take.mcap"
    done = rdr("track", clip, "--fast", "--no-publish", "--record", path, "--smoothing", "strong,eyes=light")
    assert (done.returncode, done.stderr) == (0, "")
    take = read_take(path)
    filtered, raw = list(take.frames()), list(take.frames("raw"))
    assert len(filtered) == len(raw) == 50
    for one, other in zip(filtered, raw, strict=True):
        assert (one.seq, one.face_id, one.capture_time_ns) == (other.seq, other.face_id, other.capture_time_ns)
    assert (
        np.abs(np.diff([f.alpha_exp for f in filtered], axis=0)).sum()
        < np.abs(np.diff([f.alpha_exp for f in raw], axis=0)).sum()
    )
    assert [frame.source_time_ns for frame in raw] == [
        picture.capture_time_ns for picture in VideoSource(clip, base_time_ns=0)
    ]
    facts, network = take.facts, find_network("live")
    assert (facts.source_size_px, facts.source_rate_hz) == (filtered[0].source_size_px, 25.0)
    assert (facts.network, facts.network_sha256) == (network.name, network_sha256(network))
    assert (facts.smoothing, facts.filters) == ("strong,eyes=light", asdict(SmoothingConfig.of("strong,eyes=light")))
    shown = rdr("takes", path)
    assert "50, 50 raw beside them, 0 missed" in shown.stdout


def test_a_killed_recording_is_repaired_and_replayed(
    rdr: Rdr, start_rdr: StartRdr, tmp_path: Path, free_port: int
) -> None:
    path, again = tmp_path / "take.mcap", tmp_path / "again.mcap"
    face, sent = FakeFace(), []
    with Publisher("tcp://127.0.0.1:*") as publisher:
        process = start_rdr("record", path, "--endpoint", publisher.endpoint, "--wait", PATIENCE_S)
        end = time.monotonic() + PATIENCE_S
        while not publisher.subscribers or len(sent) < 75:
            assert time.monotonic() < end
            now = len(sent) / 25
            frame = face.frame(publisher.session, len(sent), time.time_ns(), now)
            if publisher.subscribers:
                sent.append(publisher.publish(frame))
            time.sleep(0.04)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
    done = rdr("takes", "--repair", tmp_path / "take.mcap.partial")
    assert (done.returncode, done.stdout.count("repaired")) == (0, 1)
    kept = list(read_take(path).frames())
    first = sent.index(kept[0])
    assert kept == sent[first : first + len(kept)]
    assert (sent[-1].capture_time_ns - kept[-1].capture_time_ns) / 1e9 < 1 + 0.2  # on the way when it was killed

    endpoint = f"tcp://127.0.0.1:{free_port}"
    listener = start_rdr("record", again, "--endpoint", endpoint, "--wait", PATIENCE_S, "--idle", 3)
    done = rdr("replay", path, "--endpoint", endpoint, "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert listener.wait(PATIENCE_S) == 0
    replayed = list(read_take(again).frames())
    plain = {"session": "s", "seq": 0, "capture_time_ns": 0, "publish_time_ns": 0}
    assert [replace(frame, **plain) for frame in replayed] == [replace(frame, **plain) for frame in kept]
    assert np.allclose(intervals_s(replayed), intervals_s(kept), atol=1e-6)
    assert replayed[0].capture_time_ns > kept[-1].capture_time_ns


def intervals_s(frames: list[FaceFrame]) -> np.ndarray:
    return np.diff([frame.capture_time_ns for frame in frames]) / 1e9


def test_a_full_disk_ends_the_take_and_not_the_tracker(clip: Path, tmp_path: Path) -> None:
    """The disk is a real file system of 60 KiB, in a mount namespace of its own."""
    disk, kept, overlay = tmp_path / "disk", tmp_path / "kept", tmp_path / "overlay.mp4"
    disk.mkdir()
    kept.mkdir()
    track = f"track {clip} --no-publish --fast --record {disk}/take.mcap --overlay {overlay}"
    script = (
        f"mount -t tmpfs -o size=60k tmpfs {disk} || exit 99; {sys.executable} -m avatar_bridge.cli {track}; "
        f"code=$?; cp {disk}/* {kept}; exit $code"
    )
    try:
        done = subprocess.run(
            ["unshare", "-Urm", "sh", "-c", script],
            env=os.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no file system may be mounted here")
    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert "No space left on device; the take ends here, what was written is kept" in first
    assert first.endswith("tracking goes on")
    assert "not whole" in last
    assert "50 pictures, a face in 100.0 % of them" in done.stdout
    assert f"wrote {overlay}" in done.stdout
    assert "wrote " + str(disk) not in done.stdout
    assert len(list(VideoSource(overlay))) == 50
    frames = list(read_take(kept / "take.mcap.partial").frames())
    assert 10 <= len(frames) < 50
    assert [frame.seq for frame in frames] == list(range(len(frames)))
