"""JSON: a track for people and scripts, one line a frame. Rounded: coefficients to 1e-6, rotations 1e-8, px 1e-3."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar_bridge.convert.reading import checked_size
from avatar_bridge.errors import ConvertError
from avatar_bridge.tracks import FaceTrack
from rdr_core.atomic import whole_file
from rdr_core.landmarks import N_LANDMARKS

FORMAT: Final = "rdr-track"
VERSION: Final = 1
DECIMALS: Final = {
    "weights": 6,
    "quaternion": 8,
    "euler_rad": 8,
    "translation_px": 3,
    "scale_px_per_cm": 6,
    "confidence": 6,
    "landmarks_px": 3,
}
_WIDTHS: Final = {"quaternion": 4, "euler_rad": 3, "translation_px": 3, "source_size_px": 2}
_PROGRESS_EVERY: Final = 500


def write_json(path: Path, track: FaceTrack, progress: Callable[[int], object] = lambda frames: None) -> None:
    """Write a track: what it is, then its frames."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "face_id": track.face_id,
        "session": track.session,
        "user": track.user,
        "origin_ns": str(track.origin_ns),  # more digits than a number of JavaScript has
        "names": list(track.names),
    }
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("{\n")
        file.writelines(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
        file.write('"frames": [\n')
        for frame in range(len(track)):
            file.write(json.dumps(_frame(track, frame), separators=(",", ":")))
            file.write(",\n" if frame + 1 < len(track) else "\n")
            if frame % _PROGRESS_EVERY == 0:
                progress(frame)
        file.write("]\n}\n")


def _frame(track: FaceTrack, frame: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "time_s": round(float(track.seconds_of(frame)), 9),
        "tracked": bool(track.tracked[frame]),
        "source_size_px": track.source_size_px[frame].tolist(),
    }
    for name, decimals in DECIMALS.items():
        values = getattr(track, name)
        if values is not None:
            row[name] = np.round(values[frame].astype(np.float64), decimals).tolist()
    return row


def read_json(path: Path) -> FaceTrack:
    """Return the track in a file that `write_json` wrote. Raises ConvertError for any other."""
    checked_size(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConvertError(f"cannot open {path}: {error.strerror}") from None
    except RecursionError:
        raise ConvertError(f"{path} is no track: it is nested too deeply") from None
    except ValueError as error:  # also of UTF-8
        raise ConvertError(f"{path} is no valid JSON: {error!s:.100}") from None
    try:
        return _track(document)
    except ConvertError as error:
        raise ConvertError(f"{path}: {error}") from None


def _track(document: Any) -> FaceTrack:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ConvertError(f'is no track of RDR Live: it lacks "format": "{FORMAT}"')
    if document.get("version") != VERSION:
        raise ConvertError(f"version must be {VERSION}, got {document.get('version')!r:.40}: update RDR Live")
    names, frames = document.get("names"), document.get("frames")
    if not isinstance(names, list) or not all(isinstance(name, str) and len(name) <= 128 for name in names):
        raise ConvertError("names must be a list of at most 128 characters each")
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise ConvertError("frames must be a list of objects, at least one")
    origin_ns = _integer(document, "origin_ns", 0)
    widths = _WIDTHS | {"weights": len(names)}
    columns = {name: _column(frames, name, widths.get(name)) for name in (*DECIMALS, "source_size_px", "time_s")}
    times = columns.pop("time_s")
    if times is None or not (abs(times) < 1e9).all():
        raise ConvertError("time_s of a frame must be seconds")
    landmarks, sizes = columns.pop("landmarks_px"), columns.pop("source_size_px")
    return FaceTrack(
        names=tuple(names),
        time_ns=origin_ns + np.round(times * 1e9).astype(np.int64),
        tracked=np.array([frame.get("tracked") is True for frame in frames]),
        source_size_px=sizes.astype(np.int32),
        landmarks_px=None if landmarks is None else landmarks.reshape(-1, N_LANDMARKS, 2).astype(np.float32),
        origin_ns=origin_ns,
        face_id=_integer(document, "face_id", 0),
        session=str(document.get("session") or "file"),
        user=document.get("user") if isinstance(document.get("user"), str) else None,
        **{name: values.astype(np.float32) for name, values in columns.items()},
    )


def _column(frames: list[Mapping[str, Any]], name: str, width: int | None) -> Any:
    """Return one number or list of all frames, float64; None where no frame has landmarks."""
    values = [frame.get(name) for frame in frames]
    if name == "landmarks_px":
        if None in values:
            return None
        width = 2 * N_LANDMARKS
        values = [_flat(value) for value in values]
    for number, value in enumerate(values):
        wanted = 1 if width is None else width
        row = [value] if width is None else value
        if not isinstance(row, list) or len(row) != wanted or not all(_is_number(x) for x in row):
            what = "a number" if width is None else f"{wanted} numbers"
            raise ConvertError(f"{name} of frame {number} must be {what}, got {value!r:.60}")
    return np.array(values, np.float64)


def _flat(points: Any) -> Any:
    if not isinstance(points, list) or not all(isinstance(point, list) for point in points):
        return points
    return [number for point in points for number in point]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e12  # false for NaN, too


def _integer(document: Mapping[str, Any], name: str, default: int) -> int:
    value = document.get(name, default)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if type(value) is not int or not 0 <= value < 2**63:
        raise ConvertError(f"{name} must be a whole number from 0, got {value!r:.40}")
    return value
