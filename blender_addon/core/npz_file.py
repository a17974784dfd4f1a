"""Tracks in NumPy's npz, as `rdr convert TAKE.mcap TRACK.npz` writes them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from .errors import TakeError
from .track import PER_FRAME, FaceTrack

FORMAT: Final = "rdr-track"
VERSION: Final = 1
MAX_FILE_BYTES: Final = 1 << 30
"""Hours of a face; what is larger is another file, or made to fill the memory."""
_MAX_NAME_LENGTH: Final = 128


def read_npz(path: Path) -> FaceTrack:
    """Return the track in a file. Raises TakeError."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_FILE_BYTES:
                raise TakeError(f"{path} unpacks to over {MAX_FILE_BYTES >> 20} MB: is this another file?")
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
    except TakeError:
        raise
    except OSError as error:
        raise TakeError(f"cannot open {path}: {error.strerror or error!s:.100}") from None
    except Exception as error:  # whatever zipfile, zlib and numpy make of damaged bytes
        raise TakeError(f"{path} is no npz file that can be read: {error!s:.100}") from None
    try:
        return _track(content)
    except TakeError as error:
        raise TakeError(f"{path}: {error}") from None


def _track(content: Mapping[str, Any]) -> FaceTrack:
    if _single(content, "format", "U", "") != FORMAT:
        raise TakeError(f"is no track of RDR Live: it lacks format {FORMAT!r}")
    if (version := _single(content, "version", "iu", 0)) != VERSION:
        raise TakeError(f"version must be {VERSION}, got {version}: update RDR Live")
    names = content.get("names")
    if names is None or names.ndim != 1 or names.dtype.kind != "U" or names.dtype.itemsize > 4 * _MAX_NAME_LENGTH:
        raise TakeError(f"names must be a list of at most {_MAX_NAME_LENGTH} characters each")
    missing = [name for name in PER_FRAME if name not in content]
    if missing:
        raise TakeError(f"lacks {', '.join(missing)}")
    if not all(content[name].ndim for name in PER_FRAME):
        raise TakeError("every array must have an entry for each frame")
    return FaceTrack(
        names=tuple(str(name) for name in names),
        face_id=int(_single(content, "face_id", "iu", 0)),
        session=str(_single(content, "session", "U", "file")),
        **{name: content[name] for name in PER_FRAME},
    )


def _single(content: Mapping[str, Any], name: str, kind: str, default: Any) -> Any:
    value = content.get(name)
    if value is None:
        return default
    if value.ndim or value.dtype.kind not in kind:
        raise TakeError(f"{name} must be one value, got shape {value.shape} of {value.dtype}")
    return value.item()
