"""What a network is told of its training set before it learns: means and spreads of Q*."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from rdr_core.data.label import FaceLabel
from rdr_core.errors import ConfigError
from rdr_core.modeling.rdr import RDR
from rdr_core.training.batches import ideal_crop, target_in_crop


def check_labels(network: RDR, labels: Sequence[FaceLabel]) -> None:
    """ConfigError where labels are of another face model than the network's."""
    expected = len(network.identity_mean), len(network.logit_mean)
    for label in labels:
        if (got := (len(label.alpha_id), len(label.alpha_exp))) != expected:
            raise ConfigError(
                f"{label.source}: a label of {got[0]} identity and {got[1]} expression coefficients, this face model "
                f"has {expected[0]} and {expected[1]}: make the labels again"
            )


def set_statistics(network: RDR, labels: Sequence[FaceLabel]) -> None:
    """Means and spreads of Q* over ideal crops of these faces."""
    crops = [ideal_crop(label, network.crop_size) for label in labels]
    poses = np.stack([target_in_crop(label, crop).pose for label, crop in zip(labels, crops, strict=True)])
    identity = np.stack([label.alpha_id for label in labels])
    expression = np.stack([label.alpha_exp for label in labels])
    mean, std = poses.mean(axis=0), poses.std(axis=0)
    std = np.maximum(std, 1e-4)
    std[5] = 1  # t_z is always 0
    mean[1:3] = 0  # yaw and roll are symmetric: pictures are flipped, or drawn so
    blocks = (mean, std, identity.mean(axis=0), identity.std(axis=0) + 1e-6, expression.mean(axis=0))
    network.set_statistics(*(torch.from_numpy(np.asarray(block, np.float32)) for block in blocks))


@torch.no_grad()
def restandardise(network: RDR, labels: Sequence[FaceLabel]) -> None:
    """Give a trained network the statistics of other faces; its output layers make up for it, so that it says the same
    as before."""
    init, refinement = network.parameter_init, network.refinement
    before = [
        tensor.clone()
        for tensor in (
            refinement.pose_mean,
            refinement.pose_std,
            network.identity_mean,
            network.identity_std,
            network.logit_mean,
        )
    ]
    set_statistics(network, labels)
    pose_mean, pose_std, identity_mean, identity_std, logit_mean = before
    _rescale(init.pose, pose_mean, pose_std, refinement.pose_mean, refinement.pose_std)
    _rescale(init.identity, identity_mean, identity_std, network.identity_mean, network.identity_std)
    one = torch.ones_like(logit_mean)
    _rescale(init.expression, logit_mean, one, network.logit_mean, one)
    update = refinement.pe_lstm.output
    scale = torch.ones_like(update.bias)
    scale[: len(pose_std)] = pose_std / refinement.pose_std
    _rescale(update, torch.zeros_like(scale), scale, torch.zeros_like(scale), torch.ones_like(scale))


def _rescale(layer: nn.Module, mean: Tensor, std: Tensor, new_mean: Tensor, new_std: Tensor) -> None:
    """Make new_mean + new_std y' equal to mean + std y, y of a linear layer or of a head's last one."""
    if isinstance(layer, nn.Sequential):
        layer = layer[-1]
    assert isinstance(layer, nn.Linear)
    layer.weight.mul_((std / new_std)[:, None])
    layer.bias.copy_((mean + std * layer.bias - new_mean) / new_std)
