"""A computation on the GPU, recorded once and replayed: a network has hundreds of small steps, and for a single face it
takes longer to start them one by one than to run them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 3
"""Runs before it is recorded, in which libraries choose their kernels and take their memory."""


class Recorded:
    """A function from a tensor to a tensor, for inputs of one shape (a CUDA graph)."""

    def __init__(self, compute: Callable[[Tensor], Tensor], example: Tensor) -> None:
        """Record `compute`, which must not ask for a value on the way, with an input on the GPU."""
        self._input = example.clone()
        aside = torch.cuda.Stream(example.device)
        aside.wait_stream(torch.cuda.current_stream(example.device))
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                compute(self._input)
        torch.cuda.current_stream(example.device).wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = compute(self._input)

    def __call__(self, values: Tensor) -> Tensor:
        """Return the output for another input; it is overwritten by the next one."""
        self._input.copy_(values)
        self._graph.replay()
        return self._output
