"""`rdr track`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

import tyro

from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.cli.status import status_line
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.pipeline import RunStatistics, TrackedPicture
from rdr_core.types import UInt8


def track(
    source: Annotated[str, tyro.conf.Positional] = "0",
    endpoint: str = DEFAULT_ENDPOINT,
    publish: bool = True,
    record: Path | None = None,
    overlay: Path | None = None,
    smoothing: str = "normal",
    max_faces: int = 1,
    fast: bool = False,
    seconds: float | None = None,
    preset: Literal["live", "paper"] = "live",
    weights: Path | None = None,
    threads: int = 1,
) -> None:
    """Follow faces and stream head pose and 46 blendshapes until the source ends or Ctrl-C.

    Examples:
        rdr track 0
        rdr track clip.mp4 --overlay out/clip_overlay.mp4 --record out/clip.mcap
        rdr track photos/ --no-publish --fast --overlay out/photos.mp4
        rdr track 0 --smoothing strong,eyes=light

    Args:
        source: Camera number, video file, picture or folder of pictures.
        endpoint: Where to publish; rdr preview and Blender connect to it.
        publish: Stream over ZeroMQ.
        record: Also write a take (.mcap).
        overlay: Also write a video with landmarks, mesh, axes and bars drawn in (.mp4).
        smoothing: off, light, normal or strong; for a region of its own REGION=LEVEL, as in normal,eyes=light.
            Regions: brows, eyes, mouth, jaw, head, landmarks; rdr filters shows what each does.
        max_faces: How many faces to follow.
        fast: Work through a file as fast as possible instead of at its own pace.
        seconds: Stop after this long.
        preset: Which of the shipped networks.
        weights: research or open (their licence), or a network of your own.
        threads: CPU threads of the network.
    """
    from avatar_bridge.capture import open_source
    from avatar_bridge.config import SmoothingConfig
    from avatar_bridge.filter_trials import region_lags_ms
    from avatar_bridge.pipeline import track_pictures
    from avatar_bridge.publisher import Publisher
    from avatar_bridge.recording import Recorder
    from avatar_bridge.smoothing import FaceSmoother
    from avatar_bridge.video_writer import VideoWriter
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.tracker import FaceTracker, TrackerConfig
    from rdr_core.inference.weights import load_predictor

    smooth = SmoothingConfig.of(smoothing)
    tracker = FaceTracker(
        load_predictor(preset, weights, threads), FaceDetector(threads), TrackerConfig(max_faces=max_faces)
    )
    statistics = RunStatistics()
    with ExitStack() as stack:
        video = stack.enter_context(open_source(source))
        for path in (record, overlay):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
        publisher = stack.enter_context(Publisher(endpoint)) if publish else None
        session = publisher.session if publisher else "file"
        if publisher:
            publisher.describe(replace(publisher.hello, rate_hz=video.rate_hz, faces=max_faces))
        drawn = stack.enter_context(VideoWriter(overlay, video.rate_hz)) if overlay else None
        take = stack.enter_context(Recorder(record, session, source=video.name)) if record else None
        show = stack.enter_context(status_line(video.frame_count))
        if publisher:
            show(0, f"publishing {video.name} on {publisher.endpoint}; see it with rdr preview")
        pictures = track_pictures(limited(video, fast, seconds), tracker, FaceSmoother(smooth), session)
        with suppress(KeyboardInterrupt):  # the usual way to end it: what was written is finished
            for picture in pictures:
                sent = [publisher.publish(frame) for frame in picture.frames] if publisher else picture.frames
                if take:
                    for frame in sent:
                        take.write(frame)
                if drawn:
                    drawn.write(draw(picture), picture.captured.capture_time_ns)
                statistics.add(picture)
                show(1, f"{statistics}; {len(picture.faces)} face(s)")
    print(statistics)
    lags = region_lags_ms(smooth, video.rate_hz or 30.0)
    print(f"smoothing {smoothing}, lag: " + ", ".join(f"{region} {lag:.0f} ms" for region, lag in lags.items()))
    for path in (record, overlay):
        if path is not None:
            print(f"wrote {path}")


def limited(source: FrameSource, fast: bool, seconds: float | None) -> Iterator[CapturedFrame]:
    """Pictures at the source's pace, or as fast as they can be had, for at most some seconds."""
    from avatar_bridge.pipeline import paced

    pictures = iter(source) if fast else paced(source)
    if seconds is None:
        return pictures
    end = time.monotonic() + seconds
    return takewhile(lambda _: time.monotonic() < end, pictures)


def draw(picture: TrackedPicture) -> UInt8:
    """Return the picture with every tracked face drawn in."""
    from avatar_bridge.preview.overlay import draw_overlay

    image = picture.captured.image_bgr
    for face in picture.smoothed_faces():
        if face.tracked:
            image = draw_overlay(image, face)
    return image
