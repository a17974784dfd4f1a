"""Variants in their folders: trained once, measured once, and never mixed with those of another recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rdr_core.data.shard_set import ShardSet
from rdr_core.errors import AssetError, ConfigError
from rdr_core.evaluation.ablation import W300_3D, Benchmarks
from rdr_core.evaluation.ablation_runs import Recipe, Run, Trunk
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.modeling.variants import make_variant
from rdr_core.training.checkpoint import load_checkpoint, load_weights, prefixed, save_checkpoint
from rdr_core.training.config import TrainConfig
from rdr_core.training.sources import ShardFaces

CONFIG = TrainConfig(steps=3, batch_size=2, every=3, validation=2, warmup=1, device="cpu", bf16=False, threads=1)


@pytest.fixture
def recipe(write_set: Any, tmp_path: Path) -> Recipe:
    shards = ShardFaces(ShardSet.open(str(write_set(tmp_path / "set"))))
    return Recipe(CONFIG, [(shards, 1.0)], (), {"preset": "live", "data": ["drawn"], "licence": "mine"})


class Stop:
    """Ctrl-C after a step."""

    def __call__(self, done: int, values: dict[str, float]) -> None:
        if done:
            raise KeyboardInterrupt


def ignore(done: int, values: dict[str, float]) -> None:
    """Show nothing."""


def test_a_variant_is_trained_once_and_measured_once(
    recipe: Recipe, tiny_config: RdrConfig, benchmark_folder: Path, tmp_path: Path
) -> None:
    variant, folder = make_variant("mean+pose-exp", tiny_config), tmp_path / "run"
    run = Run(folder, variant, recipe)
    assert (run.done, run.trained) == (0, False)
    with pytest.raises(KeyboardInterrupt):
        run.train(Stop())
    run = Run(folder, variant, recipe)
    assert (run.done, run.trained) == (2, False)
    run.train(ignore)
    assert run.trained
    assert load_checkpoint(run.weights).config == variant.config
    assert load_checkpoint(run.weights).info["variant"] == "mean+pose-exp"
    content = run.weights.read_bytes()
    looked = []
    result = run.measured(Benchmarks(benchmark_folder), lambda: looked.append(1))
    assert len(looked) == 5
    assert (result.name, result.label, len(result.curves[W300_3D])) == ("mean+pose-exp", "Mean-PoseExp", 3)
    again = Run(folder, variant, recipe)
    again.train(Stop())
    stored = again.measured(Benchmarks(benchmark_folder), lambda: looked.append(1))
    assert str(stored) == str(result)  # a bin without faces is NaN, which does not equal itself
    assert len(looked) == 5
    assert run.weights.read_bytes() == content
    (folder / "measured.json").write_text('{"result": ')  # cut short
    assert str(again.measured(Benchmarks(benchmark_folder), lambda: looked.append(1)).curves) == str(result.curves)
    assert len(looked) == 10


def test_other_recipes_are_refused(recipe: Recipe, tiny_config: RdrConfig, tmp_path: Path) -> None:
    """Also where a folder was renamed; what does not change the weights may differ."""
    variant, folder = make_variant("dual", tiny_config), tmp_path / "run"
    Run(folder, variant, recipe).train(ignore)
    assert Run(folder, variant, replace(recipe, config=replace(CONFIG, threads=2, workers=2))).trained
    for other, what in (
        (replace(recipe, config=replace(CONFIG, seed=1)), "train"),
        (replace(recipe, info=recipe.info | {"data": ["others"]}), "data"),
        (replace(recipe, trunk=Trunk.read(folder / "weights.safetensors")), "trunk"),
    ):
        with pytest.raises(ConfigError, match=rf"holds a variant trained otherwise \({what}\): give another --out"):
            Run(folder, variant, other)
    with pytest.raises(ConfigError, match=r"trained otherwise \(variant\)"):
        Run(folder, make_variant("mean", tiny_config), recipe)
    with pytest.raises(ConfigError, match=r"trained otherwise \(network\)"):
        Run(folder, make_variant("dual", replace(tiny_config, hidden=16)), recipe)


def test_time_that_is_over(recipe: Recipe, tiny_config: RdrConfig, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", make_variant("dual", tiny_config), recipe)
    run.train(ignore, minutes=1e-6)
    assert 0 < run.done < 3
    assert not run.trained


def test_trunk(tiny_network: RDR, tiny_config: RdrConfig, tmp_path: Path) -> None:
    """Trunk and deconvolutions are taken over as far as they fit; heads, LSTMs and statistics start afresh."""
    save_checkpoint(tmp_path / "w.safetensors", tiny_config, prefixed("network.", tiny_network), {})
    path = Trunk.read(tmp_path / "w.safetensors").write(tmp_path / "trunk.safetensors")
    theirs = tiny_network.state_dict()
    for name in ("dual", "mean", "deconv-32-16-8"):
        torch.manual_seed(5)
        network = build_rdr(make_variant(name, tiny_config).config)
        fresh = {key: tensor.clone() for key, tensor in network.state_dict().items()}
        load_weights(network, load_checkpoint(path).tensors, path)
        for key, tensor in network.state_dict().items():
            of_trunk = key.startswith(("backbone.", "deconv.")) and key in theirs
            torch.testing.assert_close(tensor, theirs[key] if of_trunk else fresh[key], rtol=0, atol=0)
    with pytest.raises(AssetError, match="no such weights file"):
        Trunk.read(tmp_path / "none.safetensors")


def test_facts_are_those_of_the_file(recipe: Recipe, tiny_config: RdrConfig) -> None:
    facts = replace(recipe, info={"data": ("a", "b")}).facts(make_variant("dual", tiny_config))
    assert facts == {"data": ["a", "b"], "variant": "dual", "trunk": None} == json.loads(json.dumps(facts))
