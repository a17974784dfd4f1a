"""A graph in bytes: NAME.int8.onnx beside NAME.onnx, which reads the same NAME.safetensors and takes half the time.

Convolutions have weights of one step for each output channel, and inputs in ranges that are measured on pictures of
faces (static); the deconvolutions become convolutions for this (sub-pixel, Shi et al. 2016). In large products of
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
from rdr_core.inference.precision import int8_graph, weights_of
from rdr_core.inference.stored_tensors import StoredTensors
from rdr_core.types import Float32

LEAST_WEIGHTS: Final = 100_000
"""Products of smaller matrices take no time to speak of."""
_BLOCKS: Final = (128, 64, 32, 16)
_MICROSOFT: Final = "com.microsoft"
_TAPS: Final = {0: ((0, 1), (-1, 3)), 1: ((0, 2), (1, 0))}
"""A deconvolution of 4 taps and stride 2 in one direction: even and odd outputs -> (offset of the input, tap)."""


def quantize(graph: Path, inputs: Float32) -> Path:
    """Write NAME.int8.onnx for NAME.onnx.

    Args:
        graph: of `export`, its weights beside it.
        inputs: (n, 3, s, s) RGB in [0, 1], faces that ranges are measured on.
    """
    if len(inputs) < 1:
        raise ConfigError("ranges cannot be measured without pictures of faces: give some")
    out = int8_graph(graph)
    with tempfile.TemporaryDirectory() as folder:
        model = _folded(graph, Path(folder))
        stem_on_blocks(model)
        phases = subpixel(model)
        _drop_unused(model)
        model = _static(model, inputs, Path(folder))
    _thin(model, phases)
    matrices_in_bytes(model)
    _drop_unused(model)
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


def stem_on_blocks(model: onnx.ModelProto) -> None:
    """Replace a first convolution (7 x 7, stride 2) by one (4 x 4) over blocks of 2 x 2 pixels: four times the channels
    are worth more than what is added for the 64 taps to be whole, where bytes are multiplied in rows."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        weights = node.input[1] if node.op_type == "Conv" and node.input[0] == "image" else ""
        if weights not in tensors or list(tensors[weights].dims[2:]) != [7, 7]:
            nodes.append(node)
            continue
        taps = numpy_helper.from_array(on_blocks(numpy_helper.to_array(tensors[weights])), weights + ".blocks")
        model.graph.initializer.append(taps)
        nodes.append(helper.make_node("SpaceToDepth", ["image"], ["image.blocks"], blocksize=2))
        inputs = ["image.blocks", taps.name, *node.input[2:]]
        nodes.append(helper.make_node("Conv", inputs, node.output, name=node.name, pads=[2, 2, 1, 1]))
    _set_nodes(model, nodes)


def on_blocks(weights: Float32) -> Float32:
    """(O, I, 7, 7) of stride 2 -> (O, 4 I, 4, 4) of stride 1 over blocks: row 2 d + a + 3 is that of pixel row a in the
    block d rows further."""
    outputs, inputs = weights.shape[:2]
    padded = np.pad(weights, ((0, 0), (0, 0), (1, 0), (1, 0)))  # row 2 d + a + 4, from 0 on
    blocks = padded.reshape(outputs, inputs, 4, 2, 4, 2).transpose(0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(blocks.reshape(outputs, 4 * inputs, 4, 4))


def subpixel(model: onnx.ModelProto) -> list[str]:
    """Replace deconvolutions (4 x 4, stride 2) by convolutions (3 x 3) with four times the channels, which are then
    laid side by side; returns the names of their weights."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes, names = [], []
    for node in model.graph.node:
        if node.op_type != "ConvTranspose":
            nodes.append(node)
            continue
        source, weights, *bias = node.input
        taps = four_phases(numpy_helper.to_array(tensors[weights]))
        shape = (4 * taps.shape[0], *taps.shape[2:])
        names.append(weights + ".subpixel")
        model.graph.initializer.append(numpy_helper.from_array(taps.reshape(shape), names[-1]))
        for name in bias:
            biases = np.repeat(numpy_helper.to_array(tensors[name]), 4)
            model.graph.initializer.append(numpy_helper.from_array(biases, name + ".subpixel"))
        inputs, fine = [source, names[-1], *(name + ".subpixel" for name in bias)], node.output[0] + ".phases"
        nodes.append(helper.make_node("Conv", inputs, [fine], name=node.name + ".conv", pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("DepthToSpace", [fine], node.output, blocksize=2, mode="CRD"))
    _set_nodes(model, nodes)
    return names


def four_phases(weights: Float32) -> Float32:
    """(I, O, 4, 4) of a deconvolution -> (O, 4, I, 3, 3): the taps of outputs at even and odd rows and columns."""
    inputs, outputs = weights.shape[:2]
    taps = np.zeros((outputs, 2, 2, inputs, 3, 3), np.float32)
    for down, rows in _TAPS.items():
        for right, columns in _TAPS.items():
            for (y, row), (x, column) in ((r, c) for r in rows for c in columns):
                taps[:, down, right, :, y + 1, x + 1] = weights[:, :, row, column].T
    return taps.reshape(outputs, 4, inputs, 3, 3)


def _static(model: onnx.ModelProto, inputs: Float32, folder: Path) -> onnx.ModelProto:
    """Put convolutions in bytes."""
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
        extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
    )
    return onnx.load(target)


class _Inputs(CalibrationDataReader):  # type: ignore[misc]
    """Faces, one at a time, as onnxruntime asks for them."""

    def __init__(self, inputs: Float32) -> None:
        self._faces: Iterator[Float32] = iter(inputs)

    def get_next(self) -> dict[str, Float32] | None:
        """Return the next face."""
        face = next(self._faces, None)
        return None if face is None else {"image": face[None]}


def _thin(model: onnx.ModelProto, names: list[str]) -> None:
    """Leave the 5 of 9 taps of sub-pixel convolutions that are nothing out of the file; they are added when it is
    loaded."""
    nodes = []
    for name in names:
        tensor = next(t for t in model.graph.initializer if t.name == name + "_quantized")
        taps = numpy_helper.to_array(tensor)
        phases = taps.reshape(-1, 4, *taps.shape[1:])
        padded = []
        for phase in range(4):
            top, left = divmod(phase, 2)
            part, pads = f"{name}.{phase}", [0, 0, 0, top, left, 0, 0, 0, 1 - top, 1 - left]
            kept = np.ascontiguousarray(phases[:, phase : phase + 1, :, top : top + 2, left : left + 2])
            for values, suffix in ((kept, ""), (np.array(pads, np.int64), ".pads")):
                model.graph.initializer.append(numpy_helper.from_array(values, part + suffix))
            nodes.append(helper.make_node("Pad", [part, part + ".pads"], [part + ".padded"]))
            padded.append(part + ".padded")
        shape = numpy_helper.from_array(np.array(taps.shape, np.int64), name + ".shape")
        model.graph.initializer.append(shape)
        nodes.append(helper.make_node("Concat", padded, [name + ".whole"], axis=1))
        nodes.append(helper.make_node("Reshape", [name + ".whole", shape.name], [tensor.name]))
        model.graph.initializer.remove(tensor)
    _set_nodes(model, [*nodes, *model.graph.node])


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
    _set_nodes(model, [*(made for several in before.values() for made in several), *nodes])


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


def _set_nodes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _drop_unused(model: onnx.ModelProto) -> None:
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
