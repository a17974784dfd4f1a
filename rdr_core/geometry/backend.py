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
