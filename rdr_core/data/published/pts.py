"""`.pts` files: the landmarks of one face as text.

    version: 1
    n_points: 68
    {
    446.000 91.000
    ...
    }

Coordinates count from 1, as MATLAB does: the centre of the first pixel is at 1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rdr_core.data.published.matlab import MATLAB_TO_IMAGE_PX
from rdr_core.data.reading import finite, read_text
from rdr_core.errors import DataError
from rdr_core.types import Float32

_PTS: Final = re.compile(r"\s*version:\s*\S+\s+n_points:\s*(\d{1,4})\s*\{([^{}]*)\}\s*", re.IGNORECASE)


def read_pts(path: Path, n_points: int = 68) -> Float32:
    """Read a .pts file: (n_points, 2) float32, image px; DataError in one line where it is not one."""
    match = _PTS.fullmatch(read_text(path))
    if match is None:
        raise DataError(f"{path}: not a .pts file, expected version, n_points and points in braces")
    rows = [line.split() for line in match[2].splitlines() if line.strip()]
    if int(match[1]) != n_points or len(rows) != n_points or any(len(row) != 2 for row in rows):
        raise DataError(
            f"{path}: expected {n_points} points of two numbers, got {match[1]} announced in {len(rows)} rows"
        )
    return finite(rows, (n_points, 2), str(path)) + MATLAB_TO_IMAGE_PX
