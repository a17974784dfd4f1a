"""Losses by hand on cases whose value can be worked out on paper."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rdr_core.errors import ConfigError
from rdr_core.landmarks import SPANS
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.dual_refinement import Step
from rdr_core.modeling.rdr import RDR, RdrOutput
from rdr_core.training.batches import Batch
from rdr_core.training.losses import LossConfig, RdrLoss

UNIT, ALPHA_STD = 0.02, 0.25
ONLY_LANDMARKS = LossConfig(pose_weight=0, expression_weight=0, identity_weight=0, confidence_weight=0, span_weight=0)


def truth(is_face: tuple[float, ...] = (1.0, 1.0)) -> Batch:
    """Targets whose own points are those of vertices at the crop's corner: 0."""
    rows = len(is_face)
    generator = torch.Generator().manual_seed(0)
    shape, alpha_id = torch.rand(rows, 68, 2, generator=generator), torch.randn(rows, 50, generator=generator)
    pose, alpha_exp = torch.rand(rows, 7, generator=generator), torch.full((rows, 46), 0.2)
    image, own, fitted = torch.zeros(rows, 3, 64, 64), torch.zeros(rows, 68, 2), torch.zeros(rows)
    return Batch(image, torch.tensor(is_face), shape, own, pose, alpha_id, alpha_exp, fitted)


def perfect(network: RDR, batch: Batch, steps: int = 2) -> RdrOutput:
    """Output that equals its targets at every step."""
    refinement = network.refinement
    pose = (batch.pose - refinement.pose_mean) / refinement.pose_std
    vertices = torch.zeros(len(pose), refinement.projection.n_vertices, 3)
    step = Step(pose, torch.logit(batch.alpha_exp), batch.shape, batch.shape, vertices)
    alpha_id = (batch.alpha_id - network.identity_mean) / network.identity_std
    return RdrOutput(alpha_id, [step] * (steps + 1), torch.where(batch.is_face > 0, 50.0, -50.0))


def with_step(output: RdrOutput, k: int, **changes: Tensor) -> RdrOutput:
    steps = list(output.steps)
    steps[k] = replace(steps[k], **changes)
    return replace(output, steps=steps)


def loss_of(network: RDR, config: LossConfig | None = None) -> RdrLoss:
    return RdrLoss(network, config or LossConfig(), ALPHA_STD)


def test_perfect_output_costs_nothing(tiny_network: RDR) -> None:
    batch = truth()
    terms = loss_of(tiny_network)(perfect(tiny_network, batch), batch)
    assert set(terms) == {"pose", "expression", "identity", "projected", "span", "own", "shape", "confidence", "total"}
    for name, value in terms.items():
        assert float(value) == pytest.approx(0, abs=1e-9), name


@pytest.mark.parametrize(
    ("norm", "expected"), [("l1", 3.0), ("l2", 9.0), ("smooth_l1", 2.5), ("wing", 3 - 2 + 2 * math.log(5))]
)
def test_value_of_eq_10(tiny_network: RDR, norm: str, expected: float) -> None:
    """sum over k of |S_p^k - S*|^2 + beta |S^k - S*|^2: S_p counts from k = 0 on (Eq. 5, 8), S from k = 1 on."""
    batch = truth()
    output = perfect(tiny_network, batch)
    off = batch.shape + 3 * UNIT
    loss = loss_of(tiny_network, replace(ONLY_LANDMARKS, landmark_norm=norm, shape_weight=0.5))  # type: ignore[arg-type]

    def total(changed: RdrOutput) -> float:
        return float(loss(changed, batch)["total"])

    for k in range(3):
        assert total(with_step(output, k, projected_shape=off)) == pytest.approx(expected, rel=1e-4)
    assert total(with_step(output, 0, shape=off)) == 0
    for k in (1, 2):
        assert total(with_step(output, k, shape=off)) == pytest.approx(0.5 * expected, rel=1e-4)
    both = with_step(with_step(output, 1, shape=off), 2, shape=off, projected_shape=off)
    assert total(both) == pytest.approx((0.5 + 0.5 + 1) * expected, rel=1e-4)


