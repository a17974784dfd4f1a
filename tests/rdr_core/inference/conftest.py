"""Small graphs to change, and eyes that look somewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.fitting.pose import Camera
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.inference.gaze import eyeballs_of
from rdr_core.types import Float32, UInt8

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


def _drawn_eyes(
    model: DynamicExpressionModel, yaw_deg: float, pitch_deg: float, camera: Camera, crossed_deg: float = 0
) -> tuple[UInt8, Float32]:
    """Return a picture of two eyes that look somewhere, each so far inwards beside, and landmarks."""
    picture = np.full((480, 640, 3), 150, np.uint8)
    points = camera.project(model.face()[model.topology.landmarks])
    head = matrix_from_euler(camera.euler_rad)
    eyes = sorted(eyeballs_of(model, model.identity_mean), key=lambda eye: eye.side)
    for eye, corners in zip(eyes, ((42, 48), (36, 42)), strict=True):
        inwards = crossed_deg * (-1 if eye.side == "L" else 1)
        gaze = head @ matrix_from_euler(np.radians([pitch_deg, yaw_deg + inwards, 0.0]))[:, 2]
        lids = points[slice(*corners)]
        cv2.fillPoly(picture, [lids.round().astype(np.int32)], (235, 235, 235))
        middle = lids[[0, 3]].mean(axis=0) + camera.scale_px_per_cm * (head @ eye.from_corners_cm)[:2] * [1, -1]
        iris = middle + camera.scale_px_per_cm * eye.radius_cm * 0.95 * gaze[:2] * [1, -1]
        within = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillPoly(within, [lids.round().astype(np.int32)], 1)
        rings = picture.copy()
        for radius, gray in ((0.39, 110), (0.16, 10)):
            radius_px = round(camera.scale_px_per_cm * radius * eye.radius_cm)
            cv2.circle(rings, iris.round().astype(int).tolist(), radius_px, (gray,) * 3, -1)
        picture[within > 0] = rings[within > 0]
    return picture, points


@pytest.fixture(scope="session")
def draw_eyes() -> Callable[..., tuple[UInt8, Float32]]:
    """Return what draws two eyes that look somewhere: `_drawn_eyes`."""
    return _drawn_eyes
