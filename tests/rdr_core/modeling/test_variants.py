"""Variants of Figure 4 and beyond: what each leaves out is out, and everything else is as in the whole network."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from rdr_core.errors import AssetError, ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.inference.export import export, first_steps
from rdr_core.inference.onnx_runtime import OnnxPredictor
from rdr_core.inference.predictor import RDRPredictor
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.pe_lstm import RecurrentUnit
from rdr_core.modeling.rdr import RDR
from rdr_core.modeling.variants import FIGURE_4, make_variant
from rdr_core.training.checkpoint import load_checkpoint, network_from_checkpoint, prefixed, save_checkpoint

NAMES = (
    "dual", "mean", "mean-but-identity", "pose-exp", "mean+pose-exp", "no-feedback", "shared", "deconv-16-8-4", "k-3"
)  # fmt: skip
Make = Callable[[str], RDR]


@pytest.fixture
def make(tiny_config: RdrConfig, face_model: DynamicExpressionModel, unsettle: Callable[[RDR], RDR]) -> Make:
    """Return a builder of tiny variants whose batch norms, statistics and outputs are far from trivial."""

    def build(name: str) -> RDR:
        torch.manual_seed(7)
        network = build_rdr(make_variant(name, tiny_config).config, face_model)
        pose_mean = torch.tensor([0.1, 0.0, 0.0, 0.5, 0.45, 0.0, 0.05])
        pose_std = torch.tensor([0.2, 0.5, 0.2, 0.03, 0.03, 1.0, 0.005])
        prior = torch.from_numpy(face_model.identity_mean), torch.from_numpy(face_model.identity_std)
        network.set_statistics(pose_mean, pose_std, *prior, torch.full((46,), 0.1))
        return unsettle(network)

    return build


def pictures(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_prefixes(make: Make, name: str) -> None:
    network, image = make(name), pictures()
    output = network(image)
    steps = network.refinement.steps
    assert len(output.steps) == steps + 1 == (4 if name == "k-3" else 3)
    assert output.alpha_id.shape == (3, 50)
    for step in output.steps:
        assert step.pose.shape == (3, 7)
        assert step.alpha_exp_logits.shape == (3, 46)
        assert step.shape.shape == step.projected_shape.shape == (3, 68, 2)
        assert torch.isfinite(step.shape).all()
    for count in range(steps + 1):
        for a, b in zip(network(image, steps=count).steps, output.steps, strict=False):
            torch.testing.assert_close(a.shape, b.shape, rtol=0, atol=0)
            torch.testing.assert_close(a.pose, b.pose, rtol=0, atol=0)
    assert (output.steps[2].projected_shape - output.steps[1].projected_shape).abs().max() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_zero_deltas_keep_the_state(make: Make, name: str) -> None:
    network = make(name)
    for unit in network.modules():
        if isinstance(unit, RecurrentUnit):
            nn.init.zeros_(unit.output.weight)
            nn.init.zeros_(unit.output.bias)
    first, *later = network(pictures()).steps
    for step in later:
        torch.testing.assert_close(step.pose, first.pose, rtol=0, atol=0)
        torch.testing.assert_close(step.alpha_exp_logits, first.alpha_exp_logits, rtol=0, atol=0)
        torch.testing.assert_close(step.shape, first.shape, rtol=0, atol=0)


@torch.no_grad()
@pytest.mark.parametrize("name", ["mean", "mean+pose-exp", "mean-but-identity"])
def test_the_mean_start_is_the_training_sets_mean(make: Make, name: str) -> None:
    """In crop units, for every picture; the steps then tell pictures apart."""
    network = make(name)
    output = network(pictures())
    first, last = output.steps[0], output.steps[-1]
    refinement = network.refinement
    torch.testing.assert_close(refinement.denormalise(first.pose), refinement.pose_mean.expand(3, 7), rtol=0, atol=0)
    torch.testing.assert_close(first.alpha_exp_logits, network.logit_mean.expand(3, 46), rtol=0, atol=0)
    assert (last.pose[0] - last.pose[1]).abs().max() > 1e-3
    spread = output.alpha_id.std(0).max()
    assert spread > 1e-3 if name == "mean-but-identity" else not output.alpha_id.any()


@torch.no_grad()
@pytest.mark.parametrize("name", ["pose-exp", "mean+pose-exp"])
def test_pose_exp_has_no_compensation(make: Make, name: str) -> None:
    network = make(name)
    for step in network(pictures()).steps:
        torch.testing.assert_close(step.shape, step.projected_shape, rtol=0, atol=0)
    assert not any("c_lstm" in name for name in network.state_dict())


@torch.no_grad()
def test_feedback_tells_the_3d_face_what_was_compensated(make: Make) -> None:
    """From the second step on, and a network that learned without it says the same until it has learned with it."""
    with_it, without = make("dual"), make("no-feedback")
    feedback = with_it.refinement.pe_lstm.feedback.weight
    feedback.zero_()
    with_it.load_state_dict(without.state_dict() | {"refinement.pe_lstm.feedback.weight": feedback})
    image = pictures()
    before = without(image).steps
    for a, b in zip(with_it(image).steps, before, strict=True):
        torch.testing.assert_close(a.pose, b.pose, rtol=0, atol=0)
    torch.nn.init.normal_(feedback)
    after = with_it(image).steps
    torch.testing.assert_close(after[1].pose, before[1].pose, rtol=0, atol=0)  # nothing was compensated before
    assert (after[2].pose - before[2].pose).abs().max() > 1e-3


@torch.no_grad()
def test_shared_projection_equals_equal_projections(make: Make) -> None:
    shared, own = make("shared"), make("dual")
    assert [len(unit.projections) for unit in shared.modules() if isinstance(unit, RecurrentUnit)] == [1, 1]
    weights = shared.state_dict()
    own.load_state_dict({name: weights[name.replace("projections.1", "projections.0")] for name in own.state_dict()})
    image = pictures()
    for a, b in zip(shared(image).steps, own(image).steps, strict=True):
        torch.testing.assert_close(a.shape, b.shape, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_flow_where_they_should(make: Make, name: str) -> None:
    """Every weight learns, but the heads that are not asked do not: there a picture says nothing."""
    network = make(name).train()
    output = network(pictures())
    landmarks = sum(step.shape.square().sum() + step.projected_shape.square().sum() for step in output.steps[1:])
    (landmarks + output.confidence_logit.sum()).backward()
    still = {name for name, p in network.named_parameters() if p.grad is None}
    told = {"mean": (), "mean+pose-exp": (), "mean-but-identity": ("identity",)}
    mean = {"identity", "pose", "expression"} - set(told.get(name, ("identity", "pose", "expression")))
    assert still == {f"parameter_init.{head}.0.{kind}" for head in mean for kind in ("weight", "bias")}
    moved = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    learned = {part.split(".")[0] for part in moved}
    assert {"backbone", "deconv", "refinement", "confidence"} <= learned
    assert ("parameter_init" in learned) == (len(mean) < 3)


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_checkpoint_round_trip(make: Make, tiny_config: RdrConfig, tmp_path: Path, name: str) -> None:
    network, variant, path = make(name), make_variant(name, tiny_config), tmp_path / "w.safetensors"
    save_checkpoint(path, variant.config, prefixed("network.", network), {})
    checkpoint = load_checkpoint(path)
    assert checkpoint.config == variant.config
    again, image = network_from_checkpoint(checkpoint, path), pictures()
    torch.testing.assert_close(again(image).steps[-1].shape, network(image).steps[-1].shape, rtol=0, atol=0)


def test_export(make: Make, tiny_config: RdrConfig, tmp_path: Path) -> None:
    """onnxruntime says what torch says; every other part at once, as an export takes seconds."""
    name, path = "mean+pose-exp+shared", tmp_path / "w.safetensors"
    image = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    save_checkpoint(path, make_variant(name, tiny_config).config, prefixed("network.", make(name)), {})
    stored, graph = export(path, tmp_path / "net")
    ours, theirs = OnnxPredictor(graph).run(image), RDRPredictor(stored).run(image)
    for output in ("shapes", "projected_shapes", "landmarks_3d"):
        assert np.abs(ours[output] - theirs[output]).max() * 64 < 1e-3, output
    np.testing.assert_allclose(ours["alpha_id"], theirs["alpha_id"], atol=1e-4)
    assert ours["shapes"].shape == (3, 3, 68, 2)


def test_fewer_steps_of_a_shared_projection(make: Make, tiny_config: RdrConfig, tmp_path: Path) -> None:
    """What `rdr export --steps` cuts off leaves the one projection."""
    network, variant = make("shared+k-3"), make_variant("shared+k-3", tiny_config)
    save_checkpoint(tmp_path / "w.safetensors", variant.config, prefixed("network.", network), {})
    short = network_from_checkpoint(first_steps(load_checkpoint(tmp_path / "w.safetensors"), 1))
    with torch.no_grad():
        found, expected = short(pictures()).steps, network(pictures(), steps=1).steps
    torch.testing.assert_close(found[-1].shape, expected[-1].shape, rtol=0, atol=0)
    assert len(found) == 2


@torch.no_grad()
def test_checkpoints_of_before_load(make: Make, tiny_config: RdrConfig, tmp_path: Path) -> None:
    """Their header knows nothing of variants: they are the whole network, as the paper has it."""
    network = make("no-feedback")
    config = {name: value for name, value in asdict(tiny_config).items()
              if name not in ("start", "refinement", "feedback", "shared_projection")}  # fmt: skip
    header = {"schema_version": "1", "config": json.dumps(config), "info": "{}"}
    save_file(prefixed("network.", network), tmp_path / "old.safetensors", header)
    checkpoint = load_checkpoint(tmp_path / "old.safetensors")
    assert checkpoint.config == replace(tiny_config, feedback=False)
    assert (checkpoint.config.start, checkpoint.config.refinement) == ("direct", "dual")
    image = pictures()
    found = network_from_checkpoint(checkpoint)(image).steps[-1].shape
    torch.testing.assert_close(found, network(image).steps[-1].shape, rtol=0, atol=0)


def test_a_checkpoint_of_no_known_variant(tiny_config: RdrConfig, tmp_path: Path) -> None:
    config = json.dumps(asdict(tiny_config) | {"start": "somewhere"})
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(3)}, path, {"schema_version": "1", "config": config, "info": "{}"})
    with pytest.raises(AssetError, match="start is one of direct, mean, mean_but_identity, got 'somewhere'"):
        load_checkpoint(path)


def test_names(tiny_config: RdrConfig) -> None:
    assert make_variant("dual", tiny_config).config == tiny_config
    labels = [make_variant(name, tiny_config).label for name in (*FIGURE_4, "mean+pose-exp", "k-5", "shared+k-1")]
    assert labels == ["Direct-Dual", "Mean-Dual", "Direct-PoseExp", "Mean-PoseExp", "Direct-Dual (k-5)",
                      "Direct-Dual (shared, k-1)"]  # fmt: skip
    assert make_variant("deconv-8-4", tiny_config).config == replace(tiny_config, deconv_channels=(8, 4))
    assert make_variant("mean+k-7", tiny_config).config == replace(tiny_config, start="mean", steps=7)


@pytest.mark.parametrize("name", ["", "Dual", "k-", "k--1", "deconv-", "deconv-8-", "mean+", "../x"])
def test_no_such_name(tiny_config: RdrConfig, name: str) -> None:
    with pytest.raises(
        ConfigError, match=r"no variant .* there are dual, mean, mean-but-identity, pose-exp, no-feedback"
    ):
        make_variant(name, tiny_config)


@pytest.mark.parametrize("name", ["k-0", "deconv-0", "deconv-8-8-8-8-8-8"])
def test_no_such_network(tiny_config: RdrConfig, name: str) -> None:
    with pytest.raises(ConfigError, match="positive"):
        make_variant(name, tiny_config)
