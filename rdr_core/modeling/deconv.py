"""deconv5: stride-2 deconvolutions from conv5 to the map that deep shape-indexed features are read from (Fig. 2)."""

from __future__ import annotations

from torch import Tensor, nn

from rdr_core.modeling.backbone import conv_norm


class Deconv(nn.Module):
    """A tower of 2x deconvolutions, one for each entry of `channels`.

    With `lateral`, each step adds a 1x1 projection of the trunk's stage of the same size: a fine map at a third of the
    channels. The paper has none.
    """

    def __init__(self, trunk_channels: tuple[int, ...], channels: tuple[int, ...], lateral: bool) -> None:
        super().__init__()
        self.steps, self.laterals = nn.ModuleList(), nn.ModuleList()
        previous, finer = trunk_channels[-1], list(trunk_channels[-2::-1])
        for number, out_channels in enumerate(channels):
            deconv = nn.ConvTranspose2d(previous, out_channels, 4, 2, 1, bias=False)
            nn.init.kaiming_normal_(deconv.weight, mode="fan_out", nonlinearity="relu")
            self.steps.append(nn.Sequential(deconv, nn.BatchNorm2d(out_channels)))
            if lateral and number < len(finer):
                self.laterals.append(nn.Conv2d(finer[number], out_channels, 1))
            previous = out_channels
        self.relu = nn.ReLU(inplace=True)
        self.out_channels = previous

    def forward(self, stages: list[Tensor]) -> Tensor:
        """Trunk stages (stride 4 ... 32) -> (B, C, h, w) map."""
        x = stages[-1]
        for number, step in enumerate(self.steps):
            deconv, norm = step.children()
            x = conv_norm(x, deconv, norm)
            if number < len(self.laterals):
                x = x + self.laterals[number](stages[-2 - number])
            x = self.relu(x)
        return x
