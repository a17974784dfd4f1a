"""The eye network as one ONNX file: weights in half floats inside, and what they were made of."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any, Final

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from rdr_core.atomic import whole_file
from rdr_core.data.eye_patches import N_TOLD, PATCH_PX
from rdr_core.errors import AssetError
from rdr_core.inference.eyes import INPUTS
from rdr_core.modeling.eye_network import EyeNetwork

_LARGE: Final = 1024


def export_eyes(network: EyeNetwork, path: Path, facts: dict[str, Any]) -> None:
    """Write NAME.onnx; it appears only when it is whole. `facts`: licence, data, errors."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    width, height = PATCH_PX
    batch = torch.export.Dim("batch", min=1, max=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            network.eval(),
            (torch.rand(2, 2, 3, height, width), torch.rand(2, N_TOLD)),
            dynamo=True,
            input_names=list(INPUTS),
            output_names=["read"],
            dynamic_shapes={name: {0: batch} for name in INPUTS},
            opset_version=20,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise AssetError("the exporter gave no graph")
    model = in_halves(program.model_proto)
    helper.set_model_props(model, {"facts": json.dumps(facts)})
    with whole_file(path) as temporary:
        onnx.save_model(model, str(temporary))


def in_halves(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large single floats as half floats, widened when the graph is loaded; in place."""
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _LARGE:
            continue
        name, half = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), half))
        casts.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model
