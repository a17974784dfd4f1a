"""One video: every frame at its own time, sound and overlay in step, and nothing half done, whatever goes wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.errors import BridgeError
from avatar_bridge.offline.config import OfflineConfig
from avatar_bridge.offline.receipt import Receipt, read_receipt
from avatar_bridge.offline.task import VideoTask
from avatar_bridge.offline.track_video import track_video
from avatar_bridge.recording import read_take
from avatar_bridge.recording.append_file import AppendFile
from rdr_core.errors import AssetError, ConfigError

CONFIG = OfflineConfig()


def tracked(video: Path, out: Path, config: OfflineConfig = CONFIG) -> tuple[VideoTask, Receipt]:
    task = VideoTask(video, video.stem, out)
    return task, track_video(task, config, config.fingerprint())


def test_every_frame_has_its_own_time(face_video: Path, uneven_ms: list[int], tmp_path: Path) -> None:
    task, receipt = tracked(face_video, tmp_path / "out", replace(CONFIG, overlays=True))
    names = ["anna.mcap", "anna.tracked.json", "anna.wav", "anna_overlay.mp4"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert (receipt.state, receipt.problem, receipt.frames, receipt.frames_with_face) == ("tracked", "", 12, 12)
    assert (receipt.faces, receipt.width, receipt.height) == (1, 256, 240)
    assert (receipt.start_s, receipt.duration_s) == (0.0, 1.0)
    assert (receipt.fps_lowest, receipt.fps_highest) == (pytest.approx(1000 / 279, abs=1e-3), 1000.0)
    assert receipt.sound_s == pytest.approx(1.0, abs=0.05)
    assert read_receipt(task.receipt_path) == receipt
    assert task.done(receipt.fingerprint) == receipt

    take = read_take(task.file(".mcap"))
    frames, raw = list(take.frames()), list(take.frames("raw"))
    assert [frame.source_time_ns for frame in frames] == [time_ms * 1_000_000 for time_ms in uneven_ms]
    assert [frame.source_time_ns for frame in raw] == [frame.source_time_ns for frame in frames]
    assert [frame.capture_time_ns - (frame.source_time_ns or 0) for frame in frames] == [receipt.mtime_ns] * 12
    assert take.metadata["source"] == "anna.mp4"
    drawn = list(VideoSource(task.file("_overlay.mp4"), base_time_ns=0))
    assert [frame.capture_time_ns for frame in drawn] == pytest.approx([1e6 * t for t in uneven_ms], abs=2e4)
    plain = list(VideoSource(face_video))
    for a, b, frame in zip(drawn, plain, frames, strict=True):
        x, y = np.asarray(frame.landmarks_px).round().astype(int).T - 1
        assert (np.abs(a.image_bgr[y, x].astype(int) - b.image_bgr[y, x]).max(axis=-1) > 30).mean() > 0.5


def test_what_is_not_wanted_is_not_made(face_video: Path, tmp_path: Path) -> None:
    _, receipt = tracked(face_video, tmp_path / "out", replace(CONFIG, sound=False))
    assert receipt.files == ("anna.mcap",)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["anna.mcap", "anna.tracked.json"]


def test_another_way_of_tracking_replaces_all_of_the_one_before(face_video: Path, tmp_path: Path) -> None:
    task, first = tracked(face_video, tmp_path / "out", replace(CONFIG, overlays=True))
    other = replace(CONFIG, sound=False, smoothing="strong")
    assert task.done(other.fingerprint()) is None
    _, second = tracked(face_video, tmp_path / "out", other)
    assert second.state == "tracked"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["anna.mcap", "anna.tracked.json"]
    assert read_take(task.file(".mcap")).facts.smoothing == "strong"
    assert task.done(first.fingerprint) is None


def test_done_is_what_is_whole_and_of_this_video(face_video: Path, tmp_path: Path) -> None:
    task, receipt = tracked(face_video, tmp_path / "out")
    take, sound = task.file(".mcap"), task.file(".wav")
    data = take.read_bytes()
    take.write_bytes(data[: len(data) // 2])
    assert task.done(receipt.fingerprint) is None
    take.write_bytes(data)
    assert task.done(receipt.fingerprint) == receipt
    os.utime(task.video, ns=(0, receipt.mtime_ns + 1))
    assert task.done(receipt.fingerprint) is None
    os.utime(task.video, ns=(0, receipt.mtime_ns))
    replace(receipt, state="placing").write(task.receipt_path)
    assert task.done(receipt.fingerprint) is None
    receipt.write(task.receipt_path)
    sound.unlink()
    assert task.done(receipt.fingerprint) is None
    _, again = tracked(face_video, tmp_path / "out")
    assert task.done(receipt.fingerprint) == again


def test_a_video_that_breaks_off_is_kept_as_far_as_it_goes(
    tmp_path: Path, write_video: Any, face_pictures: Any
) -> None:
    video, cut = write_video(tmp_path / "a.mp4", range(0, 1440, 40), 3 * face_pictures), tmp_path / "cut.mp4"
    with av.open(str(video)) as source, av.open(str(tmp_path / "w.mp4"), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    with av.open(str(tmp_path / "w.mp4")) as source:
        places = [packet.pos for packet in source.demux(video=0) if packet.pos]
    cut.write_bytes((tmp_path / "w.mp4").read_bytes()[: places[24] + 3])
    task, receipt = tracked(cut, tmp_path / "out")
    assert receipt.state == "damaged", receipt.problem
    assert 2 < receipt.frames < 36
    assert f"cut off after {receipt.frames} of 36 frames" in receipt.problem
    assert len(list(read_take(task.file(".mcap")).frames())) == receipt.frames
    assert task.done(receipt.fingerprint) is None


def test_what_goes_wrong_leaves_nothing_and_is_said(face_video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 9)
    _, receipt = tracked(tmp_path / "noise.mp4", out)
    assert receipt.state == "failed"
    assert "cannot read the video" in receipt.problem
    assert not out.exists()
    out.mkdir()
    (out / "anna.wav").write_bytes(b"the sound recordist's own")
    task, receipt = tracked(face_video, out)
    assert "is there already" in receipt.problem
    assert [path.name for path in out.iterdir()] == ["anna.wav"]
    (out / "anna.wav").unlink()
    task.workshop.mkdir()
    file = AppendFile(task.workshop / "take.mcap.partial")
    assert "by another program already" in tracked(face_video, out)[1].problem
    file.close()
    assert tracked(face_video, out)[1].state == "tracked"
    (tmp_path / "file").touch()
    assert "file" in tracked(face_video, tmp_path / "file" / "out")[1].problem


def test_workers_with_another_program_are_stopped(face_video: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="install the same everywhere"):
        track_video(VideoTask(face_video, "anna", tmp_path), CONFIG, "another")


def test_settings_are_checked_and_named(tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match="no smoothing 'x'"):
        OfflineConfig(smoothing="x")
    with pytest.raises(ConfigError, match="max_faces"):
        OfflineConfig(max_faces=0)
    fingerprints = {
        replace(CONFIG, **change).fingerprint()
        for change in ({}, {"max_faces": 2}, {"smoothing": "off"}, {"sound": False}, {"overlays": True})
    }
    fingerprints.add(replace(CONFIG, weights=Path("open")).fingerprint())
    assert len(fingerprints) == 6
    assert replace(CONFIG, threads=2).fingerprint() in fingerprints
    assert replace(CONFIG, weights=Path("research")).fingerprint() in fingerprints
    with pytest.raises(AssetError, match=r"none\.onnx: no such network"):
        replace(CONFIG, weights=tmp_path / "none.onnx").fingerprint()
