"""`rdr demo`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from avatar_bridge.capture.frames import CapturedFrame
from avatar_bridge.cli.status import status_line
from avatar_bridge.demo.listeners import AvatarListener, Listener, RecordingListener
from avatar_bridge.demo.performance import RATE_HZ, Performance, perform, render_clip
from avatar_bridge.demo.truth import compare
from avatar_bridge.errors import StreamError
from avatar_bridge.pipeline import TrackedPicture, paced, track_pictures
from avatar_bridge.preview.compose import side_by_side
from avatar_bridge.preview.overlay import draw_overlay
from avatar_bridge.publisher import Publisher
from avatar_bridge.run_statistics import RunStatistics
from avatar_bridge.smoothing import FaceSmoother
from avatar_bridge.video_writer import VideoWriter
from rdr_core.errors import NoFaceError
from rdr_core.types import UInt8

PHOTO_FRAMES = 20
CELL_PX = 480


def demo(out: Path = Path("out/demo"), threads: int = 1) -> None:
    """Show everything, without a camera: track a photograph and a clip, stream them, draw and record the stream.

    Writes clip.mp4 (rendered here, with known truth), overlay.png, avatar.mp4, side_by_side.mp4, take.mcap,
    summary.json.

    Examples:
        rdr demo
        rdr demo --out out/demo2

    Args:
        out: Folder to write to.
        threads: CPU threads of the network.
    """
    out.mkdir(parents=True, exist_ok=True)
    performance = perform()
    with status_line(len(performance.time_s)) as show:
        render_clip(performance, out / "clip.mp4", lambda n: show(n, "rendering a clip with known expressions"))
    photo = astronaut()
    pictures, statistics, avatar, recorder = stream(photo, performance, out, threads)
    if not any(p.faces for p in pictures[:PHOTO_FRAMES]):
        raise NoFaceError(
            "no face was found in the demo's photograph; please report this with the output of rdr --version"
        )
    write_pictures(pictures, avatar.pictures, out)
    summary = summarise(pictures, performance, statistics, avatar, recorder)
    temporary = out / "summary.json.part"
    temporary.write_text(json.dumps(summary, indent=2) + "\n")
    os.replace(temporary, out / "summary.json")
    print(report(summary, out))


def astronaut() -> UInt8:
    """Return the photograph: Eileen Collins, NASA, public domain; part of scikit-image."""
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])


def stream(
    photo: UInt8, performance: Performance, out: Path, threads: int
) -> tuple[list[TrackedPicture], RunStatistics, AvatarListener, RecordingListener]:
    """Track photo and clip at their own pace and publish; a recorder and a preview listen on real sockets."""
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.tracker import FaceTracker
    from rdr_core.inference.weights import load_predictor

    tracker = FaceTracker(load_predictor("live", threads=threads), FaceDetector(threads))
    pictures: list[TrackedPicture] = []
    statistics = RunStatistics()
    total = PHOTO_FRAMES + len(performance.time_s)
    with Publisher("tcp://127.0.0.1:*") as publisher, status_line(total) as show:
        publisher.describe(replace(publisher.hello, rate_hz=RATE_HZ))
        avatar = AvatarListener(publisher.endpoint, CELL_PX)
        recorder = RecordingListener(publisher.endpoint, out / "take.mcap", publisher.session)
        listeners: tuple[Listener, ...] = (avatar, recorder)
        for listener in listeners:
            listener.start()
            if not listener.ready.wait(20):
                raise StreamError(f"the {listener.name} heard nothing on {publisher.endpoint} for 20 s")
        smoother = FaceSmoother()
        for picture in track_pictures(paced_frames(photo, out / "clip.mp4"), tracker, smoother, publisher.session):
            sent = [publisher.publish(frame) for frame in picture.frames]
            pictures.append(replace(picture, frames=sent))
            statistics.add(picture)
            show(1, f"tracking and streaming on {publisher.endpoint}")
        show(0, "drawing the avatar")
        for listener in listeners:
            listener.finish()
    return pictures, statistics, avatar, recorder


def paced_frames(photo: UInt8, clip: Path) -> Iterator[CapturedFrame]:
    """Yield the photograph for a moment, then the clip; all at their own pace."""
    from avatar_bridge.capture import open_source

    for index in range(PHOTO_FRAMES):
        yield CapturedFrame(photo, time.time_ns(), index, "photograph")
        time.sleep(1 / RATE_HZ)
    with open_source(clip) as source:
        yield from paced(source)


def write_pictures(pictures: list[TrackedPicture], avatars: dict[int, UInt8], out: Path) -> None:
    """Write overlay.png, avatar.mp4 and side_by_side.mp4."""
    drawn: UInt8 | None = None
    with (
        VideoWriter(out / "avatar.mp4", RATE_HZ) as avatar_video,
        VideoWriter(out / "side_by_side.mp4", RATE_HZ) as both_video,
        status_line(len(pictures)) as show,
    ):
        for number, picture in enumerate(pictures):
            show(1, "writing the videos")
            time_ns = picture.captured.capture_time_ns
            if time_ns not in avatars:
                continue
            overlay = picture.captured.image_bgr
            for face in picture.smoothed_faces():
                overlay = draw_overlay(overlay, face)
            both = side_by_side((overlay, avatars[time_ns]), ("tracked", "avatar"), CELL_PX, CELL_PX)
            avatar_video.write(avatars[time_ns], time_ns)
            both_video.write(both, time_ns)
            if number == PHOTO_FRAMES - 1:
                drawn = both
    if drawn is None:
        raise NoFaceError(
            "no face was found in the demo's photograph; please report this with the output of rdr --version"
        )
    temporary = out / ".overlay.part.png"
    cv2.imwrite(str(temporary), drawn)
    os.replace(temporary, out / "overlay.png")


def summarise(
    pictures: list[TrackedPicture],
    performance: Performance,
    statistics: RunStatistics,
    avatar: AvatarListener,
    recorder: RecordingListener,
) -> dict[str, object]:
    """Collect rates, delays and errors."""
    stats = recorder.stats
    delays = {} if stats is None else {
        "publish_to_receive_ms_p50": stats.publish_latency_p50_ms,
        "publish_to_receive_ms_p95": stats.publish_latency_p95_ms,
        "capture_to_receive_ms_p50": stats.capture_latency_p50_ms,
        "capture_to_receive_ms_p95": stats.capture_latency_p95_ms,
        "frames_received": stats.frames,
        "frames_missed": stats.missed,
    }  # fmt: skip
    return {
        "tracking": {name: round(value, 3) for name, value in statistics.summary().items()},
        "tracking_fps_possible": round(1e3 / max(1e-6, statistics.summary()["ms_per_picture_p50"]), 1),
        "stream": {name: None if value is None else round(value, 3) for name, value in delays.items()},
        "avatar_frames_drawn": len(avatar.pictures),
        "clip_error_against_truth": compare(performance, pictures[PHOTO_FRAMES:]),
    }


def report(summary: dict[str, object], out: Path) -> str:
    """Return what to tell the user at the end."""
    return "\n".join(
        [
            json.dumps(summary, indent=2),
            "",
            f"{out}/overlay.png        the photograph with what the tracker sees, and the avatar",
            f"{out}/side_by_side.mp4   photograph and clip beside the avatar that the stream drove",
            f"{out}/avatar.mp4         the avatar alone",
            f"{out}/take.mcap          everything that was streamed",
            f"{out}/summary.json       the numbers above",
            "",
            "next: rdr track 0         your own face, from the camera; in another terminal: rdr preview",
            "      rdr track FILE.mp4 --overlay out/overlay.mp4",
        ]
    )
