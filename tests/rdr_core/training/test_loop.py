"""The loop on a tiny network: it learns, stops, goes on bit for bit, and says what is wrong."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rdr_core.data.augment import AugmentConfig, Stray
from rdr_core.data.shard_set import ShardSet
from rdr_core.errors import AssetError, ConfigError
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import load_checkpoint, network_from_checkpoint
from rdr_core.training.config import TrainConfig
from rdr_core.training.loop import make_optimizer, train, update_average
from rdr_core.training.sources import FittedFaces, ShardFaces
from rdr_core.training.statistics import set_statistics
from rdr_core.training.world import pick_device

CONFIG = TrainConfig(steps=6, batch_size=4, every=3, validation=2, warmup=2, device="cpu", bf16=False, no_face=0.3)


@pytest.fixture
def data(drawn_faces: Any) -> FittedFaces:
    return FittedFaces(drawn_faces.samples, drawn_faces.fits)


@pytest.fixture
def small(tiny_config: RdrConfig) -> RdrConfig:
    return replace(tiny_config, width=4, deconv_channels=(8,), hidden=8)


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(path).tensors


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_resumed_run_equals_an_uninterrupted_one(
    data: FittedFaces, small: RdrConfig, tmp_path: Path, optimizer: Any
) -> None:
    """Stopped by Ctrl-C between checkpoints and started again: the same bits as without the stop."""
    config = replace(CONFIG, optimizer=optimizer)
    whole = train(small, config, [(data, 1)], (), tmp_path / "whole", {})
    with pytest.raises(KeyboardInterrupt):
        train(small, config, [(data, 1)], (), tmp_path / "stopped", {}, progress=StopAfter(4))
    assert load_checkpoint(tmp_path / "stopped" / "last.safetensors").info["step"] == 5
    resumed = train(small, config, [(data, 1)], (), tmp_path / "stopped", {})
    for name in ("last.safetensors", "weights.safetensors"):
        expected, found = tensors(whole.parent / name), tensors(resumed.parent / name)
        assert expected.keys() == found.keys()
        for key in expected:
            assert torch.equal(expected[key], found[key]), key
    assert load_checkpoint(resumed).info["step"] == 6


@pytest.mark.parametrize("with_faces", [True, False])
def test_resumed_run_on_shards(
    data: FittedFaces, small: RdrConfig, write_set: Any, tmp_path: Path, with_faces: bool
) -> None:
    """A mixture drawn in the thread, then by two processes from the middle: the bits of an uninterrupted run."""
    shards = ShardFaces(ShardSet.open(str(write_set(tmp_path / "set"))))
    sources = [(data, 0.5), (shards, 0.5)] if with_faces else [(shards, 1.0)]
    whole = train(small, CONFIG, sources, (), tmp_path / "whole", {})
    with pytest.raises(KeyboardInterrupt):
        train(small, CONFIG, sources, (), tmp_path / "stopped", {}, progress=StopAfter(2))
    resumed = train(small, replace(CONFIG, workers=2), sources, (), tmp_path / "stopped", {})
    for key, tensor in tensors(whole).items():
        assert torch.equal(tensor, tensors(resumed)[key]), key
    assert load_checkpoint(resumed).info["validation"]["nme_s2"] > 0


class StopAfter:
    """Ctrl-C after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self, done: int, losses: dict[str, float]) -> None:
        self.left -= done
        if done and not self.left:
            raise KeyboardInterrupt


def test_time_is_kept(data: FittedFaces, small: RdrConfig, tmp_path: Path) -> None:
    """A time that is over stops the run with a checkpoint; the same call goes on to the bits of a whole run."""
    whole = train(small, CONFIG, [(data, 1)], (), tmp_path / "whole", {})
    stopped = train(small, CONFIG, [(data, 1)], (), tmp_path / "stopped", {}, minutes=1e-6)
    assert 1 <= load_checkpoint(stopped).info["step"] < CONFIG.steps
    assert load_checkpoint(stopped).info["validation"]["nme_s2"] > 0
    resumed = train(small, CONFIG, [(data, 1)], (), tmp_path / "stopped", {}, minutes=30)
    assert load_checkpoint(resumed).info["step"] == CONFIG.steps
    for key, tensor in tensors(whole).items():
        assert torch.equal(tensor, tensors(resumed)[key]), key
    with pytest.raises(ConfigError, match="minutes must be positive"):
        train(small, CONFIG, [(data, 1)], (), tmp_path / "none", {}, minutes=0)