def test_one_coordinate_of_one_landmark(tiny_network: RDR) -> None:
    batch = truth()
    moved = batch.shape.clone()
    moved[1, 7, 0] += 10 * UNIT
    output = with_step(perfect(tiny_network, batch), 2, shape=moved)
    terms = loss_of(tiny_network, ONLY_LANDMARKS)(output, batch)
    assert float(terms["shape"]) == pytest.approx(10 / (68 * 2) / 2, rel=1e-4)  # mean of coordinates and rows


@pytest.mark.parametrize("teaches", [False, True])
def test_whether_eq_10_teaches_the_3d_face(tiny_network: RDR, teaches: bool) -> None:
    """The compensation is always taught by it, and costs the same."""
    output, batch = tiny_network(torch.rand(2, 3, 64, 64)), truth()
    config = replace(ONLY_LANDMARKS, shape_teaches_face=teaches)
    term = loss_of(tiny_network, config)(output, batch)["shape"]
    cost = torch.stack([(step.shape - batch.shape).abs().mean() / UNIT for step in output.steps[1:]]).sum()
    assert float(term.detach()) == pytest.approx(float(cost.detach()), rel=1e-4)
    compensator = tiny_network.refinement.c_lstm.output.bias
    taught, moved = torch.autograd.grad(term, [compensator, output.steps[-1].pose], allow_unused=True)
    assert taught.abs().max() > 0
    assert (moved is not None and float(moved.abs().max()) > 1e-6) == teaches


def test_pose_and_expression_are_taught_at_every_step(tiny_network: RDR) -> None:
    """lambda weighs either; pose in standard deviations without t_z, expression in units of its spread."""
    batch = truth()
    output = perfect(tiny_network, batch)
    loss = loss_of(tiny_network, LossConfig(pose_weight=0.3, expression_weight=0.3, expression_norm="l2", own_weight=0))
    for k in range(3):
        terms = loss(with_step(output, k, pose=output.steps[k].pose + 2), batch)
        assert float(terms["pose"]) == pytest.approx(4, rel=1e-4)
        assert float(terms["total"]) == pytest.approx(0.3 * 4, rel=1e-4)
        logits = torch.logit(batch.alpha_exp + 0.5)
        terms = loss(with_step(output, k, alpha_exp_logits=logits), batch)
        assert float(terms["expression"]) == pytest.approx((0.5 / ALPHA_STD) ** 2, rel=1e-4)
        assert float(terms["total"]) == pytest.approx(0.3 * 4, rel=1e-4)


def test_fitted_expressions_and_identities_count_less(tiny_network: RDR) -> None:
    batch = replace(truth(), fitted=torch.tensor([1.0, 1.0]))
    loss = loss_of(tiny_network, LossConfig(fitted_weight=0.2, expression_norm="l2"))
    base = perfect(tiny_network, batch)
    wrong = with_step(base, 1, alpha_exp_logits=torch.logit(batch.alpha_exp + 0.5), pose=base.steps[1].pose + 2)
    terms = loss(replace(wrong, alpha_id=base.alpha_id + 3), batch)
    assert float(terms["expression"]) == pytest.approx(0.2 * (0.5 / ALPHA_STD) ** 2, rel=1e-4)
    assert float(terms["identity"]) == pytest.approx(0.2 * 9, rel=1e-4)
    assert float(terms["pose"]) == pytest.approx(4, rel=1e-4)


def test_own_points_are_taught_at_every_step(tiny_network: RDR) -> None:
    batch = truth()
    output = perfect(tiny_network, batch)
    loss = loss_of(tiny_network, replace(ONLY_LANDMARKS, own_weight=0.5))
    n_vertices = tiny_network.refinement.projection.n_vertices
    for k in range(3):
        terms = loss(with_step(output, k, vertices=torch.full((2, n_vertices, 3), 3 * UNIT)), batch)
        assert float(terms["own"]) == pytest.approx(3, rel=1e-4)
        assert float(terms["total"]) == pytest.approx(1.5, rel=1e-4)


