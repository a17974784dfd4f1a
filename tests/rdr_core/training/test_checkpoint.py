"""Checkpoints: what is written is read; what is broken is said in one line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rdr_core.errors import AssetError
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import (
    load_checkpoint,
    network_from_checkpoint,
    optimizer_tensors,
    prefixed,
    restore_optimizer,
    save_checkpoint,
)

INFO = {"step": 12, "licence": "research-only", "nested": {"a": [1, 2]}}


@pytest.fixture
def written(tiny_network: RDR, tiny_config: RdrConfig, tmp_path: Path) -> Path:
    path = tmp_path / "new" / "weights.safetensors"
    save_checkpoint(path, tiny_config, prefixed("network.", tiny_network), INFO)
    return path


@torch.no_grad()
def test_round_trip(written: Path, tiny_network: RDR, tiny_config: RdrConfig) -> None:
    checkpoint = load_checkpoint(written)
    assert checkpoint.config == tiny_config
    assert checkpoint.info == INFO
    network = network_from_checkpoint(checkpoint, written)
    assert not network.training
    for name, tensor in tiny_network.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], tensor, rtol=0, atol=0)
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(network(image).steps[-1].shape, tiny_network(image).steps[-1].shape, rtol=0, atol=0)
    assert [path.name for path in written.parent.iterdir()] == ["weights.safetensors"]


def test_half_floats_are_widened(tiny_network: RDR, tiny_config: RdrConfig, tmp_path: Path) -> None:
    halves = {n: t.half() if t.is_floating_point() else t for n, t in prefixed("network.", tiny_network).items()}
    save_checkpoint(tmp_path / "half.safetensors", tiny_config, halves, {})
    network = network_from_checkpoint(load_checkpoint(tmp_path / "half.safetensors"))
    assert all(p.dtype == torch.float32 for p in network.parameters())


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 5_000, -4])
def test_truncated_file(written: Path, kept: int) -> None:
    written.write_bytes(written.read_bytes()[:kept])
    with pytest.raises(AssetError, match="not a whole weights file") as caught:
        load_checkpoint(written)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff" * 64, b"PK\x03\x04" + b"\0" * 200, b"\x80\x04\x95" + b"q" * 90])
def test_garbage(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(AssetError, match="not a whole weights file"):
        load_checkpoint(tmp_path / "w.safetensors")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no such weights file"):
        load_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(AssetError):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({}, "weights of schema none, this program reads 1"),
        ({"schema_version": "9"}, "weights of schema 9"),
        ({"schema_version": "1"}, "its configuration cannot be read"),
        ({"schema_version": "1", "config": "{"}, "its configuration cannot be read"),
        ({"schema_version": "1", "config": "[]"}, "its configuration cannot be read"),
        ({"schema_version": "1", "config": '{"deconv_channels": [8], "colour": 1}'}, "unknown settings"),
        ({"schema_version": "1", "config": '{"deconv_channels": 3}'}, "its configuration cannot be read"),
    ],
)
def test_files_of_other_programs(header: dict[str, str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(3)}, path, header)
    with pytest.raises(AssetError, match=message) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_absurd_configuration(tiny_config: RdrConfig, tmp_path: Path) -> None:
    config = json.dumps(asdict(tiny_config) | {"crop_size": -5})
    save_file(
        {"a": torch.zeros(3)}, tmp_path / "a.safetensors", {"schema_version": "1", "config": config, "info": "{}"}
    )
    with pytest.raises(AssetError, match="its configuration cannot be read"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_weights_that_do_not_fit(tiny_network: RDR, tiny_config: RdrConfig, tmp_path: Path) -> None:
    tensors = prefixed("network.", tiny_network)
    name = "network.refinement.pe_lstm.output.bias"
    for wrong in (
        {n: t for n, t in tensors.items() if n != name},
        tensors | {name: torch.zeros(3)},
        tensors | {"network.more": torch.zeros(3)},
    ):
        save_checkpoint(tmp_path / "w.safetensors", tiny_config, wrong, {})
        with pytest.raises(AssetError, match="weights do not fit the network"):
            network_from_checkpoint(load_checkpoint(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_optimiser_state_round_trip(kind: str, tiny_config: RdrConfig, tmp_path: Path) -> None:
    network = build_rdr(tiny_config)
    optimizers = [
        torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        if kind == "sgd"
        else torch.optim.AdamW(network.parameters(), lr=0.1)
        for _ in range(2)
    ]
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizers[0].step()
    save_checkpoint(tmp_path / "o.safetensors", tiny_config, optimizer_tensors(optimizers[0]), {})
    restore_optimizer(optimizers[1], load_checkpoint(tmp_path / "o.safetensors").tensors)
    ours, theirs = (o.state_dict()["state"] for o in optimizers)
    assert ours.keys() == theirs.keys()
    for index, entry in ours.items():
        for key, value in entry.items():
            torch.testing.assert_close(theirs[index][key], value, rtol=0, atol=0)
