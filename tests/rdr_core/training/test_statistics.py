"""Statistics of the training set, and a trained network that is given others."""

from __future__ import annotations

from typing import Any

import torch

from rdr_core.modeling.rdr import RDR
from rdr_core.training.sources import FittedFaces
from rdr_core.training.statistics import restandardise


def test_a_network_with_other_statistics_says_the_same(tiny_network: RDR, drawn_faces: Any) -> None:
    data = FittedFaces(drawn_faces.samples, drawn_faces.fits)
    labels = [data.label(position) for position in range(len(data))]
    generator = torch.Generator().manual_seed(0)
    refinement = tiny_network.refinement
    with torch.no_grad():
        for layer in (tiny_network.parameter_init.pose[-1], refinement.pe_lstm.output):
            layer.weight.normal_(0, 0.05, generator=generator)
            layer.bias.normal_(0, 0.05, generator=generator)
        refinement.pose_mean.add_(0.1)
        refinement.pose_std.mul_(1.5)
        tiny_network.identity_std.mul_(0.3)
    size = tiny_network.crop_size
    image = torch.rand(2, 3, size, size, generator=generator)
    tiny_network.eval()
    with torch.no_grad():
        before, old = tiny_network(image), refinement.pose_std.clone()
        identity = tiny_network.identity_mean + tiny_network.identity_std * before.alpha_id
        restandardise(tiny_network, labels)
        after = tiny_network(image)
    assert not torch.allclose(old, refinement.pose_std)
    torch.testing.assert_close(
        tiny_network.identity_mean + tiny_network.identity_std * after.alpha_id, identity, atol=1e-4, rtol=1e-3
    )
    for ours, theirs in zip(after.steps, before.steps, strict=True):
        torch.testing.assert_close(ours.shape, theirs.shape, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(ours.alpha_exp_logits, theirs.alpha_exp_logits, atol=1e-4, rtol=1e-3)
