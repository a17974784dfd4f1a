"""Export to ONNX. The graph file holds no network weights: it points into the safetensors file beside it (bytes and
half floats, see `rdr_core/training/compact.py`)."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from onnx.numpy_helper import to_array

from rdr_core.atomic import whole_file
from rdr_core.errors import AssetError, ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.inference.decode import OUTPUTS
from rdr_core.inference.precision import int8_graph
from rdr_core.inference.predictor import InferenceGraph
from rdr_core.inference.stored_tensors import StoredTensors
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import Checkpoint, load_checkpoint, network_from_checkpoint, save_checkpoint
from rdr_core.training.compact import compact

_PREFIX = "network."


def export(weights: Path, out: Path, steps: int | None = None) -> tuple[Path, Path]:
    """Write OUT.safetensors (compact) and OUT.onnx from a checkpoint; returns both paths.

    steps: keep only the first K' refinement steps, which then are the whole of a faster network.
    """
    stored, graph = (out.with_name(out.name + ending) for ending in (".safetensors", ".onnx"))
    if stored.resolve() == weights.resolve():
        raise ConfigError(f"{weights} would be overwritten by its compact form: give another --out")
    return write_network(first_steps(load_checkpoint(weights), steps), out)


def write_network(
    checkpoint: Checkpoint, out: Path, face_model: DynamicExpressionModel | None = None
) -> tuple[Path, Path]:
    """Write OUT.safetensors (compact) and OUT.onnx of a checkpoint's network; returns both paths.

    face_model: that it was trained or made for; the one in use by default.
    """
    stored, graph = (out.with_name(out.name + ending) for ending in (".safetensors", ".onnx"))
    int8_graph(graph).unlink(missing_ok=True)  # of what is replaced now
    tensors = compact({name: tensor for name, tensor in checkpoint.tensors.items() if name.startswith(_PREFIX)})
    save_checkpoint(stored, checkpoint.config, tensors, checkpoint.info)
    model = trace(network_from_checkpoint(load_checkpoint(stored), stored, model=face_model))
    constants = StoredTensors(stored).share(copy_of(model))
    tensors |= {f"constants.{tensor.name}": torch.from_numpy(to_array(tensor).copy()) for tensor in constants}
    save_checkpoint(stored, checkpoint.config, tensors, checkpoint.info)
    save_graph(model, stored, graph)
    return stored, graph


def first_steps(checkpoint: Checkpoint, steps: int | None) -> Checkpoint:
    """Cut a checkpoint to its first refinement steps: a prefix of K gives the same states (Algorithm 1)."""
    trained = checkpoint.config.steps
    if steps is None or steps == trained:
        return checkpoint
    if not 1 <= steps < trained:
        raise ConfigError(f"this network has {trained} refinement steps, {steps} were asked for")
    later = tuple(f".projections.{k}." for k in range(steps, trained))
    kept = {name: tensor for name, tensor in checkpoint.tensors.items() if not any(part in name for part in later)}
    return Checkpoint(replace(checkpoint.config, steps=steps), kept, checkpoint.info | {"trained_steps": trained})


def trace(network: RDR) -> onnx.ModelProto:
    """Return the graph of a network, with its weights in it."""
    size = network.crop_size
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            InferenceGraph(network).eval(),
            (torch.rand(2, 3, size, size),),
            dynamo=True,
            input_names=["image"],
            output_names=list(OUTPUTS),
            dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1, max=64)}},
            opset_version=20,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise AssetError("the exporter gave no graph")
    return program.model_proto


def save_graph(model: onnx.ModelProto, weights: Path, graph: Path) -> None:
    """Write a graph whose large tensors lie in a safetensors file in the same folder."""
    StoredTensors(weights).share(model)
    with whole_file(graph) as temporary:
        onnx.save_model(model, str(temporary))


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a graph."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
