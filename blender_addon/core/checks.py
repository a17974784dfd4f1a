"""Checks of one value of a message: type, range, length. Everything from the network passes through here.

Each check returns the value in its canonical form (int, float and float32 arrays that survive single precision
unchanged) or raises WireError naming the field and what was got.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import WireError

MAX_UINT64: Final = 2**64 - 1
MAX_TIME_NS: Final = 2**63 - 1
MAX_ANGLE_RAD: Final = float(np.float32(np.pi))
"""pi as single precision has it, a little over pi: an angle of pi must survive the wire."""
QUATERNION_TOLERANCE: Final = 1e-3

Float32 = npt.NDArray[np.float32]


def check_bool(name: str, value: Any) -> bool:
    """Return a bool; 0 and 1 are none."""
    if not isinstance(value, bool):
        raise WireError(f"{name} must be true or false, got {_brief(value)}")
    return value


def check_integer(name: str, value: Any, low: int, high: int) -> int:
    """Return an int in [low, high]; a bool or a float is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise WireError(f"{name} must be an integer, got {_brief(value)}")
    if not low <= value <= high:
        raise WireError(f"{name} must be in {low}..{high}, got {_brief(value)}")
    return value


def check_real(name: str, value: Any, low: float, high: float) -> float:
    """Return a finite number in [low, high], rounded to single precision; a bool or a text is none."""
    if not _is_number(value):
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
    """Return a read-only float32 array of `shape`, finite and in [low, high], from nested lists."""
    numbers = np.asarray(_flat(name, value, shape), np.float64).reshape(shape)
    if not ((numbers >= low) & (numbers <= high)).all():  # false for NaN, too
        bad = numbers[~((numbers >= low) & (numbers <= high))].flat[0]
        raise WireError(f"{name} must hold finite numbers in {low:g}..{high:g}, got {bad:g}")
    checked = numbers.astype(np.float32)
    checked.setflags(write=False)
    return checked


def check_quaternion(name: str, value: Any) -> Float32:
    """Return a read-only (4,) float32 unit quaternion; a length off by up to 1e-3 is put right."""
    quaternion = check_array(name, value, (4,), -1 - QUATERNION_TOLERANCE, 1 + QUATERNION_TOLERANCE)
    length = float(np.linalg.norm(quaternion.astype(np.float64)))
    if abs(length - 1) > QUATERNION_TOLERANCE:
        raise WireError(f"{name} must be of length 1 within {QUATERNION_TOLERANCE:g}, got {length:.6g}")
    if abs(length - 1) < 1e-6:  # as good as single precision has it; normalising again would only shuffle last bits
        return quaternion
    unit = (quaternion.astype(np.float64) / length).astype(np.float32)
    unit.setflags(write=False)
    return unit


def _flat(name: str, value: Any, shape: tuple[int, ...]) -> list[Any]:
    """Return the numbers of nested lists of `shape` in one list."""
    if not isinstance(value, list | tuple) or len(value) != shape[0]:
        got = f"{len(value)} values" if isinstance(value, list | tuple) else _brief(value)
        raise WireError(f"{name} must be a list of {shape[0]}, got {got}")
    if len(shape) > 1:
        return [number for row in value for number in _flat(name, row, shape[1:])]
    for number in value:
        if not _is_number(number):
            raise WireError(f"{name} must hold numbers, got {_brief(number)}")
    return list(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _brief(value: Any) -> str:
    """Return a value and its type, short enough for one line whoever sent it."""
    return f"{value!r:.60} ({type(value).__name__})"
