"""Bad input on the real command line: one clear line, exit code 1, no traceback, nothing half-written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import zmq

ASSETS = Path(__file__).resolve().parents[3] / "rdr_core" / "assets"


def rdr(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "avatar_bridge.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)


def assert_one_line(run: subprocess.CompletedProcess[str], *words: str) -> None:
    assert run.returncode == 1, run.stderr
    lines = run.stderr.splitlines()
    assert len(lines) == 1, run.stderr
    assert lines[0].startswith("error: "), run.stderr
    assert all(word in lines[0] for word in words), lines[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an empty folder, a broken video, noise as a picture, and a file that is no folder."""
    (tmp_path / "empty").mkdir()
    rng = np.random.default_rng(0)
    (tmp_path / "broken.mp4").write_bytes(rng.bytes(3000))
    cv2.imwrite(str(tmp_path / "noise.png"), rng.integers(0, 256, (160, 160, 3), np.uint8))
    (tmp_path / "file.txt").write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("track", "99", "--no-publish"), ("camera 99",)),
        (("track", "broken.mp4", "--no-publish"), ("broken.mp4",)),
        (("track", "empty", "--no-publish"), ("empty", "pictures")),
        (("track", "nothing.mp4", "--no-publish"), ("nothing.mp4",)),
        (("track", "noise.png", "--endpoint", "tcp://0.0.0.0:5999"), ("other machines",)),
        (("predict", "--images", "noise.png", "--out", "new.npz"), ("no face",)),
        (("predict", "--images", "empty", "--out", "new.npz"), ("no pictures",)),
        (("predict", "--images", "file.txt", "--out", "new.npz"), ("manifest",)),
        (("predict", "--images", "noise.png", "--out", "new.npz", "--weights", "none.onnx"), ("none.onnx",)),
        (("fit", "file.txt", "--out", "new.npz"), ("manifest",)),
        (("record", "new.mcap", "--endpoint", "tcp://127.0.0.1:9", "--wait", "0.3"), ("no stream",)),
        (("demo", "--out", "file.txt/demo"), ("file.txt",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_one_line_and_nothing_left(folder: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    before = sorted(folder.rglob("*"))
    assert_one_line(rdr(folder, *arguments), *words)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("cut", ["live.onnx", "live.safetensors"])
def test_truncated_weights(folder: Path, cut: str) -> None:
    for name in ("live.onnx", "live.safetensors"):
        shutil.copyfile(ASSETS / name, folder / name)
    whole = (folder / cut).read_bytes()
    (folder / cut).write_bytes(whole[: len(whole) // 3])
    run = rdr(folder, "predict", "--images", "noise.png", "--out", "new.npz", "--weights", "live.onnx")
    assert_one_line(run, "live.onnx", "not a whole network")
    assert not (folder / "new.npz").exists()


def test_port_in_use(folder: Path) -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        run = rdr(folder, "track", "noise.png", "--endpoint", f"tcp://127.0.0.1:{port}")
    assert_one_line(run, str(port), "in use")


def test_no_egl_library_names_the_packages(folder: Path) -> None:
    """ctypes finds no EGL in this process: what PyOpenGL sees on a machine without the library."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(
        "import ctypes, ctypes.util\n"
        "find, load = ctypes.util.find_library, ctypes.CDLL\n"
        "ctypes.util.find_library = lambda name: None if name in ('EGL', 'OSMesa') else find(name)\n"
        "class CDLL(load):\n"
        "    def __init__(self, name, *rest, **more):\n"
        "        if name and 'EGL' in str(name):\n"
        "            raise OSError(f'{name}: cannot open shared object file')\n"
        "        super().__init__(name, *rest, **more)\n"
        "ctypes.CDLL = CDLL\n"
    )
    program = (
        "import importlib, sys; sys.path.insert(0, 'site'); import sitecustomize; importlib.reload(sitecustomize); "
        "from avatar_bridge.cli import main; raise SystemExit(main(['demo', '--out', 'demo']))"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    assert_one_line(run, "libegl1", "libgl1", "libgles2")
    assert list((folder / "demo").iterdir()) == []


def test_unknown_command_and_help(folder: Path) -> None:
    unknown = rdr(folder, "fly")
    assert unknown.returncode == 2
    assert "fly" in unknown.stderr
    page = rdr(folder, "--help")
    assert page.returncode == 0
    assert all(
        name in page.stdout for name in ("demo", "track", "preview", "record", "predict", "fit", "train", "eval")
    )
