"""Checkpoints: safetensors whose header carries the configuration; the training set's statistics are buffers inside."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from rdr_core.atomic import whole_file
from rdr_core.errors import AssetError, ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.fingerprint import check_face_model, name_in_use
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.training.compact import expand

logger = logging.getLogger(__name__)

SCHEMA_VERSION = "1"


@dataclass(frozen=True)
class Checkpoint:
    """A file's content."""

    config: RdrConfig
    tensors: dict[str, Tensor]
    info: dict[str, Any]
    """What the writer said of it: step, training configuration, data, licence."""


def save_checkpoint(path: Path, config: RdrConfig, tensors: dict[str, Tensor], info: dict[str, Any]) -> None:
    """Write a checkpoint; it appears only when it is whole."""
    if (name := name_in_use()) is not None:
        info = {"face_model": name} | info
    header = {"schema_version": SCHEMA_VERSION, "config": json.dumps(asdict(config)), "info": json.dumps(info)}
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, header)
    with whole_file(path) as temporary:
        temporary.write_bytes(content)  # save_file would make it readable by its owner alone


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; AssetError where the file is missing, truncated or of another format."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = expand({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - not a dict
    except FileNotFoundError as error:
        raise AssetError(f"{path}: no such weights file") from error
    except (OSError, SafetensorError) as error:
        raise AssetError(f"{path}: not a whole weights file ({error}); fetch or train it again") from error
    if header.get("schema_version") != SCHEMA_VERSION:
        found = header.get("schema_version", "none")
        raise AssetError(
            f"{path}: weights of schema {found}, this program reads {SCHEMA_VERSION}; train or export them again"
        )
    try:
        config = json.loads(header["config"])
        config["deconv_channels"] = tuple(config["deconv_channels"])
        unknown = set(config) - {field.name for field in fields(RdrConfig)}
        if unknown:
            raise KeyError(f"unknown settings {sorted(unknown)}")
        return Checkpoint(RdrConfig(**config), tensors, json.loads(header.get("info", "{}")))
    except (KeyError, TypeError, ValueError) as error:
        raise AssetError(f"{path}: its configuration cannot be read ({error}); train or export it again") from error


def network_from_checkpoint(
    checkpoint: Checkpoint,
    path: Path | str = "checkpoint",
    prefix: str = "network.",
    model: DynamicExpressionModel | None = None,
) -> RDR:
    """Build the network of a checkpoint, in evaluation mode, on the face model in use or on `model`.

    AssetError where it was made for another.
    """
    if model is None:
        check_face_model(checkpoint.info, path)
    network = build_rdr(checkpoint.config, model)
    weights = {name[len(prefix) :]: t.float() for name, t in checkpoint.tensors.items() if name.startswith(prefix)}
    expected = network.state_dict()
    wrong = [name for name, tensor in expected.items() if name not in weights or weights[name].shape != tensor.shape]
    if wrong or len(weights) != len(expected):
        raise AssetError(
            f"{path}: weights do not fit the network ({len(wrong)} tensors are missing or of another shape)"
        )
    network.load_state_dict({name: weights[name].to(tensor.dtype) for name, tensor in expected.items()})
    return network.eval()


def prefixed(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """State of a module under names that start with `prefix`."""
    return {prefix + name: tensor for name, tensor in module.state_dict().items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten the optimiser's state (momenta) into named tensors."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{index}.{key}": torch.as_tensor(value)
        for index, entry in state.items()
        for key, value in entry.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Inverse of `optimizer_tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def load_weights(network: RDR, tensors: dict[str, Tensor], path: Path, prefix: str = "network.") -> None:
    """Load what has the same name and shape; AssetError where nothing has."""
    own = network.state_dict()
    found = {n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)}
    fitting = {n: t for n, t in found.items() if n in own and own[n].shape == t.shape}
    if not fitting:
        raise AssetError(f"{path}: none of its weights fit this network; is it of another preset?")
    network.load_state_dict(own | fitting)


def resume(
    path: Path,
    network: RDR,
    average: RDR,
    optimizer: torch.optim.Optimizer,
    network_config: RdrConfig,
    info: dict[str, Any],
) -> int:
    """Continue from `path` where it exists; returns the step to go on with."""
    if not path.exists():
        return 0
    checkpoint = load_checkpoint(path)
    if checkpoint.config != network_config:
        raise ConfigError(f"{path} is of another network ({checkpoint.config}); give another --out or delete it")
    if checkpoint.info.get("data") != info.get("data"):
        logger.warning("%s: went so far with other data (%s)", path, checkpoint.info.get("data"))
    load_weights(network, checkpoint.tensors, path)
    load_weights(average, checkpoint.tensors, path, "average.")
    restore_optimizer(optimizer, checkpoint.tensors)
    return int(checkpoint.info["step"])
