"""What the tests of rdr_core share: the default face model, known poses, faces drawn from the model, small networks."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.fitting.contour import visible_landmarks
from rdr_core.geometry.weak_perspective import project
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.rdr import RDR
from rdr_core.types import Float32, Pose, UInt8

DrawFace = Callable[..., tuple[UInt8, Float32]]


@pytest.fixture(scope="session")
def face_model() -> DynamicExpressionModel:
    """Return the face model that comes with the program."""
    return default_face_model()


@pytest.fixture(scope="session")
def shipped_network() -> Path:
    """Return the exported network that comes with the program; skips where this tree has none yet."""
    path = Path(str(files("rdr_core") / "assets" / "live.onnx"))
    if not path.is_file() or not path.with_suffix(".safetensors").is_file():
        pytest.skip("rdr_core/assets/live.onnx and live.safetensors are not in this tree: train and export a network")
    return path


@pytest.fixture(scope="session")
def draw_face(face_model: DynamicExpressionModel) -> DrawFace:
    """Return a painter's-algorithm renderer: (pose, alpha_id, alpha_exp, size) -> picture and its exact S*."""

    def draw(
        pose: Pose, alpha_id: Float32 | None = None, alpha_exp: Float32 | None = None, size: int = 160, seed: int = 0
    ) -> tuple[UInt8, Float32]:
        vertices = face_model.face(alpha_id, alpha_exp)
        triangles = face_model.topology.triangles
        scale = np.float64(pose.scale_px_per_cm)
        placed = project(vertices, pose.euler_rad, pose.translation_px, scale)
        rng = np.random.default_rng(seed)
        background = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)  # soft blobs
        picture = cv2.resize(background, (size, size), interpolation=cv2.INTER_CUBIC)
        skin = rng.uniform(0.6, 1.0, 3) * [170, 190, 230]
        corners = placed[triangles]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        front = np.flatnonzero(normal[:, 2] < 0)  # counter-clockwise from outside, and image y is down
        light = np.clip(0.35 - 0.75 * normal[:, 2] + 0.3 * normal[:, 1], 0, 1.2)
        shades = np.clip(light[:, None] * skin, 0, 255)
        fixed = ((corners[..., :2] - 0.5) * 16).round().astype(np.int32)
        for t in front[corners[front, :, 2].mean(axis=1).argsort()]:
            cv2.fillConvexPoly(picture, fixed[t], shades[t].tolist(), cv2.LINE_8, 4)
        subset = vertices[face_model.topology.subset]
        shape = visible_landmarks(face_model.topology, subset, pose.euler_rad).on(
            project(subset, pose.euler_rad, pose.translation_px, scale)[:, :2]
        )
        return picture, shape.astype(np.float32)

    return draw


TINY = RdrConfig(
    crop_size=64, width=8, deconv_channels=(32, 16), lateral=True, steps=2, window=8 / 64, samples=3, hidden=32
)


@pytest.fixture(scope="session")
def tiny_config() -> RdrConfig:
    """Return a network size that runs in milliseconds."""
    return TINY


@pytest.fixture
def tiny_network(face_model: DynamicExpressionModel) -> RDR:
    """Return a small network in evaluation mode whose batch norms, statistics and outputs are far from trivial."""
    torch.manual_seed(7)
    network = build_rdr(TINY, face_model)
    pose_mean = torch.tensor([0.1, 0.0, 0.0, 0.5, 0.45, 0.0, 0.05])
    pose_std = torch.tensor([0.2, 0.5, 0.2, 0.03, 0.03, 1.0, 0.005])
    prior = torch.from_numpy(face_model.identity_mean), torch.from_numpy(face_model.identity_std)
    network.set_statistics(pose_mean, pose_std, *prior, torch.full((46,), 0.1))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)
            module.running_mean = 0.2 * torch.randn_like(module.bias)
            module.running_var = 0.5 + torch.rand_like(module.bias)
    for unit in (network.refinement.pe_lstm, network.refinement.c_lstm):
        torch.nn.init.normal_(unit.output.weight, std=0.3)
        torch.nn.init.normal_(unit.output.bias, std=0.1)
    return network.eval()
