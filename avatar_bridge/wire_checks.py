"""Checks of one value of a message: type, range, length. Everything from the network passes through here.

Each check returns the value in its canonical form (int, float and float32 arrays that survive single precision
unchanged) or raises WireError naming the field and what was got.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any, Final

import numpy as np

from avatar_bridge.errors import WireError
from rdr_core.types import Float32

MAX_UINT64: Final = 2**64 - 1
MAX_TIME_NS: Final = 2**63 - 1
MAX_ANGLE_RAD: Final = float(np.float32(np.pi))
"""pi as single precision has it, a little over pi: an angle of pi must survive the wire."""
QUATERNION_TOLERANCE: Final = 1e-3

_SEQUENCES: Final = frozenset({list, tuple})
_NUMBERS: Final = (int, float, np.integer, np.floating)


def check_bool(name: str, value: Any) -> bool:
    """Return a bool; 0 and 1 are none."""
    if not isinstance(value, bool | np.bool_):
        raise WireError(f"{name} must be true or false, got {_brief(value)}")
    return bool(value)


def check_integer(name: str, value: Any, low: int, high: int) -> int:
    """Return an int in [low, high]; a bool or a float is none."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise WireError(f"{name} must be an integer, got {_brief(value)}")
    if not low <= value <= high:
        raise WireError(f"{name} must be in {low}..{high}, got {_brief(value)}")
    return int(value)


def check_real(name: str, value: Any, low: float, high: float) -> float:
    """Return a finite number in [low, high], rounded to single precision; a bool or a text is none."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise WireError(f"{name} must be a number, got {_brief(value)}")
    if not low <= value <= high:  # false for NaN, too
        raise WireError(f"{name} must be a finite number in {low:g}..{high:g}, got {_brief(value)}")
    return float(np.float32(value))


def check_text(name: str, value: Any, max_length: int, min_length: int = 1) -> str:
    """Return a printable text of min_length to max_length characters."""
    if not isinstance(value, str):
        raise WireError(f"{name} must be a text, got {_brief(value)}")
    if not min_length <= len(value) <= max_length or not value.isprintable():
        raise WireError(f"{name} must be {min_length} to {max_length} printable characters, got {_brief(value)}")
    return value


def check_array(name: str, value: Any, shape: tuple[int, ...], low: float, high: float) -> Float32:
    """Return a read-only float32 array of `shape`, finite and in [low, high], from an array or nested lists."""
    if isinstance(value, np.ndarray):
        if value.shape != shape or value.dtype.kind not in "fiu":
            raise WireError(f"{name} must be numbers of shape {shape}, got shape {value.shape} of {value.dtype}")
        flat = value.ravel().tolist()
    else:
        flat = _flat(name, value, shape)
    # Plain lists: each step of numpy costs more than these all together, and every frame that comes passes here.
    # min and max leave out a NaN unless it is the first, the sum does not.
    if not (low <= min(flat) and max(flat) <= high) or math.isnan(sum(flat)):
        bad = next(number for number in flat if not low <= number <= high)
        raise WireError(f"{name} must hold finite numbers in {low:g}..{high:g}, got {bad:g}")
    checked = np.array(flat, np.float32).reshape(shape)
    checked.setflags(write=False)
    return checked


def check_quaternion(name: str, value: Any) -> Float32:
    """Return a read-only (4,) float32 unit quaternion; a length off by up to 1e-3 is put right."""
    quaternion = check_array(name, value, (4,), -1 - QUATERNION_TOLERANCE, 1 + QUATERNION_TOLERANCE)
    length = math.hypot(*quaternion.tolist())
    if abs(length - 1) > QUATERNION_TOLERANCE:
        raise WireError(f"{name} must be of length 1 within {QUATERNION_TOLERANCE:g}, got {length:.6g}")
    if abs(length - 1) < 1e-6:  # as good as single precision has it; normalising again would only shuffle last bits
        return quaternion
    unit = (quaternion.astype(np.float64) / length).astype(np.float32)
    unit.setflags(write=False)
    return unit


def _flat(name: str, value: Any, shape: tuple[int, ...]) -> list[Any]:
    """Return the numbers of nested lists of `shape` in one list, without a step in Python for each of them."""
    rows = [value]
    for length in shape:
        if not all(map(_SEQUENCES.__contains__, map(type, rows))) or set(map(len, rows)) != {length}:
            wrong = next(row for row in rows if type(row) not in _SEQUENCES or len(row) != length)
            got = f"{len(wrong)} values" if type(wrong) in _SEQUENCES else _brief(wrong)
            raise WireError(f"{name} must be a list of {length}, got {got}")
        rows = list(chain.from_iterable(rows))
    for kind in set(map(type, rows)) - {int, float}:
        if kind is bool or not issubclass(kind, _NUMBERS):
            raise WireError(f"{name} must hold numbers, got {_brief(next(n for n in rows if type(n) is kind))}")
    return rows


def _brief(value: Any) -> str:
    """Return a value and its type, short enough for one line whoever sent it."""
    return f"{value!r:.60} ({type(value).__name__})"