def test_curriculum_teaches_later_steps_later(data: FittedFaces, small: RdrConfig, tmp_path: Path) -> None:
    config = replace(CONFIG, curriculum=6, ema=0.0, weight_decay=0.0)
    path = train(small, replace(config, steps=3), [(data, 1)], (), tmp_path, {})
    fresh = tensors(train(small, replace(config, steps=1, peak_lr=1e-12), [(data, 1)], (), tmp_path / "fresh", {}))
    moved = {
        name: float((tensor - fresh[name]).abs().max())
        for name, tensor in tensors(path).items()
        if ".pe_lstm.projections." in name and name.endswith("weight")
    }
    first, second = (moved[f"network.refinement.pe_lstm.projections.{k}.weight"] for k in range(2))
    assert first > 1e-6 > second


def test_other_data_is_noticed(
    data: FittedFaces, small: RdrConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = replace(CONFIG, steps=1, every=1)
    train(small, short, [(data, 1)], (), tmp_path, {"data": ["one"]})
    for text, warned in (("one", False), ("another", True)):
        caplog.clear()
        train(small, short, [(data, 1)], (), tmp_path, {"data": [text]})
        assert ("went so far with other data" in caplog.text) == warned


def test_labels_of_another_face_model(drawn_faces: Any, small: RdrConfig, tmp_path: Path) -> None:
    other = replace(drawn_faces.exact, alpha_id=drawn_faces.exact.alpha_id[:, :9])
    with pytest.raises(ConfigError, match=r"\d\.png: a label of 9 identity and 46 .* has 50 and 46"):
        train(small, CONFIG, [(FittedFaces(drawn_faces.samples, other), 1)], (), tmp_path, {})


def test_run_folder(data: FittedFaces, small: RdrConfig, tmp_path: Path) -> None:
    seen: list[tuple[int, dict[str, float]]] = []
    path = train(
        small,
        CONFIG,
        [(data, 1)],
        (),
        tmp_path / "run",
        {"licence": "mine"},
        progress=lambda n, values: seen.append((n, values)),
    )
    assert path == tmp_path / "run" / "weights.safetensors"
    assert sum(n for n, _ in seen) == 6
    assert all(np.isfinite(values["total"]) for _, values in seen[1:])
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["3", "6"]
    assert {"total", "lr", "ms_per_step", "nme_s0", "nme_s2", "nme_projected"} <= set(rows[0])
    for row in rows:
        assert float(row["pictures_per_s"]) == pytest.approx(4e3 / float(row["ms_per_step"]), rel=1e-4)
        assert 0 <= float(row["waiting"]) <= 1
    info = load_checkpoint(path).info
    assert info["licence"] == "mine"
    assert info["train"]["batch_size"] == 4
    assert info["validation"]["nme_s2"] > 0
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    assert not list((tmp_path / "run").glob("*.part*"))
    network_from_checkpoint(load_checkpoint(path), path)


def test_loss_falls(data: FittedFaces, small: RdrConfig, tmp_path: Path) -> None:
    losses: list[float] = []
    near = Stray(1, shift_std=0.01, scale_std=0.01, roll_std_rad=0.02, upright=0.6)
    mild = AugmentConfig(tracked=near, detected=near, loose=near, blur=0, gray=0, occlusion=0)
    config = replace(CONFIG, steps=60, every=60, optimizer="adamw", peak_lr=1e-2, augment=mild, ema=0.0, no_face=0.0)
    train(small, config, [(data, 1)], (), tmp_path, {}, progress=lambda n, values: losses.append(values["total"]))
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[1:11])


