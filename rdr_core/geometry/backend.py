"""One formula for two array libraries: geometry is written once and runs on numpy and on torch (where gradients are
needed)."""

from __future__ import annotations

import sys
from functools import lru_cache
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
    return _tensor(values, like.dtype, like.device)


def take(array: Array, indices: np.ndarray, axis: int) -> Array:
    """Pick entries along an axis; one Gather in an exported graph, where indexing with arrays makes a dozen nodes."""
    if isinstance(array, np.ndarray):
        return np.take(array, indices, axis)
    return array.index_select(axis, _tensor(indices, None, array.device))


def take_along(array: Array, indices: Array, axis: int) -> Array:
    """np.take_along_axis and torch.gather."""
    return np.take_along_axis(array, indices, axis) if isinstance(array, np.ndarray) else array.gather(axis, indices)


def _tensor(values: np.ndarray, dtype: Any, device: Any) -> Array:
    """Return numbers as a tensor. To a GPU they are sent once: a recorded computation must not wait for them."""
    if device.type == "cuda":
        return _on_gpu(values.tobytes(), values.dtype.str, values.shape, dtype, device)
    return sys.modules["torch"].as_tensor(values, dtype=dtype, device=device)  # type: ignore[attr-defined]


@lru_cache(maxsize=256)
def _on_gpu(content: bytes, kind: str, shape: tuple[int, ...], dtype: Any, device: Any) -> Array:
    values = np.frombuffer(content, kind).reshape(shape).copy()
    return sys.modules["torch"].as_tensor(values, dtype=dtype, device=device)  # type: ignore[attr-defined]
