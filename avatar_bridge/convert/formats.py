"""The formats: their names and endings, who writes and who reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from avatar_bridge.errors import ConvertError
from avatar_bridge.tracks import FaceTrack, read_tracks

FormatName = Literal["take", "npz", "json", "livelink", "glb", "usd", "bvh"]
Progress = Callable[[int], object]
"""Called now and then with how many frames are done."""


@dataclass(frozen=True, slots=True)
class Format:
    """What can be written, and perhaps read."""

    name: FormatName
    suffixes: tuple[str, ...]
    """Endings that mean it."""
    write: Callable[[Path, FaceTrack, FaceTrack, Progress], None]
    """(path, face with the names to be written, the same with FaceWarehouse's, progress)."""
    read: Callable[[Path, Progress], list[FaceTrack]] | None = None
    """None: it cannot be turned back."""
    names: str = "facewarehouse"
    """Whose shapes it has where nobody says."""


def format_of(path: Path, name: FormatName | None = None) -> Format:
    """Return a format by its name, or by a file's ending."""
    found = [f for f in FORMATS if (f.name == name if name else path.name.lower().endswith(f.suffixes))]
    if not found:
        endings = ", ".join(suffix for f in FORMATS for suffix in f.suffixes)
        raise ConvertError(f"no format is known for {path.name}: its name must end in {endings}")
    return found[0]


def load(path: Path, progress: Progress) -> list[FaceTrack]:
    """Return the faces in a file, the one that was tracked longest first."""
    source = format_of(path)
    if source.read is None:
        readable = ", ".join(suffix for f in FORMATS if f.read is not None for suffix in f.suffixes)
        raise ConvertError(f"{path.name} cannot be read back, only {readable} can: convert the take itself")
    return source.read(path, progress)


def _write_take(path: Path, track: FaceTrack, face: FaceTrack, progress: Progress) -> None:
    from avatar_bridge.convert.take_file import write_take

    write_take(path, track, progress)


def _write_npz(path: Path, track: FaceTrack, face: FaceTrack, progress: Progress) -> None:
    from avatar_bridge.convert.npz import write_npz

    write_npz(path, track)


def _read_npz(path: Path, progress: Progress) -> list[FaceTrack]:
    from avatar_bridge.convert.npz import read_npz

    return [read_npz(path)]


def _write_json(path: Path, track: FaceTrack, face: FaceTrack, progress: Progress) -> None:
    from avatar_bridge.convert.json_file import write_json

    write_json(path, track, progress)


def _read_json(path: Path, progress: Progress) -> list[FaceTrack]:
    from avatar_bridge.convert.json_file import read_json

    return [read_json(path)]


def _write_livelink(path: Path, track: FaceTrack, face: FaceTrack, progress: Progress) -> None:
    from avatar_bridge.convert.livelink_csv import gaze_of, write_livelink_csv

    write_livelink_csv(path, track, gaze_of(face), progress)


def _read_livelink(path: Path, progress: Progress) -> list[FaceTrack]:
    from avatar_bridge.convert.livelink_csv import read_livelink_csv

    return [read_livelink_csv(path)]


def _write_glb(path: Path, track: FaceTrack, face: FaceTrack, progress: Progress) -> None:
    from avatar_bridge.convert.gltf import write_glb

    write_glb(path, track, face)


def _write_usd(path: Path, track: FaceTrack, face: FaceTrack, progress: Progress) -> None:
    from avatar_bridge.convert.usd import write_usd

    write_usd(path, track, face, progress)


def _write_bvh(path: Path, track: FaceTrack, face: FaceTrack, progress: Progress) -> None:
    from avatar_bridge.convert.bvh import write_bvh

    write_bvh(path, track)


FORMATS: Final = (
    Format("take", (".mcap", ".mcap.partial"), _write_take, read_tracks),
    Format("npz", (".npz",), _write_npz, _read_npz),
    Format("json", (".json",), _write_json, _read_json),
    Format("livelink", (".csv",), _write_livelink, _read_livelink, names="arkit"),
    Format("glb", (".glb",), _write_glb),
    Format("usd", (".usd", ".usda", ".usdc"), _write_usd),
    Format("bvh", (".bvh",), _write_bvh),
)
