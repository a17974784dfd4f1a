"""What the tests of rdr_core share: the default face model, known poses, faces drawn from the model, small networks,
shards, a web server."""

from __future__ import annotations

import json
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from rdr_core.data.label import FaceLabel
from rdr_core.data.shard import Member
from rdr_core.data.shards import write_shards
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.fitting.contour import own_landmarks, visible_landmarks
from rdr_core.geometry.weak_perspective import project
from rdr_core.modeling.build import RdrConfig, build_rdr
from rdr_core.modeling.pe_lstm import RecurrentUnit
from rdr_core.modeling.rdr import RDR
from rdr_core.types import Float32, Pose, UInt8

DrawFace = Callable[..., tuple[UInt8, Float32]]
WriteSet = Callable[..., Path]


@pytest.fixture(scope="session")
def face_model() -> DynamicExpressionModel:
    """Return the face model that comes with the program."""
    return default_face_model()


@pytest.fixture(scope="session")
def shipped_network() -> Path:
    """Return the exported network that comes with the program; skips where this tree has none yet."""
    path = Path(str(files("rdr_core") / "assets" / "live_research.onnx"))
    if not path.is_file() or not path.with_suffix(".safetensors").is_file():
        pytest.skip(
            "rdr_core/assets has no live_research.onnx and .safetensors in this tree: train and export a network"
        )
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


@pytest.fixture(scope="session")
def members(face_model: DynamicExpressionModel, draw_face: DrawFace) -> list[Member]:
    """Return twelve samples for shards: faces drawn from the model with their exact labels; every sixth shows none."""
    return [_member(number, face_model, draw_face) for number in range(12)]


def _member(number: int, face_model: DynamicExpressionModel, draw_face: DrawFace, size: int = 128) -> Member:
    rng = np.random.default_rng(number)
    euler = rng.uniform([-0.3, -0.9, -0.3], [0.3, 0.9, 0.3]).astype(np.float32)
    noise = 0.7 * rng.standard_normal(face_model.n_identity)
    alpha_id = (face_model.identity_mean + face_model.identity_std * noise).astype(np.float32)
    alpha_exp = (rng.uniform(0, 0.8, 46) * (rng.random(46) < 0.12)).astype(np.float32)
    pose = Pose(euler, np.array([64, 68, 0], np.float32), 3.6)
    picture, shape = draw_face(pose, alpha_id, alpha_exp, size, number)
    if number % 6 == 5:
        picture = cv2.resize(rng.integers(0, 256, (6, 6, 3)).astype(np.uint8), (size, size))
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    subset = face_model.face(alpha_id, alpha_exp)[face_model.topology.subset]
    placed = project(subset, euler, pose.translation_px, np.float64(pose.scale_px_per_cm)).astype(np.float32)
    own = own_landmarks(face_model.topology).on(placed)
    seen = np.ones(68, bool)
    scale = pose.scale_px_per_cm
    label = FaceLabel(shape, shape, own, seen, euler, pose.translation_px, scale, alpha_id, alpha_exp, 0.0, "drawn")
    return f"face-{number:03d}", jpeg, label if number % 6 != 5 else None


@pytest.fixture(scope="session")
def write_set(members: list[Member]) -> WriteSet:
    """Return a writer of shards of these samples: (folder, name, samples of each shard, licence) -> manifest path."""

    def write(folder: Path, name: str = "drawn", counts: Sequence[int] = (5, 4, 3), licence: str = "open") -> Path:
        ends = np.cumsum(counts)
        parts = [members[end - count : end] for end, count in zip(ends, counts, strict=True)]
        samples = partial(operator.getitem, parts)
        facts = {"generator": "test", "config": {"counts": list(counts)}, "seed": 0, "licence": licence}
        write_shards(folder, name, samples, len(counts), **facts)
        return folder / f"{name}.json"

    return write


@pytest.fixture
def benchmark_folder(members: list[Member], tmp_path: Path) -> Path:
    """Return a data folder: drawn faces stand for 300-W common (two) and for AFLW2000-3D (three)."""
    faces = tmp_path / "data" / "faces"
    faces.mkdir(parents=True)
    common, dev = [], []
    for key, jpeg, label in members[:4]:
        assert label is not None
        (faces / f"{key}.jpg").write_bytes(jpeg)
        common.append({"image": f"{key}.jpg", "pts68": label.shape.tolist()})
        own, angles = label.landmarks_3d, np.degrees(label.euler_rad).tolist()
        dev.append(
            {
                "file": f"{key}.jpg",
                "pts68_3d": own[:, :2].tolist(),
                "pts68_3d_z": own[:, 2].tolist(),
                "pts68_reannotated": (own[:, :2] + 1).tolist(),
                **dict(zip(("pitch", "yaw", "roll"), angles, strict=True)),
            }
        )
    (faces / "300w_common.json").write_text(json.dumps(common[:2]))
    (faces / "aflw2000_dev.json").write_text(json.dumps(dev[1:]))
    return tmp_path / "data"


TINY = RdrConfig(
    crop_size=64,
    width=8,
    deconv_channels=(32, 16),
    lateral=True,
    steps=2,
    window=8 / 64,
    samples=3,
    hidden=32,
    feedback=True,
)


@pytest.fixture(scope="session")
def tiny_config() -> RdrConfig:
    """Return a network size that runs in milliseconds."""
    return TINY


@pytest.fixture(scope="session")
def unsettle() -> Callable[[RDR], RDR]:
    """Return what makes the batch norms and outputs of a fresh network far from trivial, in evaluation mode."""

    def change(network: RDR) -> RDR:
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.normal_(module.bias, std=0.2)
                module.running_mean = 0.2 * torch.randn_like(module.bias)
                module.running_var = 0.5 + torch.rand_like(module.bias)
        for unit in network.modules():
            if isinstance(unit, RecurrentUnit):
                torch.nn.init.normal_(unit.output.weight, std=0.3)
                torch.nn.init.normal_(unit.output.bias, std=0.1)
        return network.eval()

    return change


@pytest.fixture
def tiny_network(face_model: DynamicExpressionModel, unsettle: Callable[[RDR], RDR]) -> RDR:
    """Return a small network in evaluation mode whose batch norms, statistics and outputs are far from trivial."""
    torch.manual_seed(7)
    network = build_rdr(TINY, face_model)
    pose_mean = torch.tensor([0.1, 0.0, 0.0, 0.5, 0.45, 0.0, 0.05])
    pose_std = torch.tensor([0.2, 0.5, 0.2, 0.03, 0.03, 1.0, 0.005])
    prior = torch.from_numpy(face_model.identity_mean), torch.from_numpy(face_model.identity_std)
    network.set_statistics(pose_mean, pose_std, *prior, torch.full((46,), 0.1))
    return unsettle(network)


@dataclass
class Web:
    """A folder that is served, and how the server misbehaves."""

    folder: Path
    url: str
    """Ends with a slash."""
    requests: list[str] = field(default_factory=list)
    """Paths asked for."""
    failures: list[int] = field(default_factory=list)
    """What happens to the next requests: a status, or 0 for a connection that breaks after half of the content."""


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, web: Web, **kwargs: Any) -> None:
        self.web = web
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        self.web.requests.append(self.path)
        status = self.web.failures.pop(0) if self.web.failures else 200
        if status == 200:
            super().do_GET()
        elif status == 0:
            content = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        else:
            self.send_error(status)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """Serve the folder `web` of the test's folder."""
    found = Web(tmp_path / "web", "")
    found.folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, web=found, directory=str(found.folder))) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
