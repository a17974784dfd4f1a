"""NumPy's npz: a track as it is, bit by bit. The arrays have the names and shapes of FaceTrack."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar_bridge.convert.reading import MAX_FILE_BYTES, checked_size
from avatar_bridge.errors import ConvertError
from avatar_bridge.tracks import PER_FRAME, FaceTrack
from rdr_core.atomic import whole_file

FORMAT: Final = "rdr-track"
VERSION: Final = 1
_SINGLE: Final = ("origin_ns", "face_id", "session", "user")


def write_npz(path: Path, track: FaceTrack) -> None:
    """Write a track; `seconds` is there for readers who want no ns."""
    arrays: dict[str, Any] = {name: getattr(track, name) for name in PER_FRAME if getattr(track, name) is not None}
    single: dict[str, Any] = {name: np.array(value) for name in _SINGLE if (value := getattr(track, name)) is not None}
    with whole_file(path) as temporary, temporary.open("wb") as file:  # a path would get .npz appended
        np.savez_compressed(
            file,
            format=np.array(FORMAT),
            version=np.array(VERSION),
            names=np.array(track.names),
            seconds=track.seconds,
            **arrays,
            **single,
        )


def read_npz(path: Path) -> FaceTrack:
    """Return the track in a file that `write_npz` wrote. Raises ConvertError for any other."""
    checked_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_FILE_BYTES:
                raise ConvertError(f"{path} unpacks to over {MAX_FILE_BYTES >> 20} MB: is this another file?")
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
    except ConvertError:
        raise
    except Exception as error:  # whatever zipfile, zlib and numpy make of damaged bytes
        raise ConvertError(f"{path} is no npz file that can be read: {error!s:.100}") from None
    try:
        return _track(content)
    except ConvertError as error:
        raise ConvertError(f"{path}: {error}") from None


def _track(content: Mapping[str, Any]) -> FaceTrack:
    if _single(content, "format", "U", "") != FORMAT:
        raise ConvertError("is no track of RDR Live: it lacks format 'rdr-track'")
    if (version := _single(content, "version", "iu", 0)) != VERSION:
        raise ConvertError(f"version must be {VERSION}, got {version}: update RDR Live")
    names = content.get("names")
    if names is None or names.ndim != 1 or names.dtype.kind != "U" or names.dtype.itemsize > 4 * 128:
        raise ConvertError("names must be a list of at most 128 characters each")
    missing = [name for name in PER_FRAME if name not in content and name != "landmarks_px"]
    if missing:
        raise ConvertError(f"lacks {', '.join(missing)}")
    if not all(content[name].ndim for name in PER_FRAME if name in content):
        raise ConvertError("every array must have an entry for each frame")
    return FaceTrack(
        names=tuple(str(name) for name in names),
        origin_ns=int(_single(content, "origin_ns", "iu", 0)),
        face_id=int(_single(content, "face_id", "iu", 0)),
        session=str(_single(content, "session", "U", "file")),
        user=None if "user" not in content else str(_single(content, "user", "U", "")),
        **{name: content[name] for name in PER_FRAME if name in content},
    )


def _single(content: Mapping[str, Any], name: str, kind: str, default: Any) -> Any:
    value = content.get(name)
    if value is None:
        return default
    if value.ndim or value.dtype.kind not in kind:
        raise ConvertError(f"{name} must be one value, got shape {value.shape} of {value.dtype}")
    return value.item()
