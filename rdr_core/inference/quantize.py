"""A graph in bytes: NAME.int8.onnx beside NAME.onnx, which reads the same NAME.safetensors and takes half the time.

It takes the pixels themselves. Convolutions have weights of one step for each output channel, and inputs in ranges that
are measured on pictures of faces (static); the deconvolutions become convolutions for this (sub-pixel, Shi et al. 2016;
see `byte_layout`). In large products of
matrices the inputs are rounded by each face's own ranges, 128 at a time (dynamic): one range for all faces would cost
6 % of accuracy there. What is small, and all geometry, stays in single floats.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from rdr_core.atomic import whole_file
from rdr_core.errors import ConfigError
from rdr_core.inference.byte_layout import (
    PIXELS,
    SCALED,
    bytes_in,
    drop_unused,
    move_bytes,
    pixels_in,
    round_once,
    set_nodes,
    subpixel,
)
from rdr_core.inference.decode import in_pairs
from rdr_core.inference.precision import int8_graph, weights_of
from rdr_core.inference.stored_tensors import StoredTensors
from rdr_core.types import Float32, UInt8

LEAST_WEIGHTS: Final = 100_000
"""Products of smaller matrices take no time to speak of."""
_BLOCKS: Final = (128, 64, 32, 16)
_MICROSOFT: Final = "com.microsoft"


def quantize(graph: Path, inputs: UInt8) -> Path:
    """Write NAME.int8.onnx for NAME.onnx.

    Args:
        graph: of `export`, its weights beside it.
        inputs: (n, s, s, 3) BGR crops, faces that ranges are measured on.
    """
    if len(inputs) < 1:
        raise ConfigError("ranges cannot be measured without pictures of faces: give some")
    out = int8_graph(graph)
    with tempfile.TemporaryDirectory() as folder:
        model = _folded(graph, Path(folder))
        nothing, step = pixels_in(model)
        subpixel(model)
        drop_unused(model)
        model = _static(model, inputs, (nothing, step), Path(folder))
    bytes_in(model)
    round_once(model)
    move_bytes(model)
    matrices_in_bytes(model)
    drop_unused(model)
    StoredTensors(weights_of(graph)).share(model)
    with whole_file(out) as temporary:
        onnx.save_model(model, str(temporary))
    return out


def _folded(graph: Path, folder: Path) -> onnx.ModelProto:
    """Return a graph with all that can be computed beforehand, batch norms among it, computed."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "folded.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "folded.onnx")


def _static(model: onnx.ModelProto, inputs: UInt8, pixels: tuple[float, float], folder: Path) -> onnx.ModelProto:
    """Put convolutions in bytes; `pixels` is the one that means nothing and the step between two."""
    nothing, step = pixels
    as_they_are = {"scale": np.array(step, np.float32), "zero_point": np.array(round(nothing), np.uint8)}
    source, target = folder / "float.onnx", folder / "bytes.onnx"
    add_pre_process_metadata(model)  # or onnxruntime asks for what was done above
    onnx.save_model(model, str(source))
    quantize_static(
        str(source),
        str(target),
        _Inputs(inputs),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        nodes_to_quantize=[node.name for node in model.graph.node if node.op_type == "Conv"],
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={
            "ActivationSymmetric": False,
            "WeightSymmetric": True,
            "TensorQuantOverrides": {SCALED: [as_they_are]},
        },
    )
    return onnx.load(target)


class _Inputs(CalibrationDataReader):  # type: ignore[misc]
    """Faces, one at a time, as onnxruntime asks for them."""

    def __init__(self, inputs: UInt8) -> None:
        self._faces: Iterator[UInt8] = iter(inputs)

    def get_next(self) -> dict[str, Float32] | None:
        """Return the next face."""
        face = next(self._faces, None)
        return None if face is None else {PIXELS: in_pairs(face[None]).astype(np.float32)}


def matrices_in_bytes(model: onnx.ModelProto) -> None:
    """Put large products of matrices in bytes."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    before, nodes = {}, []
    for node in model.graph.node:
        weights = node.input[1] if node.op_type == "Gemm" else ""
        block = _block(tensors[weights].dims) if weights in tensors else None
        if block is None:
            nodes.append(node)
            continue
        if weights not in before:
            before[weights] = _blocked(model, weights, numpy_helper.to_array(tensors[weights]), block)
        outputs, inputs = tensors[weights].dims
        names = [node.input[0], weights + ".blocks", weights + ".steps", "", "", *node.input[2:]]
        shape = {"K": inputs, "N": outputs, "bits": 8, "block_size": block, "accuracy_level": 4}
        nodes.append(helper.make_node("MatMulNBits", names, node.output, node.name, domain=_MICROSOFT, **shape))
    if before and all(opset.domain != _MICROSOFT for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_MICROSOFT, 1))
    set_nodes(model, [*(made for several in before.values() for made in several), *nodes])


def _block(shape: Any) -> int | None:
    """Return how many weights share a step, None where a matrix stays as it is."""
    if int(np.prod(shape)) < LEAST_WEIGHTS:
        return None
    return next((block for block in _BLOCKS if shape[1] % block == 0), None)


def _blocked(model: onnx.ModelProto, name: str, weights: Float32, block: int) -> list[onnx.NodeProto]:
    """Add a matrix (N, K) as bytes, and return the nodes that lay it out, once, as MatMulNBits wants it: unsigned."""
    steps = np.maximum(np.abs(weights).max(axis=1), np.float32(1e-12)) / np.float32(127)
    signed = np.rint(weights / steps[:, None]).astype(np.int8)
    blocks = weights.shape[1] // block
    constants = {
        ".signed": signed,
        ".zero": np.array(128, np.int32),
        ".layout": np.array([len(weights), blocks, block], np.int64),
        ".steps": np.repeat(steps, blocks),
    }
    for suffix, values in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(values, name + suffix))
    return [
        helper.make_node("Cast", [name + ".signed"], [name + ".wide"], to=onnx.TensorProto.INT32),
        helper.make_node("Add", [name + ".wide", name + ".zero"], [name + ".positive"]),
        helper.make_node("Cast", [name + ".positive"], [name + ".unsigned"], to=onnx.TensorProto.UINT8),
        helper.make_node("Reshape", [name + ".unsigned", name + ".layout"], [name + ".blocks"]),
    ]