def test_spans_show_expressions_wherever_the_face_is(tiny_network: RDR) -> None:
    """A lid of S_p that is off costs two pairs of it; a face that is moved as a whole costs nothing, nor does S."""
    batch = truth()
    output = perfect(tiny_network, batch)
    loss = loss_of(tiny_network, replace(ONLY_LANDMARKS, span_weight=0.5, shape_weight=0))
    lid = batch.shape.clone()
    lid[:, [37, 38], 1] += 3 * UNIT
    for k in range(3):
        terms = loss(with_step(output, k, projected_shape=lid), batch)
        touched = sum(bool({37, 38} & set(pair)) for pair in SPANS.tolist())
        assert float(terms["span"]) == pytest.approx(3 * touched / (2 * len(SPANS)), rel=1e-4)
        assert float(terms["total"]) == pytest.approx(0.5 * float(terms["span"]) + 6 / (2 * 68), rel=1e-4)
        terms = loss(with_step(output, k, projected_shape=batch.shape + 0.3, shape=lid), batch)
        assert float(terms["span"]) == pytest.approx(0, abs=1e-4)


def test_parts_of_a_batch_add_up(tiny_network: RDR) -> None:
    """Two processes with 3 and 1 faces: their mean is the loss of one with all 4."""
    parts = truth((1.0, 1.0, 1.0)), truth((1.0, 0.0, 0.0))
    losses = []
    for part, off in zip(parts, (1.0, 5.0), strict=True):
        output = with_step(perfect(tiny_network, part), 1, shape=part.shape + off * UNIT)
        losses.append(float(loss_of(tiny_network, ONLY_LANDMARKS)(output, part, torch.tensor(4 / 2))["shape"]))
    assert sum(losses) / 2 == pytest.approx((3 * 1.0 + 5.0) / 4, rel=1e-4)


def test_t_z_costs_nothing(tiny_network: RDR) -> None:
    batch = truth()
    pose = perfect(tiny_network, batch).steps[0].pose.clone()
    pose[:, 5] += 100
    output = with_step(perfect(tiny_network, batch), 1, pose=pose)
    assert float(loss_of(tiny_network)(output, batch)["total"]) == pytest.approx(0, abs=1e-9)


def test_expression_is_compared_after_the_sigmoid(tiny_network: RDR) -> None:
    """A target of 0 is clipped: a logit far below costs nearly nothing and pulls nearly nowhere."""
    batch = truth()
    batch = replace(batch, alpha_exp=torch.zeros_like(batch.alpha_exp))
    logits = torch.full((2, 46), -40.0, requires_grad=True)
    base = perfect(tiny_network, truth())
    output = replace(base, steps=[replace(step, alpha_exp_logits=logits) for step in base.steps])
    expression = loss_of(tiny_network, LossConfig(expression_norm="l2"))(output, batch)["expression"]
    expression.backward()
    assert float(expression.detach()) < 1e-4
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-6


def test_cross_entropy_of_expressions(tiny_network: RDR) -> None:
    """Nothing for a perfect answer, the log of the odds for a wrong one, and a pull where the sigmoid is flat."""
    batch = replace(truth(), alpha_exp=torch.full((2, 46), 0.5))
    loss = loss_of(tiny_network, LossConfig(expression_norm="kl"))
    logits = torch.full((2, 46), math.log(1 / 9), requires_grad=True)  # alpha 0.1
    value = loss(with_step(perfect(tiny_network, batch), 1, alpha_exp_logits=logits), batch)["expression"]
    assert float(value.detach()) == pytest.approx(0.5 * math.log(0.5 / 0.1) + 0.5 * math.log(0.5 / 0.9), rel=1e-4)
    shut = replace(batch, alpha_exp=torch.ones(2, 46))
    flat = torch.full((2, 46), -20.0, requires_grad=True)
    loss(with_step(perfect(tiny_network, batch), 1, alpha_exp_logits=flat), shut)["expression"].backward()
    assert flat.grad is not None
    assert float(flat.grad.sum()) == pytest.approx(-1, rel=1e-2)


