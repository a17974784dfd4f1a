"""Export to ONNX. The graph file holds no network weights: it points into the safetensors file beside it (bytes and
half floats, see `rdr_core/training/compact.py`)."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rdr_core.atomic import whole_file
from rdr_core.errors import AssetError, ConfigError
from rdr_core.inference.decode import OUTPUTS
from rdr_core.inference.predictor import InferenceGraph
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import Checkpoint, load_checkpoint, network_from_checkpoint, save_checkpoint
from rdr_core.training.compact import BYTES, STEP, compact

_PREFIX = "network."


def export(weights: Path, out: Path, steps: int | None = None) -> tuple[Path, Path]:
    """Write OUT.safetensors (compact) and OUT.onnx from a checkpoint; returns both paths.

    steps: keep only the first K' refinement steps, which then are the whole of a faster network.
    """
    stored, graph = (out.with_name(out.name + ending) for ending in (".safetensors", ".onnx"))
    if stored.resolve() == weights.resolve():
        raise ConfigError(f"{weights} would be overwritten by its compact form: give another --out")
    checkpoint = first_steps(load_checkpoint(weights), steps)
    weights_alone = {name: tensor for name, tensor in checkpoint.tensors.items() if name.startswith(_PREFIX)}
    save_checkpoint(stored, checkpoint.config, compact(weights_alone), checkpoint.info)
    export_graph(network_from_checkpoint(load_checkpoint(stored), stored), stored, graph)
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


def export_graph(network: RDR, weights: Path, graph: Path) -> None:
    """Write the graph of a network whose weights lie in a safetensors file in the same folder."""
    import onnx

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
        raise AssetError(f"{graph}: the exporter gave no graph")
    model = program.model_proto
    point_into(model, weights)
    with whole_file(graph) as temporary:
        onnx.save_model(model, str(temporary))


def point_into(model: "onnx.ModelProto", weights: Path) -> None:  # type: ignore[name-defined]  # noqa: F821, UP037
    """Replace the initialisers that a safetensors file holds by references to it, widened to single floats when
    loaded."""
    file = _Stored(weights)
    widened, kept = [], []
    for tensor in model.graph.initializer:
        references, nodes = file.references(tensor.name, list(tensor.dims))
        kept += references or [tensor]
        widened += nodes
    nodes = [*widened, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:], model.graph.value_info[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)


class _Stored:
    """A compact safetensors file as external data of a graph."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header, self.start = read_header(path)

    def references(self, name: str, shape: list[int]) -> tuple[list[Any], list[Any]]:
        """Return tensors in the file and the nodes that make `name` of them; none where it is not there."""
        from onnx import TensorProto, helper

        if self._has(name + BYTES, "I8", shape):
            stored, step = (
                self._reference(name + BYTES, TensorProto.INT8),
                self._reference(name + STEP, TensorProto.FLOAT),
            )
            cast = helper.make_node("Cast", [stored.name], [name + ".whole"], to=TensorProto.FLOAT)
            return [stored, step], [cast, helper.make_node("Mul", [name + ".whole", step.name], [name])]
        if self._has(name, "F16", shape):
            stored = self._reference(name, TensorProto.FLOAT16)
            stored.name += ".half"
            return [stored], [helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT)]
        return [], []

    def _has(self, name: str, dtype: str, shape: list[int]) -> bool:
        entry = self.header.get(name)
        return entry is not None and entry["dtype"] == dtype and entry["shape"] == shape

    def _reference(self, name: str, data_type: int) -> Any:
        from onnx import TensorProto

        entry = self.header[name]
        begin, end = entry["data_offsets"]
        tensor = TensorProto(name=name, data_type=data_type, dims=entry["shape"])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", self.path.name), ("offset", self.start + begin), ("length", end - begin)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor


def read_header(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """Tensor table of a safetensors file and where its data starts."""
    with path.open("rb") as file:
        length = int(np.frombuffer(file.read(8), "<u8")[0])
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header, 8 + length
