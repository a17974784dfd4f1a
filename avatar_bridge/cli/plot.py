"""`rdr plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from avatar_bridge.cli.status import status_line
from avatar_bridge.errors import BridgeError


def plot(
    take: Annotated[Path, tyro.conf.Positional],
    out: tuple[Path, ...] = (),
    shapes: tuple[str, ...] = (),
    face: int | None = None,
    rerun: Path | None = None,
    video: Path | None = None,
) -> None:
    """Draw a take's pose and coefficients over time, raw and filtered, with the filters' lag and where faces were lost.

    Examples:
        rdr plot take.mcap
        rdr plot take.mcap --out out/take.html
        rdr plot take.mcap --out out/brows.png --shapes BrowInnerUp yaw
        rdr plot take.mcap --rerun out/take.rrd --video clip.mp4

    Args:
        take: The take (.mcap).
        out: What to write, .png (a picture; needs the extra `plot`) or .html (a page to zoom in; everything is in the
            file); default: both, out/TAKE.png and out/TAKE.html.
        shapes: Draw these curves alone in the picture: coefficients, pitch, yaw, roll, x, y, scale, confidence.
        face: Which face the picture shows, by id; default the one that was seen longest. The page has all.
        rerun: Write a recording (.rrd) for the Rerun viewer, which shows it with: rerun FILE. Needs the extra `rerun`.
        video: The video that the take was tracked in: the recording then has pictures, landmarks and mesh, too.
    """
    outs = out or (() if rerun else (Path("out") / f"{take.stem}.png", Path("out") / f"{take.stem}.html"))
    wrong = [path.name for path in outs if path.suffix.lower() not in (".png", ".html")]
    if wrong:
        raise BridgeError(f"--out must end in .png or .html, got {', '.join(wrong)}")
    if video is not None and rerun is None:
        raise BridgeError("--video is for --rerun OUT.rrd; rdr overlay draws a take into its video")
    from avatar_bridge.plot.curves import read_curves

    with status_line(None) as show:
        curves = read_curves(take, lambda frames: show(0, f"reading {take}: {frames} frames"))
        known = {curve.name for curve in curves.faces[0].curves}
        unknown = [name for name in shapes if name not in known]
        if unknown:
            raise BridgeError(f"no curve {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        shown = [found for found in curves.faces if face is None or found.face_id == face]
        if not shown:
            there = ", ".join(str(found.face_id) for found in curves.faces)
            raise BridgeError(f"{take} has no face {face}; there are {there}")
        for path in outs:
            show(0, f"drawing {path}")
            if path.suffix.lower() == ".html":
                from avatar_bridge.plot.page import write_page

                write_page(path, curves)
            else:
                from avatar_bridge.plot.figure import write_figure

                write_figure(path, curves, shown[0], shapes)
        if rerun is not None:
            from avatar_bridge.plot.rerun_log import write_rerun
            from avatar_bridge.take_faces import TakeFaces

            faces = None if video is None else TakeFaces(take)
            write_rerun(rerun, curves, video, faces, lambda text: show(0, text))
    for path in (*outs, *([rerun] if rerun else [])):
        print(f"wrote {path} ({path.stat().st_size / 1e6:.2f} MB)")
