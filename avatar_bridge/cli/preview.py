"""`rdr preview`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Literal

from avatar_bridge.cli.avatar import open_avatar
from avatar_bridge.cli.status import status_line
from avatar_bridge.cli.stream import endpoint_of_source, open_stream
from avatar_bridge.config import DEFAULT_ENDPOINT
from avatar_bridge.errors import AvatarError, StreamError
from avatar_bridge.messages import MAX_FACES, FaceFrame
from avatar_bridge.places import Places
from avatar_bridge.preview.camera_picture import CameraPicture
from avatar_bridge.preview.face_row import FaceRow
from avatar_bridge.preview.renderer import AvatarRenderer
from avatar_bridge.subscriber import Subscriber
from avatar_bridge.video_writer import VIDEO_SUFFIXES

PlacedFrame = tuple[int, FaceFrame]
"""A frame, and the place of its face from 0."""


def preview(
    endpoint: str = DEFAULT_ENDPOINT,
    source: str | None = None,
    out: Path | None = None,
    seconds: float | None = None,
    size: int = 512,
    face: int | None = None,
    faces: int = 1,
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
        rdr preview --faces 2

    Args:
        endpoint: Where the stream is published.
        source: Which of several cameras (rdr track front=0 left=1); endpoint is the first one's.
        out: Write a video (.mp4, .mov, .mkv; .webp for a web page) or one .png instead of opening a window.
        seconds: Stop after this long.
        size: Side of the picture, px.
        face: Only the face with this id; default: the first that comes, once that is gone another.
        faces: How many faces to show, beside each other.
        wait: Give up when no face is heard of for this many seconds.
        idle: The stream has ended when nothing comes for this many seconds.
        server_key: The sender's public key where it is on another machine (rdr keys).
        avatar: Another avatar: a .glb or .vrm with the shapes of ARKit or FaceWarehouse, an .npz of rdr avatar export,
            or a FaceWarehouse person's folder; default: the one that comes with the program.
        user: The avatar has the face and the skin of this user (rdr calibrate).
        samples: Anti-aliasing; 0 is the fastest.
    """
    if out is not None:
        if out.suffix.lower() not in (*VIDEO_SUFFIXES, ".png"):
            raise AvatarError(f"--out must end in {', '.join(VIDEO_SUFFIXES)} or .png, got {out.name}")
        out.parent.mkdir(parents=True, exist_ok=True)
    if not 1 <= faces <= MAX_FACES or (face is not None and faces > 1):
        raise AvatarError(f"--faces must be 1 to {MAX_FACES}, and 1 with --face, got {faces}")
    shown = open_avatar(avatar, user)
    endpoint = endpoint_of_source(endpoint, source, wait, server_key)
    live = out is None or out.suffix.lower() == ".png"
    with (
        AvatarRenderer(shown, size, size, samples) as renderer,  # takes seconds, in which nobody would receive
        open_stream(endpoint, server_key, latest_only=live) as stream,
        status_line(None) as show,
    ):
        show(0, f"waiting for a face on {endpoint}")
        frames = face_frames(stream, face, wait, idle, seconds, faces)
        if out is None:
            from avatar_bridge.preview.window import show_window

            with camera_picture(endpoint, server_key) as camera, suppress(KeyboardInterrupt):
                show_window(stream, renderer, frames, faces, camera)
        elif live:
            write_picture(FaceRow(renderer, faces), faces, frames, out)
        else:
            write_video(stream, FaceRow(renderer, faces), frames, out, show)
    print("stream ended" if out is None else f"wrote {out}")


def face_frames(
    stream: Subscriber, face: int | None, wait: float, idle: float, seconds: float | None, faces: int = 1
) -> Iterator[PlacedFrame | None]:
    """Yield frames as they come, of one face or of several, each with its place from 0; None while nothing comes;
    StreamError where nothing ever does."""
    started = last = time.monotonic()
    heard, places = False, Places(faces)
    while seconds is None or time.monotonic() - started < seconds:
        came = [message for message in stream.poll(30) if isinstance(message, FaceFrame)]
        if face is None:
            frames = [(place, new) for new in came if (place := places.of(new)) is not None]
        else:
            frames = [(0, new) for new in came if new.face_id == face]
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


def camera_picture(endpoint: str, server_key: str | None) -> AbstractContextManager[CameraPicture | None]:
    """Return what asks the tracker of a stream for its camera's picture; nothing where there is no port to ask at."""
    from avatar_bridge.endpoint import control_endpoint
    from avatar_bridge.keys import KeyStore

    try:
        control = control_endpoint(endpoint)
    except StreamError:
        return nullcontext()
    return CameraPicture(control, KeyStore().client(server_key) if server_key else None)


def write_picture(row: FaceRow, faces: int, frames: Iterator[PlacedFrame | None], out: Path) -> None:
    """Write as many tracked faces as are wanted, or those that came, as a PNG; it appears only when it is whole."""
    import cv2

    for came in frames:
        if came is not None and came[1].tracked:
            row.draw(*came)
        if len(row.shown) == faces:
            break
    if not row.shown:
        raise StreamError("the stream ended before a face was tracked")
    temporary = out.with_name(f".{out.stem}.part.png")
    cv2.imwrite(str(temporary), row.picture)
    os.replace(temporary, out)


def write_video(
    stream: Subscriber, row: FaceRow, frames: Iterator[PlacedFrame | None], out: Path, show: object
) -> None:
    """Write all faces of a picture at its capture time; what comes late is left out."""
    from avatar_bridge.live_video import VideoTimes
    from avatar_bridge.video_writer import VideoWriter

    rate = stream.hello.rate_hz if stream.hello and stream.hello.rate_hz else 30.0
    with VideoWriter(out, rate) as video:
        times, drawn_ns = VideoTimes(rate), 0

        def write() -> None:
            time_ns = times.of(drawn_ns) if row.shown else None
            if time_ns is not None:
                video.write(row.picture, time_ns)
                if callable(show):
                    show(0, f"writing {out}: {video.frames_written} frames; Ctrl-C ends")

        with suppress(KeyboardInterrupt):
            for came in frames:
                if came is None or came[1].capture_time_ns < drawn_ns:
                    continue
                if came[1].capture_time_ns > drawn_ns:
                    write()
                drawn_ns = came[1].capture_time_ns
                row.draw(*came)
        write()