def test_rows_without_a_face_are_masked(tiny_network: RDR) -> None:
    """They teach the confidence only; the others' mean does not depend on how many they are."""
    batch = truth((1.0, 0.0, 0.0))
    output = perfect(tiny_network, batch)
    wild = batch.shape.clone()
    wild[1:] += 1000
    for k in range(3):
        output = with_step(output, k, shape=wild, projected_shape=wild, pose=output.steps[k].pose * 1)
        output.steps[k].pose[1:] += 1e3
    output = replace(output, alpha_id=output.alpha_id.clone())
    output.alpha_id[1:] += 1e3
    assert float(loss_of(tiny_network)(output, batch)["total"]) == pytest.approx(0, abs=1e-6)
    off = batch.shape + UNIT
    terms = loss_of(tiny_network, ONLY_LANDMARKS)(with_step(perfect(tiny_network, batch), 2, shape=off), batch)
    assert float(terms["shape"]) == pytest.approx(1, rel=1e-4)


def test_confidence_is_taught_by_every_row(tiny_network: RDR) -> None:
    batch = truth((1.0, 0.0))
    terms = loss_of(tiny_network)(replace(perfect(tiny_network, batch), confidence_logit=torch.zeros(2)), batch)
    assert float(terms["confidence"]) == pytest.approx(0.6931, abs=1e-3)
    assert float(terms["total"]) == pytest.approx(0.1 * 0.6931, abs=1e-4)


def test_a_batch_without_any_face(tiny_network: RDR) -> None:
    batch = truth((0.0, 0.0))
    terms = loss_of(tiny_network)(perfect(tiny_network, batch), batch)
    assert all(torch.isfinite(value) for value in terms.values())
    assert float(terms["total"]) == pytest.approx(0, abs=1e-6)


def test_without_a_compensator_the_loss_is_that_of_the_3d_face(tiny_config: RdrConfig) -> None:
    """An error of S_p, which then is S, counts once."""
    torch.manual_seed(0)
    network = build_rdr(replace(tiny_config, refinement="pose_exp"))
    batch = truth()
    off = batch.shape + 3 * UNIT
    output = with_step(perfect(network, batch), 1, projected_shape=off, shape=off)
    terms = loss_of(network, ONLY_LANDMARKS)(output, batch)
    assert float(terms["shape"]) == 0
    assert float(terms["projected"]) == pytest.approx(3, rel=1e-4)


def test_identity_counts_as_far_as_it_moves_the_face(tiny_network: RDR) -> None:
    """An error in the coefficient that people differ by most costs more than one in the last; alike where asked."""
    batch = truth()
    first, last = perfect(tiny_network, batch), perfect(tiny_network, batch)
    extent = tiny_network.refinement.projection.identity_extent() * tiny_network.identity_std.square()
    most, least = int(extent.argmax()), int(extent.argmin())
    first.alpha_id[:, most] += 1
    last.alpha_id[:, least] += 1
    shape, alike = (loss_of(tiny_network, LossConfig(identity_norm=norm)) for norm in ("shape", "coefficients"))
    assert float(shape(first, batch)["identity"]) == pytest.approx(float(extent[most] / extent.sum()), rel=1e-3)
    assert float(shape(first, batch)["identity"]) > 50 * float(shape(last, batch)["identity"])
    assert float(alike(first, batch)["identity"]) == pytest.approx(0.02, rel=1e-3)
    assert float(alike(last, batch)["identity"]) == pytest.approx(0.02, rel=1e-3)


def test_identity_is_taught_by_the_first_face_only(tiny_network: RDR) -> None:
    batch = truth()
    output = perfect(tiny_network, batch)
    loss = loss_of(tiny_network, LossConfig(identity_weight=0.3))
    terms = loss(replace(output, alpha_id=output.alpha_id + 3), batch)
    assert float(terms["identity"]) == pytest.approx(9, rel=1e-4)
    assert float(terms["total"]) == pytest.approx(0.3 * 9, rel=1e-4)


@pytest.mark.parametrize("wrong", [{"pose_weight": -1.0}, {"landmark_unit": 0.0}, {"confidence_weight": -0.1}])
def test_configuration(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="loss weights are not negative"):
        LossConfig(**wrong)  # type: ignore[arg-type]
