"""`rdr preview`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from avatar_bridge.cli.avatar import open_avatar
from avatar_bridge.cli.status import status_line
from avatar_bridge.cli.stream import endpoint_of_source, open_stream
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.errors import AvatarError, StreamError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.places import Places
from avatar_bridge.preview.renderer import AvatarRenderer
from avatar_bridge.subscriber import Subscriber
from avatar_bridge.video_writer import VIDEO_SUFFIXES
from rdr_core.types import UInt8


def preview(
    endpoint: str = DEFAULT_ENDPOINT,
    source: str | None = None,
    out: Path | None = None,
    seconds: float | None = None,
    size: int = 512,
    face: int | None = None,
    wait: float = 10.0,
    idle: float = 5.0,
    server_key: str | None = None,
    avatar: Path | None = None,
    user: str | None = None,
    samples: Literal[0, 2, 4, 8] = 4,
) -> None:
    """Show the avatar that a stream drives: in a window, or without a display as a video or picture.

    Examples:
        rdr preview
        rdr preview --out out/avatar.mp4 --seconds 10
        rdr preview --out out/avatar.webp --seconds 3 --size 320
        rdr preview --out out/avatar.png
        rdr preview --source left
        rdr preview --avatar my_character.vrm
        rdr preview --user anna

    Args:
        endpoint: Where the stream is published.
        source: Which of several cameras (rdr track front=0 left=1); endpoint is the first one's.
        out: Write a video (.mp4, .mov, .mkv; .webp for a web page) or one .png instead of opening a window.
        seconds: Stop after this long.
        size: Side of the picture, px.
        face: Only the face with this id; default: the first that comes, once that is gone another.
        wait: Give up when no face is heard of for this many seconds.
        idle: The stream has ended when nothing comes for this many seconds.
        server_key: The sender's public key where it is on another machine (rdr keys).
        avatar: Another avatar: a .glb or .vrm with the shapes of ARKit or FaceWarehouse, an .npz of rdr avatar export,
            or a FaceWarehouse person's folder; default: the one that comes with the program.
        user: The avatar has the face of this user (rdr calibrate).
        samples: Anti-aliasing; 0 is the fastest.
    """
    if out is not None:
        if out.suffix.lower() not in (*VIDEO_SUFFIXES, ".png"):
            raise AvatarError(f"--out must end in {', '.join(VIDEO_SUFFIXES)} or .png, got {out.name}")
        out.parent.mkdir(parents=True, exist_ok=True)
    shown = open_avatar(avatar, user)
    endpoint = endpoint_of_source(endpoint, source, wait, server_key)
    live = out is None or out.suffix.lower() == ".png"
    with (
        AvatarRenderer(shown, size, size, samples) as renderer,  # takes seconds, in which nobody would receive
        open_stream(endpoint, server_key, latest_only=live) as stream,
        status_line(None) as show,
    ):
        show(0, f"waiting for a face on {endpoint}")
        frames = face_frames(stream, face, wait, idle, seconds)
        if out is None:
            from avatar_bridge.preview.window import show_window

            with suppress(KeyboardInterrupt):
                show_window(stream, renderer, frames)
        elif live:
            write_picture(renderer, frames, out)
        else:
            write_video(stream, renderer, frames, out, show)
    print("stream ended" if out is None else f"wrote {out}")


def face_frames(
    stream: Subscriber, face: int | None, wait: float, idle: float, seconds: float | None
) -> Iterator[FaceFrame | None]:
    """Yield frames of one face as they come, None while nothing comes; StreamError where nothing ever does."""
    started = last = time.monotonic()
    heard, places = False, Places(1)
    while seconds is None or time.monotonic() - started < seconds:
        came = [message for message in stream.poll(30) if isinstance(message, FaceFrame)]
        frames = [new for new in came if (places.of(new) == 0 if face is None else new.face_id == face)]
        if frames and not heard:
            heard, started = True, time.monotonic()
        if frames:
            last = time.monotonic()
        elif time.monotonic() - last > (idle if heard else wait):
            break
        yield from frames
        if not frames:
            yield None
    if not heard:
        raise StreamError(f"no face on {stream.endpoint} within {wait:g} s: start one with rdr track")


def draw_frame(renderer: AvatarRenderer, frame: FaceFrame) -> UInt8:
    """Return the avatar with the expression and rotation of a frame, (H, W, 3) BGR."""
    return renderer.render(frame.alpha_exp, frame.euler_rad)


def write_picture(renderer: AvatarRenderer, frames: Iterator[FaceFrame | None], out: Path) -> None:
    """Write the first tracked face as a PNG; it appears only when it is whole."""
    import os

    import cv2

    for frame in frames:
        if frame is not None and frame.tracked:
            temporary = out.with_name(f".{out.stem}.part.png")
            cv2.imwrite(str(temporary), draw_frame(renderer, frame))
            os.replace(temporary, out)
            return
    raise StreamError("the stream ended before a face was tracked")


def write_video(
    stream: Subscriber, renderer: AvatarRenderer, frames: Iterator[FaceFrame | None], out: Path, show: object
) -> None:
    """Write every frame at its capture time; one that comes late is left out."""
    from avatar_bridge.live_video import VideoTimes
    from avatar_bridge.video_writer import VideoWriter

    rate = stream.hello.rate_hz if stream.hello and stream.hello.rate_hz else 30.0
    with VideoWriter(out, rate) as video:
        times = VideoTimes(rate)
        with suppress(KeyboardInterrupt):
            for frame in frames:
                time_ns = None if frame is None else times.of(frame.capture_time_ns)
                if frame is not None and time_ns is not None:
                    video.write(draw_frame(renderer, frame), time_ns)
                    if callable(show):
                        show(0, f"writing {out}: {video.frames_written} frames; Ctrl-C ends")
