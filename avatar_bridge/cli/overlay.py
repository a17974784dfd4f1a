"""`rdr overlay`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import tyro

from avatar_bridge.capture.frames import CapturedFrame
from avatar_bridge.cli.status import status_line
from avatar_bridge.errors import VideoError
from avatar_bridge.video_writer import VIDEO_SUFFIXES
from rdr_core.types import TrackedFace, UInt8

if TYPE_CHECKING:
    from avatar_bridge.capture.video import VideoSource
    from avatar_bridge.preview.renderer import AvatarRenderer

_TAKES: Final = (".mcap", ".partial")
_Faces = Iterator[tuple[CapturedFrame, list[TrackedFace]]]
_Drawn = Callable[[CapturedFrame, list[TrackedFace]], UInt8]


def overlay(
    source: Annotated[Path, tyro.conf.Positional],
    video: Path | None = None,
    out: Path = Path("out/overlay.mp4"),
    at: float | None = None,
    frames: Literal["filtered", "raw"] = "filtered",
    avatar: bool = True,
    mesh: bool = True,
    bars: bool = True,
    projected: bool = True,
    max_faces: int = 1,
    preset: Literal["live", "paper"] = "live",
    weights: Path | None = None,
    threads: int = 1,
) -> None:
    """Draw what was tracked into the video, beside the avatar: of a video now, or of a take without tracking again.

    Green: the landmarks (S). Magenta: those of the 3D face (S_p), joined with them. Arrows: red to the subject's left,
    green up, blue out of the face. Text: face, confidence, pose in degrees.

    Examples:
        rdr overlay clip.mp4 --out out/clip_overlay.mp4
        rdr overlay take.mcap --video clip.mp4
        rdr overlay take.mcap --video clip.mp4 --out out/look.png --at 3.2

    Args:
        source: A video, which is tracked, or a take (.mcap).
        video: The video that a take was tracked in; by default the one it names, looked for beside it.
        out: A video (.mp4), or one picture (.png).
        at: The picture's time, s; by default that of the first face.
        frames: filtered: as it was published; raw: as the network said it.
        avatar: Draw the avatar beside it (needs the extra `preview`).
        mesh: Draw the mesh.
        bars: Draw bars of the strongest coefficients.
        projected: Draw S_p.
        max_faces: How many faces to follow in a video.
        preset: Which of the shipped networks.
        weights: research or open (their licence), or a network of your own.
        threads: CPU threads of the network.
    """
    if out.suffix.lower() not in (*VIDEO_SUFFIXES, ".png"):
        raise VideoError(f"--out must end in {', '.join(VIDEO_SUFFIXES)} or .png, got {out.name}")
    if at is not None and (out.suffix.lower() != ".png" or not at >= 0):
        raise VideoError(f"--at is the time of one picture, 0 s or later: give --out look.png with it, got {at:g}")
    with ExitStack() as stack:
        show = stack.enter_context(status_line(None))
        if source.suffix.lower() in _TAKES:
            pictures, rate_hz = _of_take(source, video, frames, lambda n: show(0, f"reading {source}: {n} frames"))
        else:
            pictures, rate_hz = _tracked(source, frames, max_faces, preset, weights, threads)
        renderer = stack.enter_context(_renderer()) if avatar else None

        def drawn(picture: CapturedFrame, faces: list[TrackedFace]) -> UInt8:
            return _draw(picture.image_bgr, faces, (mesh, bars, projected), renderer)

        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix.lower() == ".png":
            _write_picture(out, pictures, at, drawn)
        else:
            from avatar_bridge.video_writer import VideoWriter

            writer = stack.enter_context(VideoWriter(out, rate_hz))
            for picture, faces in pictures:
                writer.write(drawn(picture, faces), picture.capture_time_ns)
                show(0, f"drawing {picture.name}: {writer.frames_written} pictures")
    print(f"wrote {out}")


def _of_take(
    take: Path, video: Path | None, frames: Literal["filtered", "raw"], progress: Callable[[int], object]
) -> tuple[_Faces, float]:
    from avatar_bridge.take_faces import TakeFaces

    found = TakeFaces(take, frames, progress)
    source = _video(video or take.parent / Path(found.source).name, take)

    def pictures() -> _Faces:
        for picture in source:
            yield picture, found.at(picture.source_time_ns or 0)

    return pictures(), source.rate_hz


def _video(path: Path, take: Path) -> VideoSource:
    from avatar_bridge.capture.video import VideoSource

    if not path.is_file():
        raise VideoError(f"{path}: no such video; give the one that {take.name} was tracked in with --video")
    return VideoSource(path)


def _tracked(
    clip: Path, kind: str, max_faces: int, preset: str, weights: Path | None, threads: int
) -> tuple[_Faces, float]:
    from avatar_bridge.capture import open_source
    from avatar_bridge.config import SmoothingConfig
    from avatar_bridge.pipeline import track_pictures
    from avatar_bridge.smoothing import FaceSmoother
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.tracker import FaceTracker, TrackerConfig
    from rdr_core.inference.weights import load_predictor

    if re.fullmatch(r"(camera:)?\d{1,3}", str(clip)):
        raise VideoError(f"{clip} is a camera: give a video or a take, or rdr track {clip} --overlay out.mp4")
    source = open_source(clip)
    config = TrackerConfig(max_faces=max_faces)
    tracker = FaceTracker(load_predictor(preset, weights, threads), FaceDetector(threads), config)
    tracked = track_pictures(iter(source), tracker, FaceSmoother(SmoothingConfig()), "file")
    return ((p.captured, p.faces if kind == "raw" else p.smoothed_faces()) for p in tracked), source.rate_hz


def _renderer() -> AvatarRenderer:
    from avatar_bridge.avatar import default_avatar
    from avatar_bridge.preview.renderer import AvatarRenderer

    return AvatarRenderer(default_avatar(), 480, 480)


def _draw(
    image: UInt8, faces: list[TrackedFace], layers: tuple[bool, bool, bool], renderer: AvatarRenderer | None
) -> UInt8:
    import numpy as np

    from avatar_bridge.preview.compose import side_by_side
    from avatar_bridge.preview.overlay import draw_overlay

    seen = [face for face in faces if face.tracked]
    for face in seen:
        image = draw_overlay(image, face, *layers)
    if renderer is None:
        return image
    beside = np.zeros((renderer.height, renderer.width, 3), np.uint8)
    if seen:
        first = seen[0].prediction
        beside = renderer.render(first.alpha_exp, first.pose.euler_rad)
    labels = ("S green, S_p magenta" if layers[2] else "S green", "avatar" if seen else "no face")
    width = min(960, 2 * round(renderer.height * image.shape[1] / image.shape[0] / 2))
    left = side_by_side((image,), labels[:1], width, renderer.height)
    return np.hstack([left, side_by_side((beside,), labels[1:], renderer.width, renderer.height)])


def _write_picture(out: Path, pictures: _Faces, at: float | None, drawn: _Drawn) -> None:
    import cv2

    from rdr_core.atomic import whole_file

    start_ns: int | None = None
    for picture, faces in pictures:
        start_ns = picture.capture_time_ns if start_ns is None else start_ns
        due = bool(faces) if at is None else picture.capture_time_ns - start_ns >= at * 1e9
        if due:
            with whole_file(out) as temporary:
                temporary.write_bytes(cv2.imencode(".png", drawn(picture, faces))[1].tobytes())
            return
    raise VideoError("no face in the video" if at is None else f"the video ends before {at:g} s: give an earlier --at")
