"""`rdr track`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from avatar_bridge.capture.frames import CapturedFrame, FrameSource
from avatar_bridge.cli.offline import LIVE, OfflineOptions, track_offline
from avatar_bridge.cli.several import track_each
from avatar_bridge.cli.status import status_line
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.errors import RecordingError
from avatar_bridge.source_names import source_of

if TYPE_CHECKING:
    from avatar_bridge.recording.run_takes import RunTakes


def track(
    sources: Annotated[tuple[str, ...], tyro.conf.Positional] = ("0",),
    endpoint: str = DEFAULT_ENDPOINT,
    publish: bool = True,
    control: str | None = None,
    insecure: bool = False,
    share_picture: bool = False,
    takes: Path = Path("takes"),
    record: Path | None = None,
    overlay: Path | None = None,
    smoothing: str = "normal",
    user: str | None = None,
    online: bool = False,
    adapted: bool = False,
    gaze: Literal["network", "picture"] = "network",
    max_faces: int = 1,
    fast: bool = False,
    seconds: float | None = None,
    preset: Literal["live", "paper"] = "live",
    weights: Path | None = None,
    threads: int = 1,
    precision: Literal["auto", "float", "int8"] = "auto",
    device: str = "cpu",
    offline: Annotated[OfflineOptions, tyro.conf.arg(name="")] = LIVE,
) -> None:
    """Follow faces and stream head pose and 46 blendshapes until the source ends or Ctrl-C.

    Examples:
        rdr track 0
        rdr track clip.mp4 --overlay out/clip_overlay.mp4 --record out/clip.mcap
        rdr track photos/ --no-publish --fast --overlay out/photos.mp4
        rdr track 0 --smoothing strong,eyes=light
        rdr track 0 --user anna
        rdr track 0 --user anna --online
        rdr track 0 --gaze picture
        rdr track front=0 left=1
        rdr track shoot/ --offline --out shoot_takes

    Args:
        sources: Camera number, video file, picture or folder of pictures; several, each with a name of its own as
            NAME=SOURCE, are tracked by a process each. With --offline: videos, and folders of them.
        endpoint: Where to publish; rdr preview and Blender connect to it.
        publish: Stream over ZeroMQ, and answer rdr control.
        control: Where rdr control asks; by default the port after the endpoint's.
        insecure: Let other machines connect without keys.
        share_picture: Show whoever may ask (rdr preview, key c) what the camera sees, small.
        takes: Folder of the takes that rdr control records.
        record: Also write a take (.mcap).
        overlay: Also write a video with landmarks, mesh, axes and bars drawn in (.mp4).
        smoothing: off, light, normal or strong; for a region of its own REGION=LEVEL, as in normal,eyes=light.
            Regions: brows, eyes, mouth, jaw, head, landmarks; rdr filters shows what each does.
        user: Whose face it is, as calibrated with rdr calibrate: their own shape, face at rest and range.
        online: With --user: refine the user's face meanwhile, and keep that at the end.
        adapted: With --user: use the network that rdr adapt fitted to this person, where there is one.
        gaze: Who reads gaze: the network, which sees little of it, or the eye network in the picture. With
            --user it is always the picture.
        max_faces: How many faces to follow.
        fast: Work through a file as fast as possible instead of at its own pace.
        seconds: Stop after this long.
        preset: Which of the shipped networks.
        weights: research or open (their licence), or a network of your own.
        threads: CPU threads of the network.
        precision: float, int8 (bytes) or what suits this machine.
        device: cpu, or cuda for a GPU (needs torch; a GPU starts slower and pays off for large networks).
    """
    given = locals()
    if offline.offline:
        track_offline(given, track)
        return
    if len(sources) > 1:
        track_each(given, track)
        return
    from avatar_bridge.capture import open_source
    from avatar_bridge.cli.stream import sender_keys
    from avatar_bridge.config import SmoothingConfig
    from avatar_bridge.control_server import ControlServer
    from avatar_bridge.endpoint import control_endpoint
    from avatar_bridge.live_video import LiveVideo
    from avatar_bridge.messages import Hello
    from avatar_bridge.pipeline import Pipeline
    from avatar_bridge.preview.overlay import draw_faces
    from avatar_bridge.publisher import Publisher
    from avatar_bridge.recording.facts import facts_of_run
    from avatar_bridge.recording.run_takes import RunTakes
    from avatar_bridge.service import TrackService
    from avatar_bridge.smoothing import FaceSmoother
    from avatar_bridge.user import network_of_user, of_user, save_refined
    from avatar_bridge.video_writer import VideoWriter
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.tracker import FaceTracker, TrackerConfig
    from rdr_core.inference.weights import find_network, load_predictor
    from rdr_core.interrupt import on_interrupt

    name, source = source_of(sources[0])
    smooth = SmoothingConfig.of(smoothing)
    weights = network_of_user(user, preset, weights, adapted)
    predictor = of_user(load_predictor(preset, weights, threads, precision, device), user, max_faces, online, gaze)
    tracker = FaceTracker(predictor, FaceDetector(threads), TrackerConfig(max_faces=max_faces))
    drawn: LiveVideo | None = None
    with ExitStack() as stack:
        video = stack.enter_context(open_source(source, lasting=True))
        keys = sender_keys(endpoint, insecure) if publish else None
        publisher = stack.enter_context(Publisher(endpoint, curve=keys, insecure=insecure)) if publish else None
        hello = publisher.hello if publisher else Hello(session="file")
        hello = replace(hello, rate_hz=video.rate_hz, faces=max_faces, source=name, user=user)
        facts = facts_of_run(video, find_network(preset, weights), smoothing, smooth, user)
        run_takes = stack.enter_context(RunTakes(takes, hello.session, video.name, facts, complain))
        if overlay:
            overlay.parent.mkdir(parents=True, exist_ok=True)
            drawn = stack.enter_context(LiveVideo(VideoWriter(overlay, video.rate_hz), video.rate_hz, complain))
        if record:
            run_takes.start(record)
        pipeline = Pipeline(tracker, FaceSmoother(smooth), hello.session, user)
        service = TrackService(video, pipeline, run_takes, hello, publisher, share_picture)
        if publisher:
            publisher.describe(hello)
            asked_at = control or control_endpoint(publisher.endpoint)
            stack.enter_context(ControlServer(service.answer, asked_at, sender_keys(asked_at, insecure), insecure))
        show = stack.enter_context(status_line(video.frame_count))
        if publisher:
            show(0, f"publishing {video.name} on {publisher.endpoint}; see it with rdr preview")
        stack.enter_context(on_interrupt(service.quit))  # the usual way to end it: what was written is finished
        for picture in service.run(limited(arrivals(video, fast), seconds)):
            if picture is None:
                show(0, service.trouble or f"{video.name} is stopped; rdr control start goes on")
                continue
            if drawn and not drawn.error:
                image = draw_faces(picture.captured.image_bgr, picture.smoothed_faces())
                drawn.write(image, picture.captured.capture_time_ns)
            show(1, f"{service.statistics.late()}; {len(picture.faces)} face(s)")
    print(service.statistics)
    if refined := save_refined(predictor):
        print(f"refined {user}: wrote {refined}")
    say_outcome(run_takes, overlay, drawn is None or drawn.error is None, smoothing, video.rate_hz)


def say_outcome(takes: RunTakes, overlay: Path | None, overlay_whole: bool, smoothing: str, rate_hz: float) -> None:
    """Print what filters cost and what was written. Raises RecordingError where one ended early."""
    from avatar_bridge.config import SmoothingConfig
    from avatar_bridge.filter_trials import region_lags_ms

    lags = region_lags_ms(SmoothingConfig.of(smoothing), rate_hz or 30.0)
    print(f"smoothing {smoothing}, lag: " + ", ".join(f"{region} {lag:.0f} ms" for region, lag in lags.items()))
    broken = takes.broken + ([overlay] if overlay and not overlay_whole else [])
    for path in [*takes.written, *([overlay] if overlay and overlay_whole else [])]:
        print(f"wrote {path}")
    if broken:
        names = ", ".join(map(str, broken))
        raise RecordingError(f"not whole, as was said before: {names}; everything else is")


def complain(line: str) -> None:
    """Say at once what is wrong with a take or the overlay."""
    print(f"error: {line}", file=sys.stderr)


def arrivals(source: FrameSource, fast: bool) -> Iterator[CapturedFrame | None]:
    """Pictures at the source's pace, or as fast as they can be had; None now and then while a camera gives none."""
    from avatar_bridge.capture.lasting import LastingSource
    from avatar_bridge.pipeline import paced

    if isinstance(source, LastingSource):
        return source.frames()
    return iter(source) if fast else paced(source)


def limited(pictures: Iterator[CapturedFrame | None], seconds: float | None) -> Iterator[CapturedFrame | None]:
    """Pictures for at most some seconds."""
    if seconds is None:
        return pictures
    end = time.monotonic() + seconds
    return takewhile(lambda _: time.monotonic() < end, pictures)
