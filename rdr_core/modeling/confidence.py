"""Confidence: is this crop a face, and well aligned? Trained beside RDR, because a live tracker must know of its
loss."""

from __future__ import annotations

from torch import Tensor, nn

from rdr_core.modeling.parameter_init import Head


class Confidence(nn.Module):
    """pool5 -> logit."""

    def __init__(self, in_features: int, hidden: int = 64) -> None:
        super().__init__()
        self.head = Head(in_features, hidden, 1)

    def forward(self, pool5: Tensor) -> Tensor:
        """(B, c) -> (B,)."""
        return self.head(pool5).squeeze(-1)
