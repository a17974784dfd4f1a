"""Files that appear only when they are whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path in the folder of `path`; what the block writes there becomes `path` when the block ends.

    Whatever ends the block early, Ctrl-C included, leaves `path` as it was and nothing beside it. Missing folders are
    made. The temporary name keeps the ending, which tells some writers the format.

    Raises:
        OSError: the folder or the file cannot be written, or the block wrote nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield temporary
        if not temporary.exists():  # cv2.imwrite, for one, only returns False
            raise OSError(errno.EIO, "could not be written", str(path))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
