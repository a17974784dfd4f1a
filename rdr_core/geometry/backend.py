"""One formula for two array libraries: geometry is written once and runs on numpy and on torch (where gradients are
needed)."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

Array = Any
"""np.ndarray or torch.Tensor; all arguments of a call are of one kind."""


def namespace(array: Array) -> ModuleType:
    """Return the module (numpy or torch) that `array` belongs to, without importing torch for numpy's users."""
    return np if isinstance(array, np.ndarray | np.generic | float) else sys.modules["torch"]


def detach(array: Array) -> Array:
    """Return `array` cut from the gradient graph (numpy arrays as they are)."""
    return array if isinstance(array, np.ndarray) else array.detach()


def constant(values: np.ndarray, like: Array) -> Array:
    """Return numbers as an array of the kind, precision and device of `like`."""
    if isinstance(like, np.ndarray):
        return values.astype(like.dtype)
    torch = sys.modules["torch"]
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)  # type: ignore[attr-defined]


def take(array: Array, indices: np.ndarray, axis: int) -> Array:
    """Pick entries along an axis; one Gather in an exported graph, where indexing with arrays makes a dozen nodes."""
    if isinstance(array, np.ndarray):
        return np.take(array, indices, axis)
    torch = sys.modules["torch"]
    return array.index_select(axis, torch.as_tensor(indices, device=array.device))  # type: ignore[attr-defined]


def take_along(array: Array, indices: Array, axis: int) -> Array:
    """np.take_along_axis and torch.gather."""
    return np.take_along_axis(array, indices, axis) if isinstance(array, np.ndarray) else array.gather(axis, indices)
