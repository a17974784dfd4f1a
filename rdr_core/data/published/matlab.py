"""MATLAB files, and coordinates that count from 1 as MATLAB does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import numpy as np

from rdr_core.data.reading import finite
from rdr_core.errors import DataError
from rdr_core.types import Float32

MATLAB_TO_IMAGE_PX: Final = np.float32(-0.5)
"""Added to coordinates that count from 1: their first pixel has its centre at 1, ours at .5 ."""
MAX_MAT_BYTES: Final = 64 << 20
_MAX_MAT_NUMBERS: Final = 1 << 24
_MAT_NUMBERS: Final = {"double", "single"} | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def read_mat(path: Path, *keys: str) -> dict[str, Any]:
    """Read the arrays `keys` of a MATLAB file (version 5 to 7.2); those it lacks are absent. DataError in one line."""
    from scipy.io import loadmat, whosmat

    try:
        if path.stat().st_size > MAX_MAT_BYTES:
            raise DataError(f"{path}: over {MAX_MAT_BYTES >> 20} MB, no annotation")
        for name, shape, kind in whosmat(path):  # before anything is unpacked, which may be far larger than the file
            if name in keys and (math.prod(shape) > _MAX_MAT_NUMBERS or kind not in _MAT_NUMBERS):
                raise DataError(f"{path}: `{name}` is {kind} of shape {shape}, expected an array of numbers")
        return dict(loadmat(path, variable_names=keys))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except DataError:
        raise
    except Exception as error:  # scipy raises whatever a damaged header leads it into
        raise DataError(f"{path}: not a MATLAB file that can be read ({type(error).__name__}: {error})") from error


def mat_array(mat: dict[str, Any], key: str, shape: tuple[int, ...], path: Path) -> Float32:
    """Return a variable of `read_mat` as finite float32 of `shape`; DataError where it is missing or not that."""
    if key not in mat:
        raise DataError(f"{path}: lacks `{key}`")
    return finite(mat[key], shape, f"{path}, `{key}`")
