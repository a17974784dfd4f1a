"""Algorithm 1 as docs/paper_notes.md reads it: what the paper leaves open is pinned here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rdr_core.errors import ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.expression_logits import alpha_from_logits, logits_from_alpha, neutral_coefficient
from rdr_core.modeling.rdr import RDR


def pictures(count: int = 2, size: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def silence(network: RDR) -> None:
    """Make both LSTMs give zero updates."""
    for unit in (network.refinement.pe_lstm, network.refinement.c_lstm):
        nn.init.zeros_(unit.output.weight)
        nn.init.zeros_(unit.output.bias)


@torch.no_grad()
def test_zero_deltas_leave_alpha_and_s_fixed_over_k_steps(
    tiny_config: RdrConfig, face_model: DynamicExpressionModel
) -> None:
    """The hat of Sec. 4.3 is a logit: feeding the sigmoid's output back would drive any state to about 0.66."""
    network = build_rdr(replace(tiny_config, steps=5), face_model).eval()
    silence(network)
    steps = network(pictures()).steps
    assert len(steps) == 6
    for step in steps[1:]:
        torch.testing.assert_close(step.alpha_exp_logits, steps[0].alpha_exp_logits, rtol=0, atol=0)
        torch.testing.assert_close(step.shape, steps[0].shape, rtol=0, atol=0)
        torch.testing.assert_close(step.projected_shape, steps[0].projected_shape, rtol=0, atol=0)
    assert alpha_from_logits(steps[-1].alpha_exp_logits).max() < 0.1


def test_alpha_0_closes_the_sum_to_1() -> None:
    alpha = torch.rand(4, 46, dtype=torch.float64)
    torch.testing.assert_close(neutral_coefficient(alpha) + alpha.sum(1), torch.ones(4, dtype=torch.float64))


def test_fresh_network_starts_near_the_mean_expression(tiny_network: RDR) -> None:
    """Zero logits would give alpha_0 = -22: the logits start at logit(mean alpha*)."""
    mean = torch.full((46,), 0.1)
    torch.testing.assert_close(tiny_network.logit_mean, torch.logit(mean))
    for parameter in tiny_network.parameter_init.expression.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        first = tiny_network(pictures()).steps[0]
    torch.testing.assert_close(alpha_from_logits(first.alpha_exp_logits), mean.expand(2, -1))


def test_default_bias_is_about_minus_3_7(tiny_config: RdrConfig, face_model: DynamicExpressionModel) -> None:
    network = build_rdr(tiny_config, face_model)
    assert network.logit_mean.unique().tolist() == pytest.approx([-3.7])
    assert neutral_coefficient(alpha_from_logits(network.logit_mean)) > -0.2


def test_targets_of_0_and_1_have_finite_logits() -> None:
    logits = logits_from_alpha(torch.tensor([0.0, 1.0, 0.5]))
    assert logits.tolist() == pytest.approx([-6.9068, 6.9068, 0], abs=1e-3)


def test_t_z_has_zero_gradient(tiny_network: RDR) -> None:
    """It is unobservable under weak perspective: neither its head nor its update learns or moves anything."""
    output = tiny_network.train()(pictures())
    sum(step.shape.square().sum() + step.projected_shape.square().sum() for step in output.steps).backward()
    for layer in (tiny_network.parameter_init.pose[-1], tiny_network.refinement.pe_lstm.output):
        assert isinstance(layer, nn.Linear)
        assert layer.weight.grad is not None
        assert layer.bias.grad is not None
        assert layer.weight.grad[5].abs().max() == 0
        assert layer.bias.grad[5] == 0
        others = layer.bias.grad[[0, 1, 2, 3, 4, 6]]
        assert (others.abs() > 0).all()


@torch.no_grad()
def test_t_z_stays_at_its_mean(tiny_network: RDR) -> None:
    last = tiny_network(pictures()).steps[-1]
    assert last.pose[:, 5].abs().min() > 0  # the raw state does move
    assert (tiny_network.refinement.denormalise(last.pose)[:, 5] == tiny_network.refinement.pose_mean[5]).all()


@torch.no_grad()
def test_fewer_steps_equal_the_prefix(tiny_network: RDR) -> None:
    image = pictures()
    every = tiny_network(image).steps
    for count in range(3):
        some = tiny_network(image, steps=count).steps
        assert len(some) == count + 1
        for a, b in zip(some, every, strict=False):
            torch.testing.assert_close(a.shape, b.shape, rtol=0, atol=0)
            torch.testing.assert_close(a.pose, b.pose, rtol=0, atol=0)
    assert (every[2].shape - every[1].shape).abs().max() > 1e-4


