"""The CSV of Epic's app Live Link Face: one row a frame, timecode, the 52 shapes of ARKit, the head in radians.

The order of the columns differs between writers, so they are found by their names. Signs are those of the app's own
files: pitch > 0 looks down, yaw > 0 to the side of the shapes called Right, roll > 0 leans to the side called Left.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import TakeError
from .head_pose import quaternions_from_euler
from .mapping_file import load_preset
from .npz_file import MAX_FILE_BYTES
from .track import MAX_FRAMES, FaceTrack, without_camera

Array = npt.NDArray[Any]
TIMECODE_FPS: Final = 60
"""Frames a second that the app's timecode counts; thousandths of them tell when between two of them."""
HEAD: Final = ("HeadYaw", "HeadPitch", "HeadRoll")
_SIGNS: Final = np.array([-1.0, -1.0, 1.0])
"""Of yaw, pitch, roll in our convention."""
_YAW_PITCH_ROLL: Final = [1, 0, 2]
"""Our Euler angles are pitch, yaw, roll."""
_RATES: Final = (24, 25, 30, 48, 50, 60, 100, 120, 240, 1000)
_TIMECODE: Final = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})[:;](\d{1,3})(\.\d{1,9})?")
_DAY_S: Final = 86_400


def read_livelink_csv(path: Path) -> FaceTrack:
    """Return the face in a CSV of the app, or of another program that writes its columns, as ARKit's shapes.

    Rows without values (BlendShapeCount 0: no face) keep the last ones and are not tracked. The date is not in the
    file: it becomes 1 January 1970. Raises TakeError, which names the line.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TakeError(f"{path} has over {MAX_FILE_BYTES >> 20} MB: is this another file?")
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _track(path, csv.reader(file))
    except OSError as error:
        raise TakeError(f"cannot open {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise TakeError(f"{path} is no CSV that can be read: {error!s:.100}") from None


def _track(path: Path, rows: Iterator[list[str]]) -> FaceTrack:
    names = load_preset("arkit").targets
    place = _places(path, next(rows, []), names)
    wanted = [place.get(name.lower()) for name in (*names, *HEAD)]
    codes: list[tuple[int, float]] = []
    values, tracked = [], []
    last = [0.0] * len(wanted)
    for row in rows:
        line = getattr(rows, "line_num", len(codes) + 2)
        if not any(cell.strip() for cell in row):
            continue
        if len(codes) >= MAX_FRAMES:
            raise TakeError(f"{path} has more than {MAX_FRAMES} rows")
        codes.append(_parts_of(path, line, row[place["timecode"]] if place["timecode"] < len(row) else ""))
        seen = _has_face(row, place)
        if seen:
            last = [_value(path, line, row, column) for column in wanted]
        values.append(last)
        tracked.append(seen)
    if not any(tracked):
        raise TakeError(f"{path} has no row with a face in it")
    time_ns, order = _times_ns(codes)
    table, seen_at = np.array(values, np.float64)[order], np.array(tracked)[order]
    euler_rad = np.empty((len(order), 3))
    euler_rad[:, _YAW_PITCH_ROLL] = table[:, len(names) :] * _SIGNS
    return FaceTrack(
        names=names,
        weights=table[:, : len(names)].astype(np.float32),
        session=re.sub(r"[^\w .-]", "_", path.stem)[:64] or "file",
        **without_camera(time_ns, quaternions_from_euler(euler_rad), seen_at),
    )


def _places(path: Path, first: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Return where each column is, by its name in small letters."""
    place = {name.strip().lower(): column for column, name in enumerate(first)}
    if "timecode" not in place or not any(name.lower() in place for name in names):
        raise TakeError(
            f"{path} is no CSV of Live Link Face: its first line must name Timecode and shapes such as "
            f"EyeBlinkLeft, got {','.join(first)!r:.60}"
        )
    return place


def _has_face(row: Sequence[str], place: dict[str, int]) -> bool:
    count = place.get("blendshapecount")
    if count is not None and count < len(row) and row[count].strip() == "0":
        return False
    return any(cell.strip() for cell in row[max(place["timecode"], count or 0) + 1 :])


def _value(path: Path, line: int, row: Sequence[str], column: int | None) -> float:
    """Return a number of a row; a column that is not there, or an empty cell, is 0."""
    text = "" if column is None or column >= len(row) else row[column].strip()
    try:
        value = float(text) if text else 0.0
    except ValueError:
        value = float("nan")
    if not abs(value) <= 100:
        raise TakeError(f"{path}, line {line}: a value must be a number within -100..100, got {text!r:.40}")
    return value


def _parts_of(path: Path, line: int, text: str) -> tuple[int, float]:
    """Return the second of the day and the frame within it."""
    match = _TIMECODE.fullmatch(text.strip())
    if match is None or not (int(match[1]) < 24 and int(match[2]) < 60 and int(match[3]) < 60):
        raise TakeError(f"{path}, line {line}: a timecode must be HH:MM:SS:FF or HH:MM:SS:FF.fff, got {text!r:.40}")
    return (int(match[1]) * 60 + int(match[2])) * 60 + int(match[3]), int(match[4]) + float(match[5] or 0)


def _times_ns(codes: Sequence[tuple[int, float]]) -> tuple[Array, Array]:
    """Return the capture times that timecodes mean, rising, and which rows they are of.

    A jump back by over half a day is midnight. Rows whose time is there already are left out.
    """
    seconds = np.array([second for second, _ in codes], np.int64)
    frames = np.array([frame for _, frame in codes], np.float64)
    days = np.concatenate([[0], np.cumsum(np.diff(seconds) < -_DAY_S // 2)])
    fps = timecode_rate(seconds + days * _DAY_S, frames)
    time_ns = (seconds + days * _DAY_S) * 10**9 + np.round(frames * 1e9 / fps).astype(np.int64)
    return np.unique(time_ns, return_index=True)


def timecode_rate(seconds: Array, frames: Array) -> int:
    """Return how many frames a second timecodes count: the file does not say.

    Where the second changes, as many frames are missing as one interval is long: the rate that fits best. Within one
    second nothing can be told, and the app's own 60 is taken, or more where more frames are counted.
    """
    possible = [rate for rate in _RATES if rate > frames.max()] or [int(frames.max()) + 1]
    steps, gaps = np.diff(seconds), np.diff(frames)
    inside = gaps[(steps == 0) & (gaps > 0)]
    across = frames[:-1] - frames[1:]
    crossings = across[(steps == 1) & (across > -1)]
    if not len(inside) or not len(crossings):
        return next((rate for rate in possible if rate >= TIMECODE_FPS), possible[-1])
    fits = float(np.median(crossings)) + float(np.median(inside))
    return min(possible, key=lambda rate: abs(rate - fits))
