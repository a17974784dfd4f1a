"""`rdr convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from avatar_bridge.cli.status import status_line
from avatar_bridge.convert.conversion import Converted, NamesOption
from avatar_bridge.convert.formats import FormatName
from avatar_bridge.tracks import FaceTrack


def convert(
    source: Annotated[Path, tyro.conf.Positional],
    out: Annotated[Path, tyro.conf.Positional],
    format: FormatName | None = None,
    fps: float | None = None,
    names: NamesOption | None = None,
    mapping: Path | None = None,
    face: int | Literal["all"] | None = None,
    mirror: bool = False,
    start: float | None = None,
    end: float | None = None,
) -> None:
    """Turn a take into another format, or another format into a take.

    The ending of OUT says which: .csv (Live Link Face), .npz, .json, .glb (animated avatar), .usd .usda .usdc (the
    same, needs usd-core), .bvh (head) or .mcap (take). Takes, .npz, .json and .csv can be read. Frames keep their
    capture times, or are resampled by them, never counted.

    Examples:
        rdr convert take.mcap shot.csv
        rdr convert take.mcap avatar.glb --start 2 --end 10
        rdr convert take.mcap shot.npz --names arkit --fps 24
        rdr convert take.mcap shot.json --mapping my_character.json --face all
        rdr convert iphone.csv iphone.mcap

    Args:
        source: The take (.mcap), or a .npz, .json or Live Link Face .csv file.
        out: The file to write; its ending says the format.
        format: The format, where the ending does not say it.
        fps: Resample to so many frames a second; 23.976, 29.97 and 59.94 are taken exactly. Default: as captured.
        names: Whose shapes: facewarehouse (46), arkit (52), vrm0, vrm1, visemes (15). Default: those of the format.
        mapping: A mapping file of your own (docs/retargeting.md) in place of --names.
        face: Id of the face, or all: one file each. Default: the one that was tracked longest.
        mirror: Exchange left and right.
        start: First second of the take.
        end: Last second of the take.
    """
    from avatar_bridge.convert.conversion import ConvertOptions
    from avatar_bridge.convert.conversion import convert as run

    options = ConvertOptions(format, fps, names, mapping, face, mirror, start, end)
    with status_line(None) as show:
        show(0, f"reading {source}")
        written, found = run(source, out, options, lambda frames: show(0, f"converting {source}: {frames} frames"))
    for item in written:
        print(f"wrote {item.path}: {summary(item)}")
    if len(found) > len(written):
        others = ", ".join(f"{track.face_id} ({tracked_seconds(track):.1f} s)" for track in found)
        print(f"faces in {source.name}: {others}; --face chooses")


def summary(item: Converted) -> str:
    """Return in words what was written."""
    track = item.track
    times = f"{track.seconds[0]:.2f} to {track.seconds[-1]:.2f} s"
    rate = f" at {track.rate_hz:.4g} fps" if len(track) > 1 else ""
    lost = 1 - track.tracked.mean()
    held = f"; not tracked for {100 * lost:.2g} % of them: the last values are held" if lost else ""
    return f"face {track.face_id}, {len(track)} frames from {times}{rate}{held}"


def tracked_seconds(track: FaceTrack) -> float:
    """Return how long a face was tracked."""
    return float(track.tracked.sum() / track.rate_hz) if track.rate_hz else 0.0