@pytest.mark.parametrize("steps", [3, -1])
def test_more_steps_than_learned_raise(tiny_network: RDR, steps: int) -> None:
    with pytest.raises(ConfigError, match=f"has 2 refinement steps, {steps} were asked for"):
        tiny_network(pictures(), steps=steps)


@torch.no_grad()
def test_step_0_has_no_compensation(tiny_network: RDR) -> None:
    first, *later = tiny_network(pictures()).steps
    torch.testing.assert_close(first.shape, first.projected_shape, rtol=0, atol=0)
    for step in later:  # Eq. (6)
        assert (step.shape - step.projected_shape).abs().max() > 1e-4


@torch.no_grad()
def test_fresh_lstms_hardly_move_the_initial_face(tiny_config: RdrConfig, face_model: DynamicExpressionModel) -> None:
    torch.manual_seed(0)
    steps = build_rdr(tiny_config, face_model).eval()(pictures()).steps
    assert (steps[-1].shape - steps[0].shape).abs().max() < 1e-2


def test_lstm_weights_start_in_the_papers_range(tiny_config: RdrConfig, face_model: DynamicExpressionModel) -> None:
    """U[-0.1, 0.1], Sec. 5.1."""
    refinement = build_rdr(replace(tiny_config, hidden=64), face_model).refinement
    for cell in (refinement.pe_lstm.cell, refinement.c_lstm.cell):
        values = torch.cat([parameter.detach().flatten() for parameter in cell.parameters()])
        assert values.abs().max() <= 0.1
        assert values.std() == pytest.approx(0.2 / np.sqrt(12), rel=0.02)


def test_projections_are_of_each_step_and_the_lstm_is_shared(tiny_network: RDR) -> None:
    """w_PE^k carries k, the LSTM's weights do not."""
    assert len(tiny_network.refinement.pe_lstm.projections) == len(tiny_network.refinement.c_lstm.projections) == 2
    names = [name for name, _ in tiny_network.refinement.pe_lstm.named_parameters()]
    assert sum(name.startswith("cell.") for name in names) == 4
    assert sum(name.startswith("projections.") for name in names) == 4


def test_gradients_reach_alpha_id_through_the_blendshapes(tiny_network: RDR) -> None:
    """Eq. (10) has no identity term: the landmarks teach it all the same."""
    output = tiny_network.train()(pictures())
    output.steps[-1].projected_shape.square().sum().backward()
    gradient = tiny_network.parameter_init.identity[-1].bias.grad
    assert gradient is not None
    assert (gradient.abs() > 0).all()


def test_positions_of_phi_pass_no_gradient(tiny_network: RDR) -> None:
    """Phi(D, stop_gradient(S^{k-1})): with the map cut off, S^0 gets no gradient through where features are read."""
    refinement = tiny_network.refinement
    pose = torch.zeros(1, 7, requires_grad=True)
    logits = torch.full((1, 46), -3.0, requires_grad=True)
    blendshapes = refinement.projection.blendshapes(tiny_network.identity_mean[None])
    feature_map = torch.rand(1, refinement.pe_lstm.projections[0].in_features // 68, 16, 16)  # type: ignore[operator]
    states = refinement(feature_map, blendshapes, pose, logits)
    compensation = states[1].shape - states[1].projected_shape
    (gradient,) = torch.autograd.grad(compensation.square().sum(), pose, allow_unused=True, retain_graph=True)
    assert gradient is None or gradient.abs().max() < 1e-6  # rounding of S - S_p
    (direct,) = torch.autograd.grad(states[1].projected_shape.square().sum(), pose)
    assert direct.abs().max() > 1e-3


def test_states_do_not_mix_faces_of_a_batch(tiny_network: RDR) -> None:
    image = pictures(3)
    with torch.no_grad():
        together = tiny_network(image)
        alone = [tiny_network(image[row : row + 1]) for row in range(3)]
    for row in range(3):
        torch.testing.assert_close(together.steps[-1].shape[row], alone[row].steps[-1].shape[0], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(together.confidence_logit[row], alone[row].confidence_logit[0], atol=1e-4, rtol=1e-3)
