"""3D parameter initialisation module: three independent fc5-fc6 heads on pool5 (Sec. 4.2), or the mean face instead."""

from __future__ import annotations

from torch import Tensor, nn


class Head(nn.Sequential):
    """fc5-fc6. It starts at its bias, i.e. at the mean face: fc6's weights are near zero.

    fc5 is normalised within each face before its ReLU: without that, large first gradients switch units off for all
    faces and for good (of 256 units of the expression head none was left after 3,000 steps, of the pose head 50).
    """

    def __init__(self, in_features: int, hidden: int, out_features: int) -> None:
        fc6 = nn.Linear(hidden, out_features)
        nn.init.normal_(fc6.weight, std=1e-2)
        nn.init.zeros_(fc6.bias)
        super().__init__(nn.Linear(in_features, hidden), nn.LayerNorm(hidden), nn.ReLU(inplace=True), fc6)


class MeanHead(nn.Sequential):
    """The training set's mean whatever the picture shows: 0, as all that heads say is standardised. It never learns."""

    def __init__(self, in_features: int, out_features: int) -> None:
        mean = nn.Linear(in_features, out_features)
        nn.init.zeros_(mean.weight)
        nn.init.zeros_(mean.bias)
        super().__init__(mean)
        self.requires_grad_(False)


class ParameterInit(nn.Module):
    """pool5 -> alpha_id, P and expression logits, all standardised."""

    def __init__(self, identity: nn.Module, pose: nn.Module, expression: nn.Module) -> None:
        """A `Head` or a `MeanHead` for each."""
        super().__init__()
        self.identity, self.pose, self.expression = identity, pose, expression

    def forward(self, pool5: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, c) -> (B, I), (B, 7), (B, E)."""
        return self.identity(pool5), self.pose(pool5), self.expression(pool5)
