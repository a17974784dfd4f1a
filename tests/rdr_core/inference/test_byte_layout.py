"""A graph that is laid out for bytes says what it said before."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from rdr_core.errors import AssetError
from rdr_core.inference.byte_layout import PIXELS, SCALED, bytes_in, move_bytes, pixels_in, round_once, subpixel
from rdr_core.inference.decode import in_floats, in_pairs

from .conftest import MakeGraph, RunGraph

STEM = (
    helper.make_node("Sub", ["image", "mean"], ["centred"]),
    helper.make_node("Div", ["centred", "deviation"], ["scaled"]),
    helper.make_node("Conv", ["scaled", "w", "b"], ["y"], "stem", strides=[2, 2], pads=[3, 3, 3, 3]),
)


def stem_constants(rng: np.random.Generator) -> dict[str, np.ndarray]:
    scalars = {"mean": np.float32(0.45), "deviation": np.float32(0.25)}
    taps = {"w": rng.normal(size=(5, 3, 7, 7)), "b": rng.normal(size=5)}
    return scalars | {name: values.astype(np.float32) for name, values in taps.items()}


def test_pixels_instead_of_an_image(make_graph: MakeGraph, run_graph: RunGraph) -> None:
    rng = np.random.default_rng(4)
    model = make_graph(STEM, stem_constants(rng), ["n", 3, 16, 16], "image")
    pixels = rng.integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    expected = run_graph(model, in_floats(pixels))
    nothing, step = pixels_in(model)
    assert nothing == pytest.approx(114.75)
    assert step == pytest.approx(1 / 63.75)
    assert expected.shape == (2, 5, 8, 8)
    np.testing.assert_allclose(run_graph(model, in_pairs(pixels).astype(np.float32)), expected, atol=1e-4)


def test_bytes_are_taken_as_they_are(make_graph: MakeGraph, run_graph: RunGraph) -> None:
    """Rounded to the nearest pixel value, a byte is what it was, but for a quarter of a pixel value: the one that means
    nothing lies between two."""
    rng = np.random.default_rng(5)
    model = make_graph(STEM, stem_constants(rng), ["n", 3, 16, 16], "image")
    pixels = rng.integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    expected = run_graph(model, in_floats(pixels))
    nothing, step = pixels_in(model)
    steps = {"step": np.float32(step), "zero": np.array(round(nothing), np.uint8)}
    for name, values in steps.items():
        model.graph.initializer.append(helper.make_tensor(name, 1 if name == "step" else 2, [], [values.item()]))
    stem = model.graph.node.pop()
    stem.input[0] = "rounded"
    model.graph.node.extend(
        [
            helper.make_node("QuantizeLinear", [SCALED, "step", "zero"], ["narrow"]),
            helper.make_node("DequantizeLinear", ["narrow", "step", "zero"], ["rounded"]),
            stem,
        ]
    )
    bytes_in(model)
    assert [node.op_type for node in model.graph.node] == ["Transpose", "DequantizeLinear", "Conv"]
    assert model.graph.input[0].name == PIXELS
    got = run_graph(model, in_pairs(pixels))
    weights = np.abs(np.asarray(stem_constants(np.random.default_rng(5))["w"])).sum(axis=(1, 2, 3))
    assert (np.abs(got - expected) <= 0.26 * step * weights[:, None, None]).all()


@pytest.mark.parametrize("nodes", [STEM[2:], STEM[:2]])
def test_what_is_no_network(make_graph: MakeGraph, nodes: tuple[object, ...]) -> None:
    model = make_graph(nodes, stem_constants(np.random.default_rng(0)), ["n", 3, 16, 16], "image")
    with pytest.raises(AssetError, match="not a network of rdr export"):
        pixels_in(model)


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (5, 3)])
def test_deconvolutions_by_sub_pixels(
    make_graph: MakeGraph, run_graph: RunGraph, has_bias: bool, inputs: int, outputs: int
) -> None:
    rng = np.random.default_rng(1)
    weights = {"w": rng.normal(size=(inputs, outputs, 4, 4)), "b": rng.normal(size=outputs)}
    names = ["x", "w", "b"] if has_bias else ["x", "w"]
    node = helper.make_node("ConvTranspose", names, ["y"], "deconv", strides=[2, 2], pads=[1, 1, 1, 1])
    constants = {name: weights[name].astype(np.float32) for name in names[1:]}
    model = make_graph([node], constants, ["n", inputs, 6, 4])
    image = rng.normal(size=(2, inputs, 6, 4)).astype(np.float32)
    expected = run_graph(model, image)
    assert expected.shape == (2, outputs, 12, 8)
    subpixel(model)
    assert "ConvTranspose" not in [node.op_type for node in model.graph.node]
    np.testing.assert_allclose(run_graph(model, image), expected, atol=1e-5)


def test_moving_bytes_moves_the_same(make_graph: MakeGraph, run_graph: RunGraph) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["narrow"]),
        helper.make_node("DequantizeLinear", ["narrow", "step", "zero"], ["wide"]),
        helper.make_node("Transpose", ["wide"], ["turned"], perm=[1, 0]),
        helper.make_node("Reshape", ["turned", "shape"], ["flat"]),
        helper.make_node("Add", ["flat", "step"], ["y"]),
    ]
    constants = {"step": np.float32(0.5), "zero": np.array(7, np.uint8), "shape": np.array([-1], np.int64)}
    model = make_graph(nodes, constants, [3, 4])
    image = np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32)
    expected = run_graph(model, image)
    move_bytes(model)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == ["QuantizeLinear", "Transpose", "Reshape", "DequantizeLinear", "Add"]
    np.testing.assert_array_equal(run_graph(model, image), expected)


@pytest.mark.parametrize(("maker", "left"), [("Conv", 1), ("Neg", 3)])
def test_what_a_relu_takes_is_not_rounded(make_graph: MakeGraph, maker: str, left: int) -> None:
    inputs = ["x", "w"] if maker == "Conv" else ["x"]
    nodes = [
        helper.make_node(maker, inputs, ["sum"]),
        helper.make_node("QuantizeLinear", ["sum", "step", "zero"], ["narrow"]),
        helper.make_node("DequantizeLinear", ["narrow", "step", "zero"], ["wide"]),
        helper.make_node("Relu", ["wide"], ["y"]),
    ]
    constants = {"step": np.float32(0.5), "zero": np.array(7, np.uint8), "w": np.ones((1, 1, 1, 1), np.float32)}
    model = make_graph(nodes, constants, [1, 1, 3, 4])
    round_once(model)
    assert [node.op_type for node in model.graph.node][:-1] == [maker, "QuantizeLinear", "DequantizeLinear"][:left]
