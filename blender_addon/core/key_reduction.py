"""Fewer keys for the same curve: straight lines between the keys that are kept, off by no more than a tolerance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def reduce_keys(frames: Array, values: Array, tolerance: float) -> Array:
    """(F,) rising frames, (F,) values -> indices of the keys to keep, the first and the last among them.

    Where straight lines join the kept keys, no value is off by more than `tolerance` (Ramer, Douglas and Peucker, with
    the distance measured along the values).
    """
    last = len(values) - 1
    if last < 1 or float(np.ptp(values)) == 0.0:
        return np.array([0] if last < 1 else [0, last], np.intp)
    keep = np.zeros(len(values), bool)
    keep[[0, last]] = True
    todo = [(0, last)]
    while todo:
        start, end = todo.pop()
        if end - start < 2:
            continue
        inner = slice(start + 1, end)
        line = values[start] + (values[end] - values[start]) * (
            (frames[inner] - frames[start]) / (frames[end] - frames[start])
        )
        off = np.abs(values[inner] - line)
        worst = int(off.argmax())
        if off[worst] > tolerance:
            split = start + 1 + worst
            keep[split] = True
            todo += [(start, split), (split, end)]
    return np.flatnonzero(keep)


def reduction_error(frames: Array, values: Array, kept: Array) -> float:
    """Return how far the values are off at most where straight lines join the kept keys."""
    return float(np.abs(np.interp(frames, frames[kept], values[kept]) - values).max(initial=0.0))
