"""The list of takes in a scene, and reading their files."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import bpy

from ..core.errors import TakeError
from ..core.livelink_csv import read_livelink_csv
from ..core.npz_file import read_npz
from ..core.recording import START_TIME, Recorded
from ..core.take_file import PARTIAL_SUFFIX, TAKE_SUFFIX, safe_name
from ..core.take_reader import Take, read_take
from ..core.track import FaceTrack

SUFFIXES: Final = (TAKE_SUFFIX, TAKE_SUFFIX + PARTIAL_SUFFIX, ".npz", ".csv")
"""Of files that can be imported."""
SOUND_SUFFIXES: Final = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac", ".mp4", ".mov", ".mkv", ".webm", ".avi")
"""Of files that may have the sound of a take, the likeliest first."""


def read_file(path: Path) -> Take:
    """Return what is in a take, or in a file of another format. Raises TakeError."""
    name = path.name.lower()
    if name.endswith((TAKE_SUFFIX, TAKE_SUFFIX + PARTIAL_SUFFIX)):
        return read_take(path, _zstd())
    if name.endswith(".npz"):
        return Take(path, [read_npz(path)], complete=True)
    if name.endswith(".csv"):
        return Take(path, [read_livelink_csv(path)], complete=True)
    raise TakeError(f"{path.name} is no take: its name must end in {', '.join(SUFFIXES)}")


def tracks_of(item: Any) -> list[FaceTrack]:
    """Return the faces of a take in the list, as FaceWarehouse's shapes. Raises TakeError."""
    path = Path(bpy.path.abspath(item.path))
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise TakeError(f"cannot open the take {path}: {error.strerror}; was it moved?") from None
    return list(_cached(path, changed_ns))


def track_for(character: Any, tracks: list[FaceTrack]) -> FaceTrack:
    """Return the face of a take that drives a character. Raises TakeError."""
    if character.which_face == "ANY":
        return tracks[0]
    for track in tracks:
        if track.face_id == character.face_id:
            return track
    there = ", ".join(str(track.face_id) for track in tracks)
    raise TakeError(f"{character.name} follows face {character.face_id}, and the take has {there} only")


def add_recorded(scene: Any, recorded: Recorded) -> Any:
    """Add a take that was just recorded to a scene's list; return it."""
    item = _add(scene, recorded.path)
    item.duration_s, item.frames, item.faces = recorded.duration_s, recorded.frames, recorded.faces
    item.anchor_ns, item.start_frame = str(recorded.start_time_ns), recorded.start_frame
    return item


def import_take(scene: Any, path: Path, start_frame: int) -> Any:
    """Add a file to a scene's list, to begin at a frame; return it. Raises TakeError.

    A take of a video begins where the video does, so that the picture and the sound of that video stay in step.
    """
    take = read_file(path)
    tracks = take.tracks
    for track in tracks:
        track.as_facewarehouse()
    item = _add(scene, path)
    item.duration_s, item.faces = max(track.duration_s for track in tracks), len({track.face_id for track in tracks})
    item.frames = sum(len(track) for track in tracks)
    first_ns = min(int(track.time_ns[0]) for track in tracks)
    noted = take.notes.get(START_TIME, "")
    anchor_ns = int(noted) if noted.isdigit() and len(noted) < 20 else take.file_start_ns
    item.anchor_ns = str(first_ns if anchor_ns is None else anchor_ns)
    item.start_frame = start_frame
    item.trouble = take.trouble
    sound = sound_beside(path, take.notes.get("source", ""))
    item.sound = _stored(sound) if sound else ""
    return item


def sound_beside(path: Path, source: str) -> Path | None:
    """Return the file with a take's sound: called like the take, or the video that it was tracked in."""
    stem = path.name.removesuffix(PARTIAL_SUFFIX).rsplit(".", 1)[0]
    there = {item.name.lower(): item for item in path.parent.iterdir() if item.is_file()}
    names = [f"{stem}{suffix}" for suffix in SOUND_SUFFIXES] + [Path(source).name]
    found = [there[name.lower()] for name in names if name.lower() in there]
    return next((item for item in found if item.suffix.lower() in SOUND_SUFFIXES), None)


def next_path(folder: Path, name: str) -> Path:
    """Return the path of a new take: the first number that is free."""
    stem = safe_name(name)
    number = 1
    while any((folder / f"{stem} {number:02}{suffix}").exists() for suffix in SUFFIXES[:2]):
        number += 1
    return folder / f"{stem} {number:02}{TAKE_SUFFIX}"


def _add(scene: Any, path: Path) -> Any:
    item = scene.rdr_live.takes.add()
    item.name = path.name.removesuffix(PARTIAL_SUFFIX).rsplit(".", 1)[0]
    item.path = _stored(path)
    scene.rdr_live.take_index = len(scene.rdr_live.takes) - 1
    return item


def _stored(path: Path) -> str:
    """Return a path relative to the .blend file where it is beside or below it."""
    if bpy.data.filepath and path.is_relative_to(Path(bpy.path.abspath("//"))):
        return str(bpy.path.relpath(str(path)))
    return str(path)


@lru_cache(maxsize=2)
def _cached(path: Path, changed_ns: int) -> tuple[FaceTrack, ...]:
    return tuple(track.as_facewarehouse() for track in read_file(path).tracks)


def _zstd() -> Callable[[bytes, int], bytes] | None:
    """Return Blender's own decompressor, for takes of `rdr record`."""
    try:
        import zstandard
    except ImportError:
        return None
    return lambda data, size: zstandard.ZstdDecompressor().decompress(data, size)
