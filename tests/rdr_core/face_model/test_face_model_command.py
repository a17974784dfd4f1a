"""`rdr face-model import`, and everything else with the model that it made: real commands on the imitation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, load_face_model

pytestmark = pytest.mark.timeout(300)  # a network is exported


def rdr(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "avatar_bridge.cli", *map(str, arguments)]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=280, check=False
    )


def failed(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of an error."""
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the picture")
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    cv2.imwrite(str(path), np.ascontiguousarray(data.astronaut()[..., ::-1]))
    return path


@pytest.fixture(scope="module")
def imported(facewarehouse: Path, landmark_list: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face model of the imitation with the network that was taken over to it."""
    out = tmp_path_factory.mktemp("imported") / "new" / "mine.npz"
    done = rdr("face-model", "import", facewarehouse, "--landmarks", landmark_list, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "8 people, 11248 vertices, 46 expressions -> 8 identity dimensions" in done.stdout
    assert "identity is mapped, not trained" in done.stdout
    assert {path.name for path in out.parent.iterdir()} == {"mine.npz", "mine.onnx", "mine.safetensors"}
    return out


def test_landmarks_of_a_portrait_are_the_same(imported: Path, portrait: Path, tmp_path: Path) -> None:
    """The faces of both models are the same people's, so the networks must nearly agree; identity has 8 numbers."""
    found = []
    for chosen in ((), ("--face-model", imported)):
        out = tmp_path / f"{len(found)}.npz"
        done = rdr(*chosen, "predict", "--images", portrait, "--out", out)
        assert done.returncode == 0, done.stderr
        with np.load(out) as archive:
            found.append({name: archive[name] for name in archive.files})
    shipped, mine = found
    eyes_px = np.linalg.norm(shipped["landmarks"][0, 45] - shipped["landmarks"][0, 36])
    for name in ("landmarks", "projected"):
        apart = np.linalg.norm(shipped[name][0] - mine[name][0], axis=-1).mean()
        assert 0 < apart < 0.04 * eyes_px, name
    assert np.abs(shipped["alpha_exp"] - mine["alpha_exp"]).max() < 0.2


def test_tracking_and_showing(imported: Path, portrait: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.mp4"
    take = ("track", portrait, "--no-publish", "--fast", "--overlay", overlay)
    done = rdr(f"--face-model={imported}", *take)
    assert done.returncode == 0, done.stderr
    assert "a face in 100.0 %" in done.stdout
    assert overlay.is_file()
    assert "8 identity dimensions" in rdr("face-model", "show", RDR_FACE_MODEL=str(imported)).stdout
    assert "50 identity dimensions" in rdr("face-model", "show").stdout


def test_networks_of_another_face_model_are_refused(imported: Path, portrait: Path, tmp_path: Path) -> None:
    track = ("track", portrait, "--no-publish", "--fast")
    assert "made for another face model" in failed(rdr(*track, "--weights", imported.with_suffix(".onnx")))
    assert "not made for" in failed(rdr("--face-model", imported, *track, "--weights", "research"))
    alone = tmp_path / "alone.npz"
    os.link(imported, alone)
    assert "no network beside the face model alone.npz" in failed(rdr("--face-model", alone, *track))


def test_fitting_uses_it(imported: Path, portrait: Path, face_model: DynamicExpressionModel, tmp_path: Path) -> None:
    vertices = face_model.face()[face_model.topology.landmarks]
    points = [[256 + 20 * float(x), 256 - 20 * float(y)] for x, y, _ in vertices]
    (tmp_path / "faces.json").write_text(json.dumps([{"image": str(portrait), "pts68": points}]))
    out = tmp_path / "fits.npz"
    fit = ("fit", tmp_path / "faces.json", "--out", out, "--no-mirror", "--jobs", 1)
    done = rdr("--face-model", imported, *fit)
    assert done.returncode == 0, done.stderr
    with np.load(out) as archive:
        assert archive["alpha_id"].shape[-1] == 8


def test_errors_leave_nothing_behind(facewarehouse: Path, landmark_list: Path, tmp_path: Path) -> None:
    out = tmp_path / "none.npz"
    assert "no Tester_" in failed(rdr("face-model", "import", tmp_path, "--out", out))
    assert "give the folder" in failed(rdr("face-model", "import", "--out", out))
    assert "must be 68" in failed(rdr("face-model", "import", facewarehouse, "--out", out, "--no-network"))
    assert ".npz" in failed(rdr("face-model", "import", facewarehouse, "--out", tmp_path / "model.obj"))
    assert "no such file" in failed(rdr("--face-model", tmp_path / "none.npz", "track", "0"))
    assert "no such file" in failed(rdr("--face-model"))
    assert not list(tmp_path.iterdir())


def test_model_alone(facewarehouse: Path, landmark_list: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.npz"
    arguments = ("--landmarks", landmark_list, "--out", out, "--identities", 4, "--rank", 80, "--no-network")
    done = rdr("face-model", "import", facewarehouse, *arguments)
    assert done.returncode == 0, done.stderr
    assert "4 identity dimensions of rank 80" in done.stdout
    assert load_face_model(out).tensor.core.shape == (80, 4, 47)
    assert [path.name for path in tmp_path.iterdir()] == ["small.npz"]
