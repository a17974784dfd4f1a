"""From one file to another: load, choose the face, cut, mirror, resample by capture time, rename the shapes, write."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from avatar_bridge.convert.formats import Format, FormatName, Progress, format_of, load
from avatar_bridge.errors import ConvertError
from avatar_bridge.mapping_file import load_preset, read_mapping
from avatar_bridge.resample import frame_rate, resample
from avatar_bridge.tracks import FaceTrack
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

NamesOption = Literal["facewarehouse", "arkit", "vrm0", "vrm1", "visemes"]
_BACK: Final = "arkit_to_facewarehouse"


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """What to do between reading and writing."""

    format: FormatName | None = None
    """None: by the ending of the file."""
    fps: float | None = None
    """Frames a second to resample to; None: the frames as they were captured."""
    names: NamesOption | None = None
    """Whose shapes; None: those of the format."""
    mapping: Path | None = None
    """A mapping file in place of `names`."""
    face: int | Literal["all"] | None = None
    """None: the one that was tracked longest."""
    mirror: bool = False
    """Left and right change places."""
    start_s: float | None = None
    end_s: float | None = None
    """Seconds of the take."""

    def __post_init__(self) -> None:
        if self.fps is not None:
            frame_rate(self.fps)
        if self.names is not None and self.mapping is not None:
            raise ConvertError("--names and --mapping exclude each other: a mapping file says its own names")
        times = [time for time in (self.start_s, self.end_s) if time is not None]
        if not all(math.isfinite(time) and 0 <= time < 1e9 for time in times) or sorted(times) != times:
            raise ConvertError(f"a part goes from --start to a later --end, got {self.start_s} to {self.end_s} s")


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written."""

    path: Path
    track: FaceTrack
    """As it is in the file."""


def convert(
    source: Path, out: Path, options: ConvertOptions, progress: Progress = lambda frames: None
) -> tuple[list[Converted], list[FaceTrack]]:
    """Convert a file; returns what was written, and all faces that were found.

    progress: called now and then with how many frames were read or written. Raises BridgeError and OSError; files
    that existed are then as they were.
    """
    target = format_of(out, options.format)
    if target.name == "usd" and not out.name.lower().endswith(target.suffixes):
        raise ConvertError(f"a USD file must end in {', '.join(target.suffixes)}, got {out.name}")
    if source.exists() and out.exists() and source.samefile(out):
        raise ConvertError(f"{out} is the file that is read: choose another name to write to")
    names = options.names or target.names
    mapping = read_mapping(options.mapping) if options.mapping else None
    found = load(source, progress)
    chosen = choose(found, options.face)
    written = []
    for face in chosen:
        face = prepared(face, options)
        track = as_facewarehouse(face).retargeted(mapping) if mapping else with_names(face, names)
        path = out.with_name(f"{out.stem}_face{face.face_id}{out.suffix}") if options.face == "all" else out
        target.write(path, track, as_facewarehouse(face) if _needs_gaze(target) else track, progress)
        written.append(Converted(path, track))
    return written, found


def choose(found: Sequence[FaceTrack], face: int | Literal["all"] | None) -> list[FaceTrack]:
    """Return the faces that were asked for: by their id, the longest of several sessions; None: the longest of all."""
    longest: dict[int, FaceTrack] = {}
    for track in found:
        longest.setdefault(track.face_id, track)
    if face == "all":
        return list(longest.values())
    if face is None:
        return [found[0]]
    if face not in longest:
        raise ConvertError(f"there is no face {face}; there are {', '.join(map(str, sorted(longest)))}")
    return [longest[face]]


def prepared(face: FaceTrack, options: ConvertOptions) -> FaceTrack:
    """Return a face cut, mirrored and resampled."""
    if options.start_s is not None or options.end_s is not None:
        face = face.cut(options.start_s, options.end_s)
    if options.mirror:
        face = face.mirrored()
    return face if options.fps is None else resample(face, options.fps)


def with_names(face: FaceTrack, names: str) -> FaceTrack:
    """Return a face with the shapes of FaceWarehouse or of a preset."""
    if names == "facewarehouse":
        return as_facewarehouse(face)
    preset = load_preset(names)
    if set(face.names) == set(preset.targets):
        order = [face.names.index(name) for name in preset.targets]
        return replace(face, names=preset.targets, weights=face.weights[:, order])
    return as_facewarehouse(face).retargeted(preset)


def as_facewarehouse(face: FaceTrack) -> FaceTrack:
    """Return a face with FaceWarehouse's 46 shapes, from these or from ARKit's."""
    if face.names == BLENDSHAPE_NAMES:
        return face
    if set(face.names) == set(load_preset("arkit").targets):
        return face.retargeted(load_preset(_BACK))
    raise ConvertError(
        f"shapes such as {face.names[0]!r} cannot be turned into others: FaceWarehouse's 46 and ARKit's 52 can; "
        "convert the take itself"
    )


def _needs_gaze(target: Format) -> bool:
    return target.name in ("livelink", "glb", "usd")
