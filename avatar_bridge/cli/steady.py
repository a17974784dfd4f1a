"""`rdr steady`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Literal

import tyro

from avatar_bridge.cli.status import status_line


def steady(
    clips: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path = Path("out/steadiness"),
    people: tuple[str, ...] = (),
    recrop: bool = True,
    plots: bool = True,
    preset: Literal["live", "paper"] = "live",
    weights: Path | None = None,
    threads: int = 1,
) -> None:
    """Measure how steady tracking is over clips: jitter at rest, lag, dependence on the crop, and identity.

    Examples:
        rdr steady clip.mp4
        rdr steady ann_1.mp4 ann_2.mp4 ben.mp4 --people ann ann ben --out out/steadiness

    Args:
        clips: Videos, each of one person.
        out: Folder for steadiness.json, tables.md, and a CSV and a picture of each clip.
        people: Who is in each clip, in their order; default: somebody else in each.
        recrop: Look at every fifth frame again through other crops.
        plots: Draw each clip over time (needs matplotlib).
        preset: Which of the shipped networks.
        weights: research or open (their licence), or a network of your own.
        threads: CPU threads of the network.
    """
    from rich.console import Console

    from avatar_bridge.capture import VideoSource
    from avatar_bridge.clip_tracking import track_clip
    from rdr_core.cli.options import print_table
    from rdr_core.evaluation.crop_spread import RecropConfig
    from rdr_core.evaluation.steadiness import RestConfig
    from rdr_core.evaluation.steadiness_report import measure, write_report
    from rdr_core.evaluation.steadiness_tables import tables
    from rdr_core.face_model.dynamic_expression_model import default_face_model
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.weights import load_predictor

    names = clip_names(clips)
    who = people_of(names, people)
    videos = [VideoSource(path.expanduser(), base_time_ns=0) for path in clips]  # a wrong name is found at once
    predictor, detector, config = load_predictor(preset, weights, threads), FaceDetector(threads), RecropConfig()
    tracked = []
    with status_line(sum(video.frame_count or 0 for video in videos)) as show:
        for video, name, person in zip(videos, names, who, strict=True):
            advance = partial(show, 1, f"tracking {video.name}")
            tracked.append(track_clip(video, predictor, detector, name, person, config if recrop else None, advance))
        show(0, "measuring")
        steadiness = measure(tracked, default_face_model(), RestConfig(), config)
        written = write_report(out, steadiness, plots)
    console = Console(highlight=False)
    for table in tables(steadiness):
        print_table(console, table)
    print(f"wrote {written}")


def clip_names(clips: Sequence[Path]) -> list[str]:
    """Return a name for each clip, fit for a file: its stem, numbered where an earlier clip has it."""
    from rdr_core.errors import ConfigError

    if not clips:
        raise ConfigError("no clip was given: name one video or more")
    names: list[str] = []
    for clip in clips:
        numbered = chain([clip.stem], (f"{clip.stem}_{number}" for number in count(2)))
        names.append(next(name for name in numbered if name not in names))
    return names


def people_of(names: Sequence[str], people: Sequence[str]) -> Sequence[str]:
    """Return who is in each clip: the clip's own name where nobody was named."""
    from rdr_core.errors import ConfigError

    if people and len(people) != len(names):
        raise ConfigError(f"--people names who is in each clip: got {len(people)} names for {len(names)} clips")
    return people or names
