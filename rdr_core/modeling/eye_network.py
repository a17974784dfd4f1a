"""The eye network: where each eye looks and how far its lids are closed, from both eyes looked at closely.

The network of the whole face sees an eye in a dozen pixels. This one sees it at ten pixels a centimetre, and hears what
the other one says.

B: faces.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from rdr_core.data.eye_patches import N_TOLD, PATCH_PX

OUTPUTS: Final = ("outward", "up", "closed")
"""Of each eye: the first two in -1..1, in units of its gaze shapes; closed in 0..1, as EyeClose."""
_CHANNELS: Final = ((24, 1), (32, 2), (48, 1), (64, 2), (64, 2))
"""Of each convolution, and its stride."""
_OF_ONE: Final = 96
_HIDDEN: Final = 128
_LEVELLED: Final = 0.7
"""So much of a patch's mean brightness is taken out: light and skin say nothing of gaze."""
_OPEN: Final = 2.0
"""Lids are open as a rule: the logit that training begins at, negative."""


class EyeNetwork(nn.Module):
    """The same convolutions look at either eye; what both show is then read together."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before, stride = 3, 1
        for channels, step in _CHANNELS:
            layers += [nn.Conv2d(before, channels, 3, step, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
            before, stride = channels, stride * step
        width, height = PATCH_PX
        self.look = nn.Sequential(*layers)
        self.eye = nn.Sequential(nn.Linear(before * (width // stride) * (height // stride), _OF_ONE), nn.ReLU())
        self.both = nn.Sequential(
            nn.Linear(2 * _OF_ONE + N_TOLD, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, 2 * len(OUTPUTS)),
        )

    def forward(self, patches: Tensor, told: Tensor) -> Tensor:
        """Read both eyes of faces.

        Args:
            patches: (B, 2, 3, h, w) of `eye_patches`, left eye first, in [0, 1].
            told: (B, N_TOLD) of `told_of`.

        Returns:
            (B, 2, 3) what `OUTPUTS` names.
        """
        eyes = patches.flatten(0, 1)
        eyes = (eyes - _LEVELLED * eyes.mean((1, 2, 3), keepdim=True) - 0.15) / 0.25
        seen = self.eye(self.look(eyes).flatten(1)).reshape(-1, 2 * _OF_ONE)
        values = self.both(torch.cat([seen, told], 1)).reshape(-1, 2, len(OUTPUTS))
        return torch.cat([torch.tanh(values[..., :2]), torch.sigmoid(values[..., 2:] - _OPEN)], -1)
