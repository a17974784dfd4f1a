"""Weights as they are shipped: large tensors in signed bytes with a step for each output, the rest as half floats.

A byte rounds a weight to 1/254 of the largest one that leads to the same output: errors of a trained network stay what
they were to 0.01 % (docs/training.md), at an eighth of its size while it trained.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

BYTES: Final = ".bytes"
"""A tensor NAME is stored as NAME.bytes, int8 of its shape, and NAME.step, (n, 1, ...) single floats."""
STEP: Final = ".step"
_LEAST: Final = 2048
"""Smaller tensors gain nothing."""


def compact(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Round floating tensors; others stay."""
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.ndim >= 2 and tensor.numel() >= _LEAST:
            step = tensor.abs().float().amax(dim=tuple(range(1, tensor.ndim)), keepdim=True).clamp_min(1e-12) / 127
            stored[name + BYTES] = (tensor.float() / step).round().to(torch.int8)
            stored[name + STEP] = step
        else:
            stored[name] = tensor.half() if tensor.is_floating_point() else tensor
    return stored


def expand(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of `compact`, but for the rounding; tensors that were not compacted pass."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        if name.endswith(BYTES) and name.removesuffix(BYTES) + STEP in stored:
            whole = name.removesuffix(BYTES)
            tensors[whole] = tensor.float() * stored[whole + STEP]
        elif not (name.endswith(STEP) and name.removesuffix(STEP) + BYTES in stored):
            tensors[name] = tensor
    return tensors
