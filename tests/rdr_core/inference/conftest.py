"""Small graphs to change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

MakeGraph = Callable[..., onnx.ModelProto]
RunGraph = Callable[[onnx.ModelProto, np.ndarray], np.ndarray]


@pytest.fixture
def make_graph() -> MakeGraph:
    def make(
        nodes: Sequence[onnx.NodeProto], constants: dict[str, np.ndarray], shape: Sequence[str | int], name: str = "x"
    ) -> onnx.ModelProto:
        """A graph from `name` to "y"."""
        tensors = [numpy_helper.from_array(values, name) for name, values in constants.items()]
        x = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        graph = helper.make_graph(nodes, "g", [x], [y], tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

    return make


@pytest.fixture
def run_graph() -> RunGraph:
    def run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (output,) = session.run(None, {session.get_inputs()[0].name: image})
        return np.asarray(output)

    return run
