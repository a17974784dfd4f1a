"""`rdr moments`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import tyro

from avatar_bridge.cli.status import status_line
from avatar_bridge.pipeline import TrackedPicture
from rdr_core.atomic import whole_file


def moments(
    clips: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path = Path("out/moments.jpg"),
    size: int = 160,
    drawing: bool = False,
    preset: Literal["live", "paper"] = "live",
    weights: Path | None = None,
    threads: int = 1,
) -> None:
    """Show the strongest blink, smile, open jaw, brows of clips beside the avatar, in one picture.

    Examples:
        rdr moments my_clip.mp4
        rdr moments a.mp4 b.mp4 --out out/sheet.jpg --drawing

    Args:
        clips: Videos, or folders of pictures.
        out: Picture to write: .jpg or .png.
        size: Side of one face, px.
        drawing: Show the landmarks alone instead of the pictures, which you may not be allowed to show.
        preset: Which of the shipped networks.
        weights: research or open (their licence), or a network of your own.
        threads: CPU threads of the network.
    """
    import cv2

    from avatar_bridge.errors import AvatarError
    from avatar_bridge.preview.moments import Moments, draw_moments

    if out.suffix.lower() not in (".jpg", ".png"):
        raise AvatarError(f"--out must end in .jpg or .png, got {out.name}")
    if not 32 <= size <= 1024:
        raise AvatarError(f"--size must lie between 32 and 1024 px, got {size}")
    found = []
    with status_line(None) as show:
        for clip in clips:
            best = Moments(size, drawing)
            for number, picture in enumerate(_tracked(clip, preset, weights, threads)):
                best.add(picture)
                show(0, f"{clip.name}: {number + 1} pictures")
            best.rows()  # says so here where no face was found
            found.append((clip.name, best))
        sheet = draw_moments(found, size, lambda: show(0, "drawing the avatar"))
    with whole_file(out) as temporary:
        temporary.write_bytes(cv2.imencode(out.suffix, sheet)[1].tobytes())
    print(f"wrote {out}: {len(found)} clips")


def _tracked(
    clip: Path, preset: Literal["live", "paper"], weights: Path | None, threads: int
) -> Iterator[TrackedPicture]:
    """Track a clip from its beginning, every picture of it."""
    from avatar_bridge.capture import open_source
    from avatar_bridge.config import SmoothingConfig
    from avatar_bridge.pipeline import track_pictures
    from avatar_bridge.smoothing import FaceSmoother
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.tracker import FaceTracker
    from rdr_core.inference.weights import load_predictor

    tracker = FaceTracker(load_predictor(preset, weights, threads), FaceDetector(threads))
    with open_source(str(clip)) as source:
        yield from track_pictures(iter(source), tracker, FaceSmoother(SmoothingConfig()), "file")
