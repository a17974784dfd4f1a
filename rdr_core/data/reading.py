"""What the readers of published layouts share: broken faces fail or are skipped by name, files are not trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, TypeVar

import numpy as np

from rdr_core.data.manifest import PICTURE_ENDINGS
from rdr_core.data.sample import FaceSample
from rdr_core.errors import AssetError, DataError
from rdr_core.types import Float32

Broken = Literal["fail", "skip"]
"""What to do with a face whose files are missing or broken: raise, or leave it out and name it."""

MAX_COORDINATE_PX: Final = 1e5
"""A larger coordinate is a broken number: no picture is that wide."""
MAX_TEXT_BYTES: Final = 1 << 20
MAX_MAT_BYTES: Final = 1 << 28
_MAGIC: Final = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"RIFF")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Reading:
    """The faces of a folder, and those that could not be read."""

    samples: list[FaceSample] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """(file, why it was left out); empty where `broken` is "fail"."""


def read_each(
    items: Iterable[tuple[Path, Item]], read: Callable[[Path, Item], FaceSample], folder: Path, broken: Broken
) -> Reading:
    """Read one face per (file, what the reader needs besides); DataError where not a single one can be read."""
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
        raise DataError(f"{folder}: no face in it could be read{why}")
    return reading


def read_text(path: Path) -> str:
    """Return a small text file; DataError where it is missing, not text or too large."""
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise DataError(f"{path}: over {MAX_TEXT_BYTES} bytes, no annotation of one face")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error


def finite(values: Any, shape: tuple[int, ...], where: str) -> Float32:
    """Return `values` as float32 of `shape`; DataError unless they are finite numbers below 100,000."""
    try:
        array = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        array = np.empty(0, np.float32)
    if array.shape != shape:
        raise DataError(f"{where}: expected numbers of shape {shape}, got {np.shape(values)}")
    if not np.abs(array).max(initial=0) < MAX_COORDINATE_PX:  # false for NaN, too
        raise DataError(f"{where}: expected finite numbers below {MAX_COORDINATE_PX:g}, got {array.ravel()[:4]} ...")
    return array


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


def picture_of(annotation: Path, stem: str | None = None) -> Path:
    """Return the picture beside an annotation, of the same name but for the ending; DataError where not exactly one."""
    stem = annotation.stem if stem is None else stem
    found = sorted(
        path
        for ending in PICTURE_ENDINGS
        for path in {annotation.with_name(stem + ending), annotation.with_name(stem + ending.upper())}
        if path.is_file()
    )
    if len(found) != 1:
        got = " and ".join(path.name for path in found) or "none"
        raise DataError(f"{annotation}: expected one picture beside it, {stem}.jpg or .png, got {got}")
    return check_picture(found[0])


def path_inside(folder: Path, name: object) -> Path:
    """Return `folder`/`name` for a name that a data set's file gives; DataError where it leads out of the folder."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise DataError(f"{folder}: a picture's name must be text, got {str(name)[:60]!r}")
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
        raise DataError(f"{folder}: the picture's name {name[:60]!r} leads out of the folder")
    return folder.joinpath(*parts.parts)


def name_in(folder: Path, path: Path) -> str:
    """Name of a file of a data set: its path from the folder, with slashes."""
    return path.relative_to(folder).as_posix()


def read_mat(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    """Read the variables `keys` of a MATLAB file (version 5 to 7.2); DataError in one line where that fails."""
    from scipy.io import loadmat

    keys = list(keys)
    try:
        if path.stat().st_size > MAX_MAT_BYTES:
            raise DataError(f"{path}: over {MAX_MAT_BYTES >> 20} MB, no annotation")
        content = loadmat(path, variable_names=keys)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except DataError:
        raise
    except Exception as error:  # scipy raises whatever a damaged header leads it into
        raise DataError(f"{path}: not a MATLAB file that can be read ({type(error).__name__}: {error})") from error
    return {key: content[key] for key in keys if key in content}
