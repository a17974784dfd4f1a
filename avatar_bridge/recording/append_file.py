"""The file under a take while it is written: it grows by whole pieces, and others can tell that it is being written."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import IO


class AppendFile:
    """A new file for mcap's Writer, which collects what it is given until `flush` appends all of it.

    A piece that the disk cannot take whole is taken back: the file always ends with a whole piece.
    """

    def __init__(self, path: Path) -> None:
        """Create the file and hold its lock. Raises OSError, FileExistsError where there is one."""
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115  closed by close()
        _lock(self._file)
        self._pending = bytearray()
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Collect bytes; never fails."""
        self._pending += data
        return len(data)

    def tell(self) -> int:
        """Return how long the file is once it is flushed."""
        return self._size + len(self._pending)

    def flush(self) -> None:
        """Append what was collected. Raises OSError, and then leaves the file as it was before."""
        with memoryview(self._pending) as piece:
            written = 0
            try:
                while written < len(piece):
                    written += self._file.write(piece[written:]) or 0
            except OSError:
                with suppress(OSError):
                    self._file.truncate(self._size)
                raise
        self._size += written
        self._pending.clear()

    def fileno(self) -> int:
        """Return the descriptor, for fsync."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file as it is; what was not flushed is lost."""
        self._file.close()


def is_being_written(path: Path) -> bool:
    """Whether a program has the file open as an AppendFile; False where the system cannot tell."""
    if sys.platform == "win32":  # an open file cannot be renamed or replaced there, which is all that this is for
        return False
    import fcntl

    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # it is gone, or on a file system without locks
        return False
    return False


def _lock(file: IO[bytes]) -> None:
    """Lock the file as long as it is open: the lock goes with the process, however that ends."""
    if sys.platform == "win32":
        return
    import fcntl

    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
