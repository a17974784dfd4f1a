"""`rdr track` and those who listen, each a process of its own, over real sockets."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.messages import FaceFrame
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import read_take

PATIENCE_S = 60.0
Rdr = Callable[..., "subprocess.CompletedProcess[str]"]
StartRdr = Callable[..., "subprocess.Popen[str]"]


def frames_of(take: Path) -> list[FaceFrame]:
    reader = read_take(take)
    frames = [message for message in reader if isinstance(message, FaceFrame)]
    assert reader.report is not None
    assert reader.report.is_whole
    return frames


def wait_for_listeners(port: int, count: int) -> None:
    """Stand in for the publisher until so many are connected; let go, they knock again every moment."""
    with socket.create_server(("127.0.0.1", port)) as server, ExitStack() as connections:
        server.settimeout(PATIENCE_S)
        for _ in range(count):
            connections.enter_context(server.accept()[0])


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, ""), err
    return out


def test_gaze_from_the_picture_changes_gaze_alone(rdr: Rdr, clip: Path, tmp_path: Path) -> None:
    from rdr_core.inference.eyes import GAZE_SHAPES

    takes = [tmp_path / f"{gaze}.mcap" for gaze in ("network", "picture")]
    for take in takes:
        done = rdr("track", clip, "--fast", "--no-publish", "--smoothing", "off", "--gaze", take.stem, "--record", take)
        assert (done.returncode, done.stderr) == (0, "")
    network, picture = (np.stack([frame.alpha_exp for frame in frames_of(take)]) for take in takes)
    np.testing.assert_array_equal(network[:, ~GAZE_SHAPES], picture[:, ~GAZE_SHAPES])
    assert np.abs(network - picture)[:, GAZE_SHAPES].max() > 0.05


def test_a_file_is_tracked_as_fast_as_it_goes(rdr: Rdr, clip: Path, tmp_path: Path) -> None:
    overlay, take = tmp_path / "new" / "overlay.mp4", tmp_path / "other" / "take.mcap"
    done = rdr("track", clip, "--fast", "--no-publish", "--overlay", overlay, "--record", take)
    assert (done.returncode, done.stderr) == (0, "")
    assert "50 pictures, a face in 100.0 % of them" in done.stdout
    assert f"wrote {overlay}" in done.stdout
    (lag,) = [line for line in done.stdout.splitlines() if line.startswith("smoothing normal, lag: ")]
    assert re.findall(r"(\w+) \d+ ms", lag) == ["brows", "eyes", "mouth", "jaw", "head", "landmarks"]
    assert [path.name for path in overlay.parent.iterdir()] == ["overlay.mp4"]
    frames = frames_of(take)
    assert [frame.seq for frame in frames] == list(range(50))
    assert np.allclose(np.diff([frame.capture_time_ns for frame in frames]), 40e6, atol=1e6)
    drawn, plain = list(VideoSource(overlay)), list(VideoSource(clip))
    assert len(drawn) == len(plain) == 50
    height, width = plain[0].image_bgr.shape[:2]
    for frame, a, b in zip(frames, drawn, plain, strict=True):
        assert frame.source_size_px == (width, height)
        changed = np.abs(a.image_bgr[:height, :width].astype(int) - b.image_bgr).max(axis=2)
        x, y = frame.landmarks_px[:, 0].round().astype(int), frame.landmarks_px[:, 1].round().astype(int)
        assert (changed[y - 1, x - 1] > 30).mean() > 0.5  # dots on the landmarks


def test_recorder_and_preview_hear_what_is_published(
    rdr: Rdr, start_rdr: StartRdr, clip: Path, tmp_path: Path, free_port: int, headless_gl: None
) -> None:
    endpoint = f"tcp://127.0.0.1:{free_port}"
    own, heard = tmp_path / "own.mcap", tmp_path / "heard.mcap"
    video, picture = tmp_path / "avatar.mp4", tmp_path / "avatar.png"
    patient = ("--endpoint", endpoint, "--wait", PATIENCE_S)
    listeners = [
        start_rdr("record", heard, *patient, "--idle", 2),
        start_rdr("preview", "--out", video, "--size", 160, *patient, "--idle", 2),
        start_rdr("preview", "--out", picture, "--size", 160, *patient),
    ]
    wait_for_listeners(free_port, len(listeners))
    done = rdr("track", clip, "--endpoint", endpoint, "--record", own)
    assert (done.returncode, done.stderr) == (0, "")
    said = [finished(listener) for listener in listeners]
    assert ", 0 missed" in said[0]

    published, received = frames_of(own), frames_of(heard)
    assert len(published) == 50
    late = received[0].seq  # the stream may start some milliseconds before they knock again
    assert late <= 10
    assert received == published[late:]
    assert all(frame.publish_time_ns > frame.capture_time_ns > 0 for frame in received)

    drawn = list(VideoSource(video))
    assert 50 - 10 <= len(drawn) <= 50
    for image in (drawn[-1].image_bgr, cv2.imread(str(picture))):
        assert image.shape == (160, 160, 3)
        face = image[60:100, 60:100].reshape(-1, 3).astype(int).mean(axis=0)
        assert face[2] > face[0] + 30  # skin is redder than the grey behind it
    assert sorted(path.name for path in tmp_path.iterdir()) == ["avatar.mp4", "avatar.png", "heard.mcap", "own.mcap"]


@pytest.mark.parametrize("after_s", [0.4, 1.3])
def test_ctrl_c_finishes_the_files(start_rdr: StartRdr, long_clip: Path, tmp_path: Path, after_s: float) -> None:
    take, overlay = tmp_path / "take.mcap", tmp_path / "overlay.mp4"
    process = start_rdr("track", long_clip, "--no-publish", "--record", take, "--overlay", overlay)
    deadline = time.monotonic() + PATIENCE_S
    while not list(tmp_path.glob(".overlay.*")):  # made with the first picture
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    assert f"wrote {overlay}" in finished(process)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["overlay.mp4", "take.mcap"]
    frames, drawn = frames_of(take), list(VideoSource(overlay))
    assert 1 <= len(drawn) < 500
    assert abs(len(frames) - len(drawn)) <= 1


def test_ctrl_c_finishes_a_recording(start_rdr: StartRdr, tmp_path: Path) -> None:
    with Publisher("tcp://127.0.0.1:*") as publisher:
        process = start_rdr("record", tmp_path / "t.mcap", "--endpoint", publisher.endpoint)
        deadline = time.monotonic() + PATIENCE_S
        while not list(tmp_path.iterdir()):  # made when it hears Hello
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        sent = [publisher.publish(made_up_frame(publisher.session, seq)) for seq in range(20)]
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert "wrote" in finished(process)
    frames = frames_of(tmp_path / "t.mcap")
    assert frames
    assert frames == sent[: len(frames)]
    assert [path.name for path in tmp_path.iterdir()] == ["t.mcap"]


def made_up_frame(session: str, seq: int) -> FaceFrame:
    return FaceFrame(
        session=session,
        seq=seq,
        face_id=0,
        capture_time_ns=1_700_000_000_000_000_000 + seq,
        publish_time_ns=0,
        source_size_px=(640, 480),
        tracked=True,
        confidence=0.5,
        alpha_exp=np.linspace(0, 1, 46),
        quaternion=[1, 0, 0, 0],
        euler_rad=[0, 0, 0],
        translation_px=[320, 240, 0],
        scale_px_per_cm=12.5,
    )


def test_a_tracker_is_asked_by_command(rdr: Rdr, start_rdr: StartRdr, long_clip: Path, tmp_path: Path) -> None:
    stream, control = f"ipc://{tmp_path}/faces", f"ipc://{tmp_path}/faces.control"
    process = start_rdr("track", long_clip, "--endpoint", stream, "--takes", tmp_path / "takes")
    deadline = time.monotonic() + PATIENCE_S
    while (asked := rdr("control", "record", "--take", "one", "--endpoint", control)).returncode:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, asked.stderr
    assert asked.stdout == f"recording {tmp_path / 'takes' / 'one.mcap'}\n"
    status = rdr("control", "--endpoint", control).stdout
    assert re.search(r"^take +one, \d+ messages$", status, re.MULTILINE), status
    refused = rdr("control", "stop", "--endpoint", control)
    assert refused.returncode == 1
    assert "is a file, which is tracked to its end" in refused.stderr
    assert rdr("control", "quit", "--endpoint", control).stdout == "the tracker ends\n"
    assert f"wrote {tmp_path / 'takes' / 'one.mcap'}" in finished(process)
    assert frames_of(tmp_path / "takes" / "one.mcap")
