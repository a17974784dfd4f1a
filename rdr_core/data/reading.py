"""What the readers of published layouts share: broken faces fail or are skipped by name, files are not trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, TypeVar

import numpy as np

from rdr_core.data.manifest import PICTURE_ENDINGS
from rdr_core.data.sample import FaceSample, box_of
from rdr_core.errors import AssetError, DataError
from rdr_core.types import Float32

Broken = Literal["fail", "skip"]
"""What to do with a face whose files are missing or broken: raise, or leave it out and name it."""

MAX_COORDINATE_PX: Final = 1e5
"""A larger coordinate is a broken number: no picture is that wide."""
MAX_TEXT_BYTES: Final = 64 << 20
_MAX_NAME_BYTES: Final = 255
_MAGIC: Final = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"RIFF")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Reading:
    """The faces of a folder, and those that could not be read."""

    samples: list[FaceSample] = field(default_factory=list)
    """In the order of the set; names are unique."""
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """(file, why it was left out); empty where `broken` is "fail"."""


def read_each(
    items: Iterable[tuple[Path, Item]], read: Callable[[Path, Item], FaceSample], folder: Path, broken: Broken
) -> Reading:
    """Read one face per item, (file, what else the reader needs); DataError where not a single one can be read."""
    reading = Reading()
    for path, item in items:
        try:
            reading.samples.append(read(path, item))
        except (DataError, AssetError) as error:
            if broken == "fail":
                raise DataError(str(error)) from error
            reading.skipped.append((path, str(error)))
    if not reading.samples:
        why = f"; the first of {len(reading.skipped)} skipped: {reading.skipped[0][1]}" if reading.skipped else ""
        raise DataError(f"{folder}: holds no face that can be read{why}")
    return reading


def stems(files: Iterable[Path], cut: str = "") -> list[Path]:
    """Return the paths without ending, once each, in order: a picture and its annotation give one.

    `cut` is also removed from the end of a name. Hidden files, which some systems leave beside each file, are left out.
    """
    found = {path.with_name(path.stem.removesuffix(cut)) for path in files if not path.name.startswith((".", "_"))}
    return sorted(found)


def read_text(path: Path) -> str:
    """Return a text file; DataError where it is missing, not text or too large."""
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise DataError(f"{path}: over {MAX_TEXT_BYTES >> 20} MB, no annotation")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error


def finite(values: Any, shape: tuple[int, ...], where: str) -> Float32:
    """Return `values` as float32 of `shape`; DataError unless they are finite numbers below 100,000."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: expected {_counted(shape)} numbers, got {str(values)[:60]!r}") from None
    if array.shape != shape:
        raise DataError(f"{where}: expected {_counted(shape)} numbers, got {_counted(array.shape)}")
    if not np.abs(array).max(initial=0) < MAX_COORDINATE_PX:  # false for NaN, too
        raise DataError(f"{where}: expected finite numbers below {MAX_COORDINATE_PX:g}, got some that are not")
    return array.astype(np.float32)


def _counted(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape) or "single"


def landmark_box(points: Float32, where: str) -> Float32:
    """Return the tight box (4,) of (L, 2) landmarks; DataError where they all lie on a line or at one place."""
    box = box_of(points)
    if not (box[2:] > box[:2]).all():
        raise DataError(f"{where}: the landmarks span no box, all have the same x or y")
    return box


def box_of_corner_and_size(values: Any, where: str) -> Float32:
    """(x, y, width, height) -> (4,) x0, y0, x1, y1; DataError unless finite and of positive size."""
    corner_and_size = finite(values, (4,), where)
    if not (corner_and_size[2:] > 0).all():
        raise DataError(f"{where}: a rectangle needs a positive width and height, got {corner_and_size.tolist()}")
    return np.concatenate([corner_and_size[:2], corner_and_size[:2] + corner_and_size[2:]])


def check_picture(path: Path) -> Path:
    """Return `path`; DataError unless it begins like a picture. Cheap: data sets have 100,000 of them."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such picture") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not start.startswith(_MAGIC):
        raise DataError(f"{path}: not a picture that can be read (JPEG, PNG, WebP, BMP are)")
    return path


def picture_of(stem: Path) -> Path:
    """Return the picture `stem`.jpg, .png or the like; DataError where there is not exactly one."""
    endings = sorted(PICTURE_ENDINGS) + [ending.upper() for ending in sorted(PICTURE_ENDINGS)]
    found = [path for ending in endings if (path := stem.with_name(stem.name + ending)).is_file()]
    if len({path.stat().st_ino for path in found}) != 1:  # one file has two names where case does not count
        got = " and ".join(path.name for path in found) or "none"
        raise DataError(f"{stem}: expected one picture of this name, .jpg or .png, got {got}")
    return check_picture(found[0])


def path_inside(folder: Path, name: object) -> Path:
    """Return `folder`/`name` for a name that a data set's file gives; DataError where it leads out of the folder."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise DataError(f"{folder}: a picture's name must be text, got {str(name)[:60]!r}")
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise DataError(f"{folder}: the picture's name {name[:60]!r} leads out of the folder")
    if max(len(part.encode(errors="replace")) for part in path.parts) > _MAX_NAME_BYTES:
        raise DataError(f"{folder}: the picture's name {name[:60]!r} ... is too long for a file")
    return folder.joinpath(*path.parts)


def name_in(folder: Path, path: Path) -> str:
    """Name of a file of a data set: its path from the folder, with slashes."""
    return path.relative_to(folder).as_posix()
