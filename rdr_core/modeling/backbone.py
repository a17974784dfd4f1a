"""Regression feature network: a ResNet-18 (He et al. 2016) of any width, returning its four stages."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def conv_norm(x: Tensor, conv: nn.Module, norm: nn.Module) -> Tensor:
    """Batch norm after a (transposed) convolution; in evaluation folded into the convolution's weights, which is
    faster.

    Written as arithmetic on the stored weights, so that an exported graph can fold them when it is loaded.
    """
    if not isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) or not isinstance(norm, nn.BatchNorm2d | nn.SyncBatchNorm):
        raise TypeError(f"expected a convolution and its batch norm, got {type(conv)} and {type(norm)}")
    if norm.training:
        return norm(conv(x))
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    scale = norm.weight * (variance + norm.eps).rsqrt()
    bias = norm.bias - mean * scale
    if isinstance(conv, nn.ConvTranspose2d):
        return functional.conv_transpose2d(x, conv.weight * scale[None, :, None, None], bias, 2, 1)
    return functional.conv2d(x, conv.weight * scale[:, None, None, None], bias, conv.stride, conv.padding)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(conv_norm(x, self.conv1, self.bn1))
        shortcut = x if self.shortcut is None else conv_norm(x, self.shortcut[0], self.shortcut[1])
        return self.relu(conv_norm(y, self.conv2, self.bn2) + shortcut)


class ResNet18(nn.Module):
    """ResNet-18 without its classifier; `width` channels in the first stage (64 in the paper)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.channels = (width, 2 * width, 4 * width, 8 * width)
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        previous = width
        self.stages = nn.ModuleList()
        for number, channels in enumerate(self.channels):
            stride = 1 if number == 0 else 2
            self.stages.append(nn.Sequential(BasicBlock(previous, channels, stride), BasicBlock(channels, channels, 1)))
            previous = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, s, s) normalised RGB -> stages of stride 4, 8, 16 and 32; the last is conv5."""
        x = self.stem[2:](conv_norm(image, self.stem[0], self.stem[1]))
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