def test_a_diverged_run_stops(data: FittedFaces, small: RdrConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the loss is (nan|inf) at step \d+: lower --train.peak-lr"):
        train(small, replace(CONFIG, steps=40, peak_lr=1e30, warmup=1), [(data, 1)], (), tmp_path, {})


def test_start_from_other_weights(data: FittedFaces, small: RdrConfig, tiny_config: RdrConfig, tmp_path: Path) -> None:
    first = train(small, replace(CONFIG, steps=1, every=1), [(data, 1)], (), tmp_path / "a", {})
    slow = replace(CONFIG, steps=1, every=1, peak_lr=1e-9, ema=0.0, momentum=0.0)
    second = train(small, slow, [(data, 1)], (), tmp_path / "b", {}, start_from=first)
    name = "network.parameter_init.pose.3.weight"
    torch.testing.assert_close(tensors(second)[name], tensors(first)[name], atol=1e-6, rtol=0)
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"broken")
    with pytest.raises(AssetError, match="not a whole weights file"):
        train(small, slow, [(data, 1)], (), tmp_path / "c", {}, start_from=foreign)


def test_resuming_another_network(data: FittedFaces, small: RdrConfig, tmp_path: Path) -> None:
    train(small, replace(CONFIG, steps=1, every=1), [(data, 1)], (), tmp_path, {})
    with pytest.raises(ConfigError, match="is of another network"):
        train(replace(small, hidden=9), CONFIG, [(data, 1)], (), tmp_path, {})


def test_statistics_are_those_of_the_set(data: FittedFaces, small: RdrConfig) -> None:
    network = build_rdr(small)
    set_statistics(network, [data.label(position) for position in range(len(data))])
    rows = ~data.table.mirrored
    expression = torch.from_numpy(data.table.alpha_exp[rows].mean(axis=0)).clamp(1e-3, 1 - 1e-3)
    torch.testing.assert_close(torch.sigmoid(network.logit_mean), expression, atol=1e-5, rtol=0)
    identity = torch.from_numpy(data.table.alpha_id[rows].mean(axis=0))
    torch.testing.assert_close(network.identity_mean, identity, atol=1e-5, rtol=0)
    refinement = network.refinement
    assert refinement.pose_mean[1:3].tolist() == [0, 0]  # faces are flipped
    assert refinement.pose_std[5] == 1
    assert 0.3 < refinement.pose_mean[3] < 0.7
    assert refinement.pose_std.min() > 0


def test_weights_decay_and_biases_do_not(small: RdrConfig) -> None:
    network = build_rdr(small)
    for kind in ("sgd", "adamw"):
        groups = make_optimizer(network, replace(CONFIG, optimizer=kind)).param_groups  # type: ignore[arg-type]
        assert [group["weight_decay"] for group in groups] == [CONFIG.weight_decay, 0]
        assert all(p.ndim >= 2 for p in groups[0]["params"])
        assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    assert make_optimizer(network, CONFIG).defaults["momentum"] == 0.9  # the paper's


def test_running_average(tiny_network: RDR, tiny_config: RdrConfig) -> None:
    average = build_rdr(tiny_config)
    before = {name: tensor.clone() for name, tensor in average.state_dict().items()}
    update_average(average, tiny_network, 0.75)
    for name, tensor in average.state_dict().items():
        theirs = tiny_network.state_dict()[name]
        expected = 0.75 * before[name] + 0.25 * theirs if tensor.is_floating_point() else theirs
        torch.testing.assert_close(tensor, expected)


def test_device() -> None:
    assert pick_device("cpu").type == "cpu"
    if not torch.cuda.is_available():
        assert pick_device("auto").type == "cpu"
        with pytest.raises(ConfigError, match="sees no CUDA device"):
            pick_device("cuda:0")


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"batch_size": 0}, {"ema": 1.0}, {"no_face": 1.0}, {"peak_lr": 0.0}, {"warmup": 0}, {"workers": -1}],
)
def test_configuration(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        TrainConfig(**wrong)  # type: ignore[arg-type]
