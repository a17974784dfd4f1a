"""How a graph is laid out for bytes: pixels go in as they are, channels lie together, nothing is rounded twice.

onnxruntime multiplies bytes channel by channel at one place (NHWC). Whatever moves numbers between two products is
written here in that order, on bytes, so that onnxruntime's own changes of order cancel out.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from rdr_core.errors import AssetError
from rdr_core.types import Float32

PIXELS: Final = "pixels"
"""Name of the input of a graph in bytes: (B, s, s / 2, 8), pairs of BGRA pixels, of which A means nothing."""
SCALED: Final = PIXELS + ".scaled"
"""Name of what the first convolution takes."""
_TO_NHWC, _TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]
_MOVES: Final = ("Transpose", "Reshape", "Slice")
_ONE_STEP: Final = ("DequantizeLinear", "QuantizeLinear")


def pixels_in(model: onnx.ModelProto) -> tuple[float, float]:
    """Let a network take pixels, 0 to 255, instead of `image`, which is 1/255 of them.

    Its first convolution (7 x 7, stride 2) becomes one over pairs of pixels (7 x 4, stride 2 down, 1 along), each with
    a fourth byte that counts for nothing: onnxruntime has a far faster way for channels that come in fours.

    Returns:
        the pixel that means nothing and the step of a pixel, as the convolution takes them.

    Raises:
        AssetError: no network of `export`: (image - mean) / deviation and a convolution 7 x 7.
    """
    tensors = _tensors(model)
    nodes = {node.output[0]: node for node in model.graph.node}
    stem = next((node for node in model.graph.node if node.op_type == "Conv"), None)
    divide = nodes.get(stem.input[0]) if stem else None
    subtract = nodes.get(divide.input[0]) if divide else None
    if stem is None or divide is None or subtract is None or (divide.op_type, subtract.op_type) != ("Div", "Sub"):
        raise AssetError("not a network of rdr export: it does not begin with (image - mean) / deviation")
    weights = numpy_helper.to_array(tensors[stem.input[1]])
    if weights.shape[1:] != (3, 7, 7) or subtract.input[0] != "image":
        raise AssetError(f"not a network of rdr export: its first convolution is {weights.shape}")
    mean, deviation = (float(numpy_helper.to_array(tensors[node.input[1]])) for node in (subtract, divide))
    taps = numpy_helper.from_array(on_pairs(weights), stem.input[1] + ".pairs")
    nothing = numpy_helper.from_array(np.array(255 * mean, np.float32), PIXELS + ".mean")
    one = numpy_helper.from_array(np.array(255 * deviation, np.float32), PIXELS + ".deviation")
    model.graph.initializer.extend([taps, nothing, one])
    made = [
        helper.make_node("Transpose", [PIXELS], [PIXELS + ".planes"], perm=_TO_NCHW),
        helper.make_node("Sub", [PIXELS + ".planes", nothing.name], [PIXELS + ".centred"]),
        helper.make_node("Div", [PIXELS + ".centred", one.name], [SCALED]),
        helper.make_node(
            "Conv", [SCALED, taps.name, *stem.input[2:]], stem.output, stem.name, strides=[2, 1], pads=[3, 2, 3, 1]
        ),
    ]
    old = {subtract.output[0], divide.output[0], stem.output[0]}
    set_nodes(model, [*made, *(node for node in model.graph.node if node.output[0] not in old)])
    for node in model.graph.node:  # others ask how many pictures there are
        node.input[:] = [PIXELS if name == "image" else name for name in node.input]
    _, _, size, _ = (dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    _set_input(model, onnx.TensorProto.FLOAT, size)
    return 255 * mean, 1 / (255 * deviation)


def on_pairs(weights: Float32) -> Float32:
    """(O, 3, 7, 7) of RGB, stride 2 -> (O, 8, 7, 4) of pairs of BGRA, stride (2, 1): column 2 d + a + 3 is of pixel
    a in the pair d pairs further."""
    outputs = len(weights)
    padded = np.pad(weights[:, ::-1], ((0, 0), (0, 1), (0, 0), (1, 0)))  # column 2 d + a + 4, from 0 on
    pairs = padded.reshape(outputs, 4, 7, 4, 2).transpose(0, 4, 1, 2, 3)
    return np.ascontiguousarray(pairs.reshape(outputs, 8, 7, 4))


def bytes_in(model: onnx.ModelProto) -> None:
    """Take the pixels of `pixels_in` as bytes: rounded, what the first convolution takes are these very bytes."""
    (rounded,) = [node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] == SCALED]
    for node in model.graph.node:
        node.input[:] = [PIXELS + ".planes" if name == rounded.output[0] else name for name in node.input]
    drop_unused(model)
    _set_input(model, onnx.TensorProto.UINT8, model.graph.input[0].type.tensor_type.shape.dim[1].dim_value)


def subpixel(model: onnx.ModelProto) -> None:
    """Replace deconvolutions (4 x 4, stride 2) by convolutions (2 x 2) with four times the channels, which are then
    laid side by side: sub-pixel convolutions (Shi et al. 2016)."""
    tensors, sizes = _tensors(model), _sizes(model)
    nodes = []
    for node in model.graph.node:
        if node.op_type != "ConvTranspose":
            nodes.append(node)
            continue
        source, weights, *bias = node.input
        taps, fine = four_phases(numpy_helper.to_array(tensors[weights])), node.output[0] + ".phases"
        model.graph.initializer.append(numpy_helper.from_array(taps, weights + ".subpixel"))
        for name in bias:
            biases = np.tile(numpy_helper.to_array(tensors[name]), 4)
            model.graph.initializer.append(numpy_helper.from_array(biases, name + ".subpixel"))
        inputs = [source, *(name + ".subpixel" for name in (weights, *bias))]
        nodes.append(helper.make_node("Conv", inputs, [fine], name=node.name + ".conv", pads=[1, 1, 1, 1]))
        nodes += _side_by_side(model, fine, node.output[0], (*sizes[source], len(taps) // 4))
    set_nodes(model, nodes)


def _side_by_side(model: onnx.ModelProto, fine: str, out: str, size: tuple[int, int, int]) -> list[onnx.NodeProto]:
    """(B, 4 C, h + 1, w + 1) with channels (down, right, C) -> (B, C, 2 h, 2 w), without a pixel at the edges: whole
    rows of 2 C are moved."""
    height, width, channels = size
    constants = {
        ".rows": [-1, width + 1, 2, 2 * channels],
        ".whole": [-1, 2 * height + 2, 2 * width + 2, channels],
        ".first": [1, 1],
        ".last": [-1, -1],
        ".axes": [1, 2],
    }
    for name, values in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), fine + name))
    edges = [fine + name for name in (".first", ".last", ".axes")]
    return [
        helper.make_node("Transpose", [fine], [fine + ".nhwc"], perm=_TO_NHWC),
        helper.make_node("Reshape", [fine + ".nhwc", fine + ".rows"], [fine + ".apart"]),
        helper.make_node("Transpose", [fine + ".apart"], [fine + ".turned"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", [fine + ".turned", fine + ".whole"], [fine + ".edged"]),
        helper.make_node("Slice", [fine + ".edged", *edges], [fine + ".fine"]),
        helper.make_node("Transpose", [fine + ".fine"], [out], perm=_TO_NCHW),
    ]


def four_phases(weights: Float32) -> Float32:
    """(I, O, 4, 4) of a deconvolution -> (4 O, I, 2, 2): the taps of a place's four outputs, (down, right, O); those at
    0 are the odd ones of the place before."""
    inputs, outputs = weights.shape[:2]
    tap = np.array([[2, 0], [3, 1]])  # of the output at 0 and 1, for the input before and at the place
    taps = weights[:, :, tap[:, None, :, None], tap[None, :, None, :]]  # (I, O, down, right, 2, 2)
    return np.ascontiguousarray(taps.transpose(2, 3, 1, 0, 4, 5).reshape(4 * outputs, inputs, 2, 2))


def round_once(model: onnx.ModelProto) -> None:
    """Where a ReLU follows a convolution, round what it leaves, not what it takes."""
    makers = {node.output[0]: node for node in model.graph.node}
    for node in model.graph.node:
        if node.op_type == "Relu" and (source := _behind_rounding(makers, node.input[0])) is not None:
            node.input[0] = source
    drop_unused(model)


def move_bytes(model: onnx.ModelProto) -> None:
    """Move and reshape bytes rather than the floats that they stand for."""
    moved = True
    while moved:
        moved = False
        makers = {node.output[0]: node for node in model.graph.node}
        for node in model.graph.node:
            wide = makers.get(node.input[0]) if node.op_type in _MOVES else None
            if wide is None or wide.op_type != "DequantizeLinear":
                continue
            steps = [name for name in wide.input[1:] if name]
            narrow = node.output[0] + ".bytes"
            back = helper.make_node("DequantizeLinear", [narrow, *steps], [node.output[0]])
            node.input[0], node.output[0] = wide.input[0], narrow
            place = next(n for n, other in enumerate(model.graph.node) if other is node)
            set_nodes(model, [*model.graph.node[: place + 1], back, *model.graph.node[place + 1 :]])
            moved = True
            break
    drop_unused(model)


def _behind_rounding(makers: dict[str, onnx.NodeProto], name: str) -> str | None:
    """Return what was rounded to bytes and back, if a convolution made it."""
    for kind in _ONE_STEP:
        node = makers.get(name)
        if node is None or node.op_type != kind:
            return None
        name = node.input[0]
    return name if name in makers and makers[name].op_type == "Conv" else None


def set_nodes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    """Give a graph other nodes, which may be its own."""
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def drop_unused(model: onnx.ModelProto) -> None:
    """Drop nodes and tensors that nothing takes."""
    outputs = {output.name for output in model.graph.output}
    nodes = list(model.graph.node)
    while True:
        used = outputs.union(*(node.input for node in nodes))
        needed = [node for node in nodes if used.intersection(node.output)]
        if len(needed) == len(nodes):
            break
        nodes = needed
    set_nodes(model, nodes)
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _tensors(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in model.graph.initializer}


def _sizes(model: onnx.ModelProto) -> dict[str, tuple[int, int]]:
    """Height and width of every picture (B, C, h, w) in a graph."""
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {v.name: v.type.tensor_type.shape.dim for v in (*graph.value_info, *graph.input)}
    return {name: (dims[2].dim_value, dims[3].dim_value) for name, dims in shapes.items() if len(dims) == 4}


def _set_input(model: onnx.ModelProto, kind: int, size: int) -> None:
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    del model.graph.input[:]
    model.graph.input.append(helper.make_tensor_value_info(PIXELS, kind, [batch, size, size // 2, 8]))
