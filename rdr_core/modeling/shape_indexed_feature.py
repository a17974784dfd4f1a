"""Phi: deep shape-indexed feature (Sec. 4.3), local maxima of the deconv5 map around each landmark."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ShapeIndexedFeature(nn.Module):
    """A window of `samples` x `samples` bilinear samples around each landmark, max-pooled per channel, concatenated."""

    offsets: Tensor

    def __init__(self, window: float, samples: int) -> None:
        """`window`: side of the square that the samples span, as a share of the crop."""
        super().__init__()
        steps = torch.linspace(-0.5, 0.5, samples) * window if samples > 1 else torch.zeros(1)
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)
        self.register_buffer("offsets", grid.reshape(1, 1, -1, 2), persistent=False)

    def forward(self, feature_map: Tensor, shape: Tensor) -> Tensor:
        """(B, C, h, w) map and (B, L, 2) landmarks in crop units [0, 1] -> (B, L * C)."""
        grid = (shape[:, :, None, :] + self.offsets) * 2 - 1
        samples = functional.grid_sample(feature_map, grid, align_corners=False)
        return samples.amax(-1).transpose(1, 2).flatten(1)
