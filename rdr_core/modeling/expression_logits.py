"""Expression control (Sec. 4.3, Eq. 7): the network's state is the logit, its sigmoid is the coefficient."""

from __future__ import annotations

import torch
from torch import Tensor

TARGET_MARGIN = 1e-3
"""Targets are clipped to [1e-3, 1 - 1e-3]: a sigmoid reaches neither 0 nor 1."""


def alpha_from_logits(alpha_exp_logits: Tensor) -> Tensor:
    """(..., E) logits -> alpha_exp in (0, 1)."""
    return torch.sigmoid(alpha_exp_logits)


def logits_from_alpha(alpha_exp: Tensor) -> Tensor:
    """(..., E) alpha_exp, clipped into (0, 1) -> logits."""
    return torch.logit(alpha_exp, eps=TARGET_MARGIN)


def neutral_coefficient(alpha_exp: Tensor) -> Tensor:
    """alpha_0 = 1 - sum of alpha_i, Eq. (7): (..., E) -> (...); reported, not clipped."""
    return 1 - alpha_exp.sum(-1)
