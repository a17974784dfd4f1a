"""What every reader of a file from elsewhere needs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from avatar_bridge.errors import ConvertError

MAX_FILE_BYTES: Final = 1 << 30
"""Hours of a face; what is larger is another file, or made to fill the memory."""


def checked_size(path: Path) -> int:
    """Return the size of a file that is small enough to be read."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ConvertError(f"{path} is no file")
    except OSError as error:
        raise ConvertError(f"cannot open {path}: {error.strerror}") from None
    if size > MAX_FILE_BYTES:
        raise ConvertError(f"{path} has {size >> 20} MB, the most is {MAX_FILE_BYTES >> 20}: is this another file?")
    return size
