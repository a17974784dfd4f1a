"""Nothing in the network falls silent: however large its features become, every part still hears the picture."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rdr_core.modeling.parameter_init import Head
from rdr_core.modeling.pe_lstm import RecurrentUnit


@pytest.mark.parametrize("size", [1.0, 30.0, 1000.0])
def test_refinement_hears_large_features(size: float) -> None:
    """The LSTM's answers differ from face to face, and its projection gets a gradient."""
    torch.manual_seed(0)
    unit = RecurrentUnit(64, 32, 5, 2)
    phi = size * torch.randn(16, 64)
    state = unit.start(phi)
    for step in range(2):
        update, state = unit(step, phi, state)
    assert state[0].std(0).mean() > 0.02
    update.square().sum().backward()
    weight = unit.projections[0].weight
    assert weight.grad is not None
    assert float(weight.grad.norm() * weight.detach().norm() / update.detach().square().sum()) > 1e-4


@pytest.mark.parametrize("shift", [-100.0, 100.0])
def test_no_unit_of_a_head_dies(shift: float) -> None:
    """A gradient that pushes all of fc5 far below zero leaves half of it at work."""
    torch.manual_seed(0)
    head = Head(32, 64, 3)
    with torch.no_grad():
        head[0].bias.add_(shift)
    hidden = nn.Sequential(*list(head)[:3])(torch.randn(20, 32))
    assert 0.2 < float((hidden > 0).float().mean()) < 0.8
    assert hidden.std(0).mean() > 0.02
