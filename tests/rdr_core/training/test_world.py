"""Two processes that train together do what one does with the whole batch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rdr_core.data.shard_set import ShardSet
from rdr_core.errors import ConfigError
from rdr_core.modeling.build import RdrConfig
from rdr_core.training.checkpoint import load_checkpoint
from rdr_core.training.config import TrainConfig
from rdr_core.training.loop import train
from rdr_core.training.sources import ShardFaces
from rdr_core.training.world import SharedBatchNorm, World, share_statistics

CONFIG = TrainConfig(
    steps=6, batch_size=4, every=3, validation=2, warmup=2, device="cpu", bf16=False, no_face=0.3, optimizer="adamw",
    peak_lr=1e-3, threads=1,
)  # fmt: skip

PROGRAM = """
import dataclasses, json, sys
from pathlib import Path
from rdr_core.data.shard_set import ShardSet
from rdr_core.modeling.build import RdrConfig
from rdr_core.training.config import TrainConfig
from rdr_core.training.loop import train
from rdr_core.training.sources import ShardFaces

network, config, shards, out, minutes = json.loads(sys.argv[1])
network["deconv_channels"] = tuple(network["deconv_channels"])
losses = []
train(
    RdrConfig(**network), TrainConfig(**config), [(ShardFaces(ShardSet.open(shards)), 1)], (), Path(out), {},
    progress=lambda done, values: losses.append(values["total"]), minutes=minutes,
)
if losses:
    Path(out, "losses.json").write_text(json.dumps(losses[1:]))
"""
"""What torchrun starts, twice."""


@pytest.fixture
def small(tiny_config: RdrConfig) -> RdrConfig:
    return replace(tiny_config, width=4, deconv_channels=(8,), hidden=8)


def plain(config: Any) -> dict[str, Any]:
    """A configuration without its default parts, as JSON."""
    return {name: value for name, value in vars(config).items() if name not in ("loss", "augment")}


def run_two(network: RdrConfig, config: TrainConfig, shards: Path, out: Path, minutes: float | None = None) -> None:
    """Start two processes as torchrun does; both must end well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argument = json.dumps([plain(network), plain(config), str(shards), str(out), minutes])
    processes = []
    for rank in range(2):
        environment = os.environ | {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [sys.executable, "-c", PROGRAM, argument]
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for process in processes:
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors


def test_two_processes_learn_what_one_learns(small: RdrConfig, write_set: Any, tmp_path: Path) -> None:
    shards = write_set(tmp_path / "set")
    losses: list[float] = []
    train(
        small, CONFIG, [(ShardFaces(ShardSet.open(str(shards))), 1)], (), tmp_path / "one", {},
        progress=lambda done, values: losses.append(values["total"]),
    )  # fmt: skip
    run_two(small, CONFIG, shards, tmp_path / "two")
    together = json.loads((tmp_path / "two" / "losses.json").read_text())
    assert together == pytest.approx(losses[1:], rel=1e-4)
    one, two = (load_checkpoint(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    assert one.tensors.keys() == two.tensors.keys()
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(two.tensors[name], tensor, rtol=1e-2, atol=1e-3)
    assert two.info["step"] == 6


def test_two_processes_stop_in_time_and_go_on(small: RdrConfig, write_set: Any, tmp_path: Path) -> None:
    """A time that is over at once stops both after a step; started again they end as if never stopped."""
    shards = write_set(tmp_path / "set")
    run_two(small, CONFIG, shards, tmp_path / "stopped", minutes=1e-6)
    done = load_checkpoint(tmp_path / "stopped" / "last.safetensors").info["step"]
    assert 1 <= done < CONFIG.steps
    run_two(small, CONFIG, shards, tmp_path / "stopped")
    run_two(small, CONFIG, shards, tmp_path / "whole")
    stopped, whole = (load_checkpoint(tmp_path / name / "last.safetensors") for name in ("stopped", "whole"))
    for name, tensor in whole.tensors.items():
        torch.testing.assert_close(stopped.tensors[name], tensor, rtol=0, atol=0)


def test_batches_are_shared_evenly() -> None:
    assert World(1, 4).share(32) == 8
    with pytest.raises(ConfigError, match="30 crops cannot be shared among 4 processes"):
        World(1, 4).share(30)
    assert World().leads
    assert not World(1, 2).leads
    assert float(World().sum(torch.tensor(3.0))) == 3


def test_norms_are_exchanged_with_their_state() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Sequential(nn.BatchNorm2d(5)))
    norm = network[1][0]
    norm.running_mean.fill_(7)
    share_statistics(network, torch.device("cpu"))
    assert isinstance(network[1][0], SharedBatchNorm)
    assert network[1][0].running_mean.tolist() == [7] * 5
    network.eval()
    torch.testing.assert_close(network[1][0](torch.ones(2, 5, 4, 4)), norm.eval()(torch.ones(2, 5, 4, 4)))
