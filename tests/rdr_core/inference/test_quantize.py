"""A graph in bytes says what the graph in single floats says, reads the same weights, and is small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from rdr_core.data.w300 import read_w300
from rdr_core.errors import AssetError, ConfigError
from rdr_core.inference.export import export
from rdr_core.inference.images import face_inputs
from rdr_core.inference.onnx_runtime import OnnxPredictor
from rdr_core.inference.precision import int8_graph, weights_of
from rdr_core.inference.quantize import matrices_in_bytes, quantize
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.training.checkpoint import prefixed, save_checkpoint

from .conftest import MakeGraph, RunGraph


@pytest.fixture(scope="module")
def exported(tiny_config: RdrConfig, unsettle: Callable[[RDR], RDR], tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    network = unsettle(build_rdr(tiny_config))
    network.refinement.pose_mean.copy_(torch.tensor([0.1, 0.0, 0.0, 0.5, 0.45, 0.0, 0.05]))
    network.refinement.pose_std.copy_(torch.tensor([0.2, 0.5, 0.2, 0.03, 0.03, 1.0, 0.005]))
    folder = tmp_path_factory.mktemp("quantize")
    save_checkpoint(folder / "trained.safetensors", tiny_config, prefixed("network.", network), {})
    return export(folder / "trained.safetensors", folder / "net")[1]


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3)).astype(np.uint8)


def test_bytes_say_what_floats_say(exported: Path, inputs: np.ndarray) -> None:
    graph = quantize(exported, inputs)
    assert graph == int8_graph(exported) == exported.with_name("net.int8.onnx")
    assert weights_of(graph) == weights_of(exported) == exported.with_suffix(".safetensors")
    floats, bytes_ = OnnxPredictor(exported), OnnxPredictor(graph)
    assert (floats.precision, bytes_.precision) == ("float", "int8")
    expected, got = floats.run(inputs[:3]), bytes_.run(inputs[:3])
    assert {name: values.shape for name, values in got.items()} == {n: v.shape for n, v in expected.items()}
    apart = np.abs(got["shapes"] - expected["shapes"])
    assert 1e-6 < apart.max() < 0.02  # it is another computation, of the same
    between_faces = np.abs(expected["shapes"][0] - expected["shapes"][1])
    assert apart.mean() < 0.5 * between_faces.mean()  # of a network that knows no faces, on noise


def test_only_what_has_no_equal_in_the_weights_is_in_the_graph(exported: Path, inputs: np.ndarray) -> None:
    graph = quantize(exported, inputs)
    model = onnx.load(graph, load_external_data=False)
    inside = [t for t in model.graph.initializer if t.data_location != TensorProto.EXTERNAL]
    outside = [t for t in model.graph.initializer if t.data_location == TensorProto.EXTERNAL]
    assert {entry.value for t in outside for entry in t.external_data if entry.key == "location"} == {"net.safetensors"}
    assert sum(t.name.endswith(".bytes.stored") for t in outside) > 10
    large = [t.name for t in inside if np.prod(t.dims) > 4096]
    rearranged = ("subpixel", "pairs")  # a step for each output, where the file has one for each input; more taps
    assert all(any(word in name for word in rearranged) for name in large), large


def test_no_faces_no_ranges(exported: Path) -> None:
    with pytest.raises(ConfigError, match="without pictures of faces"):
        quantize(exported, np.empty((0, 64, 64, 3), np.uint8))


def test_a_new_export_has_no_old_bytes(exported: Path, inputs: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "net.int8.onnx").write_bytes(quantize(exported, inputs).read_bytes())
    export(exported.with_name("trained.safetensors"), tmp_path / "net")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "net.safetensors"]


def test_bytes_without_their_weights(exported: Path, inputs: np.ndarray, tmp_path: Path) -> None:
    graph = tmp_path / "net.int8.onnx"
    graph.write_bytes(quantize(exported, inputs).read_bytes())
    with pytest.raises(AssetError, match=r"not a whole network.*net\.safetensors"):
        OnnxPredictor(graph)


@pytest.mark.parametrize(("outputs", "inputs_", "changed"), [(512, 256, True), (512, 300, False), (16, 256, False)])
def test_large_matrices_in_bytes(
    make_graph: MakeGraph, run_graph: RunGraph, outputs: int, inputs_: int, changed: bool
) -> None:
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(outputs, inputs_)).astype(np.float32) * rng.uniform(0.1, 3, (outputs, 1))
    bias = rng.normal(size=outputs).astype(np.float32)
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], "product", transB=1)
    model = make_graph([node], {"w": weights.astype(np.float32), "b": bias}, ["n", inputs_])
    vectors = rng.normal(size=(3, inputs_)).astype(np.float32)
    vectors[2] *= 1000  # a range of its own for each
    expected = run_graph(model, vectors)
    matrices_in_bytes(model)
    assert ("MatMulNBits" in [node.op_type for node in model.graph.node]) == changed
    error = np.abs(run_graph(model, vectors) - expected).max(axis=1) / np.abs(expected).max(axis=1)
    assert error.max() < (0.02 if changed else 1e-6)


@pytest.mark.parametrize("licence", ["research", "open"])
def test_the_shipped_networks_lose_nothing_in_bytes(rdr_data: Path, licence: str) -> None:
    """On 60 photographs the landmarks are within a quarter of a crop pixel of each other, in the mean."""
    samples = read_w300(rdr_data, "common")[::9][:60]
    graph = Path(__file__).parents[3] / "rdr_core" / "assets" / f"live_{licence}.onnx"
    inputs = face_inputs(samples, 128, None)
    floats, small = (OnnxPredictor(path).run(inputs)["shapes"][:, -1] for path in (graph, int8_graph(graph)))
    assert np.linalg.norm(floats - small, axis=2).mean() * 128 < 0.25
