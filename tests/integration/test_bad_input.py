"""What users get wrong, or their machines: exit code 1, one line that says it, nothing half-written left behind."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.recording import read_take
from avatar_bridge.video_writer import VideoWriter

Fails = Callable[..., str]
RDR_ASSETS = Path(str(files("rdr_core") / "assets"))


@pytest.fixture
def fails(rdr: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> Fails:
    """Return a runner of commands that must fail: it checks how they do and returns their one line."""

    def run(*arguments: object, env: dict[str, str] | None = None) -> str:
        before = sorted(tmp_path.rglob("*"))
        done = rdr(*arguments, env=env)
        lines = done.stderr.splitlines()
        assert done.returncode == 1, done.stderr
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("error: ")
        assert "Traceback" not in done.stdout
        assert "wrote" not in done.stdout
        assert sorted(tmp_path.rglob("*")) == before
        return lines[0]

    return run


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A picture without a face."""
    path = tmp_path / "noise.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8))
    return path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="cameras are files on Linux only")
def test_no_camera(fails: Fails, tmp_path: Path) -> None:
    line = fails("track", "99", "--no-publish", "--record", tmp_path / "take.mcap")
    assert "no camera 99" in line


def test_unknown_smoothing(fails: Fails, noise: Path, tmp_path: Path) -> None:
    line = fails("track", noise, "--no-publish", "--smoothing", "normal,eye=light", "--record", tmp_path / "take.mcap")
    assert "no smoothing 'eye=light'" in line
    assert "REGION=LEVEL" in line


def test_unreadable_video(fails: Fails, tmp_path: Path) -> None:
    video = tmp_path / "garbage.mp4"
    video.write_bytes(np.random.default_rng(1).bytes(20_000))
    assert "cannot read the video" in fails("track", video, "--no-publish", "--overlay", tmp_path / "o.mp4")
    video.write_bytes(b"")
    assert "cannot read the video" in fails("track", video, "--no-publish", "--overlay", tmp_path / "o.mp4")
    assert "no such file or folder" in fails("track", tmp_path / "none.mp4", "--no-publish")


def test_truncated_video_without_its_index(fails: Fails, clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert "cannot read the video" in fails("track", cut, "--no-publish", "--overlay", tmp_path / "o.mp4")


def test_a_cut_recording_is_used_as_far_as_it_goes(
    rdr: Callable[..., subprocess.CompletedProcess[str]], clip: Path, tmp_path: Path
) -> None:
    whole, cut, overlay, take = (tmp_path / name for name in ("whole.mkv", "cut.mkv", "overlay.mp4", "take.mcap"))
    with VideoWriter(whole, 25) as video:
        for frame in VideoSource(clip):
            video.write(frame.image_bgr, frame.capture_time_ns)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = rdr("track", cut, "--no-publish", "--fast", "--overlay", overlay, "--record", take)
    assert (done.returncode, done.stderr) == (0, "")
    assert 5 < len(list(read_take(take))) == len(list(VideoSource(overlay))) < 45


def test_folders_without_pictures(fails: Fails, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    assert "no pictures in" in fails("track", folder, "--no-publish", "--record", tmp_path / "take.mcap")
    assert "no pictures in" in fails("predict", "--images", folder, "--out", tmp_path / "p.npz")
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    assert "cannot read the picture" in fails("track", folder, "--no-publish", "--record", tmp_path / "take.mcap")
    assert "a.png" in fails("predict", "--images", folder, "--out", tmp_path / "p.npz")


def test_picture_without_a_face(fails: Fails, noise: Path, tmp_path: Path) -> None:
    overlays = tmp_path / "overlays"
    line = fails("predict", "--images", noise, "--out", tmp_path / "p.npz", "--overlays", overlays)
    assert "no face was found" in line


@pytest.mark.parametrize("name", ["avatar.png", "avatar.mp4"])
def test_preview_without_a_stream(fails: Fails, tmp_path: Path, free_port: int, headless_gl: None, name: str) -> None:
    endpoint = f"tcp://127.0.0.1:{free_port}"
    line = fails("preview", "--endpoint", endpoint, "--out", tmp_path / name, "--wait", 0.5)
    assert "no face on" in line
    assert "rdr track" in line


def test_record_without_a_stream(fails: Fails, tmp_path: Path, free_port: int) -> None:
    line = fails("record", tmp_path / "t.mcap", "--endpoint", f"tcp://127.0.0.1:{free_port}", "--wait", 0.3)
    assert "no stream on" in line


def test_truncated_weights(fails: Fails, clip: Path, tmp_path: Path) -> None:
    stored = (RDR_ASSETS / "live_research.safetensors").read_bytes()
    graph, weights = tmp_path / "live_research.onnx", tmp_path / "live_research.safetensors"
    shutil.copy(RDR_ASSETS / "live_research.onnx", graph)
    arguments = ("track", clip, "--no-publish", "--fast", "--overlay", tmp_path / "o.mp4", "--weights")
    assert "no such network" in fails(*arguments, tmp_path / "none.onnx")
    assert "not a whole" in fails(*arguments, graph)  # its weights are not there
    weights.write_bytes(stored[: len(stored) // 2])
    assert "not a whole" in fails(*arguments, graph)
    assert "not a whole weights file" in fails(*arguments, weights)
    weights.write_bytes(stored)
    graph.write_bytes(graph.read_bytes()[:5000])
    assert "not a whole" in fails(*arguments, graph)


def test_port_in_use(fails: Fails, clip: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = fails("track", clip, "--endpoint", f"tcp://127.0.0.1:{port}", "--record", tmp_path / "take.mcap")
    assert f"port {port} is in use" in line


def test_other_machines_are_shut_out_without_keys(fails: Fails, clip: Path, tmp_path: Path) -> None:
    line = fails("track", clip, "--endpoint", "tcp://0.0.0.0:5999", "--record", tmp_path / "take.mcap")
    assert "open to other machines" in line


NO_GL = '''
"""Hides every OpenGL library from this interpreter."""
import ctypes, ctypes.util

NAMES = ("EGL", "libGL", "GLES", "OSMesa", "OpenGL")
find, load = ctypes.util.find_library, ctypes.CDLL.__init__

def find_library(name):
    return None if name.startswith(("EGL", "GL", "OSMesa", "OpenGL")) else find(name)

def init(self, name, *more, **options):
    if name and any(part in str(name) for part in NAMES):
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")
    load(self, name, *more, **options)

ctypes.util.find_library, ctypes.CDLL.__init__ = find_library, init
'''


def test_no_opengl(fails: Fails, tmp_path: Path, free_port: int) -> None:
    hidden = tmp_path / "site"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(NO_GL)
    env = {"PYTHONPATH": str(hidden), "PYTHONDONTWRITEBYTECODE": "1"}
    endpoint = f"tcp://127.0.0.1:{free_port}"
    for arguments in (
        ("preview", "--endpoint", endpoint, "--out", tmp_path / "a.png", "--wait", 0.5),
        ("avatar", "--sheet", tmp_path / "sheet.png"),
        ("demo", "--out", tmp_path),
    ):
        line = fails(*arguments, env=env)
        assert "no OpenGL" in line
        assert "apt install libegl1" in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"image": "a.png"', "not a JSON manifest"),
        ('{"image": "a.png"}', "JSON list of objects"),
        ("[]", "is empty"),
        ('[{"pts68": []}]', "needs `image` or `file`"),
        ('[{"image": "a.png", "bbox_xyxy": [9, 9, 1, 1]}]', "x0 < x1"),
        ('[{"image": "a.png", "pts68": [[NaN, 1]]}]', "finite numbers of shape (68, 2)"),
        ('[{"image": "missing.png"}]', "missing.png"),
    ],
)
def test_broken_manifest(fails: Fails, tmp_path: Path, content: str, said: str) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(content)
    assert said in fails("predict", "--images", manifest, "--out", tmp_path / "p.npz")


def test_unwritable_places(fails: Fails, clip: Path, noise: Path, tmp_path: Path, free_port: int) -> None:
    """Below a regular file nothing can be made, whoever one is."""
    below = tmp_path / "file" / "folder"
    below.parent.write_text("a regular file")
    endpoint = f"tcp://127.0.0.1:{free_port}"
    face = tmp_path / "face.png"
    cv2.imwrite(str(face), next(iter(VideoSource(clip))).image_bgr)
    for arguments in (
        ("track", clip, "--no-publish", "--overlay", below / "o.mp4"),
        ("track", clip, "--no-publish", "--record", below / "t.mcap"),
        ("record", below / "t.mcap", "--endpoint", endpoint, "--wait", 0.1),
        ("preview", "--out", below / "a.png", "--endpoint", endpoint, "--wait", 0.1),
        ("predict", "--images", face, "--out", below / "p.npz"),
        ("avatar", "--sheet", below / "sheet.png"),
        ("demo", "--out", below),
    ):
        assert str(below.parent) in fails(*arguments)


def test_wrong_endings(fails: Fails, clip: Path, tmp_path: Path) -> None:
    assert ".mcap" in fails("track", clip, "--no-publish", "--fast", "--record", tmp_path / "take.txt")
    both = ("--record", tmp_path / "take.mcap", "--overlay", tmp_path / "overlay.avi")
    assert ".mp4" in fails("track", clip, "--no-publish", "--fast", *both)
    assert ".webp or .png" in fails("preview", "--out", tmp_path / "avatar.gif")
    assert ".png" in fails("avatar", "--sheet", tmp_path / "sheet.jpg")
    assert ".glb" in fails("avatar", "export", "--out", tmp_path / "avatar.fbx")


def test_fit_of_landmarks_that_are_no_faces(
    rdr: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    rows = [{"image": f"{n}.png", "pts68": rng.uniform(0, 200, (68, 2)).tolist()} for n in range(2)]
    manifest = tmp_path / "scattered.json"
    manifest.write_text(json.dumps(rows))
    done = rdr("fit", manifest, "--out", tmp_path / "fits.npz", "--jobs", 1, "--no-mirror")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "are the landmarks in iBUG-68 order" in line
    assert not (tmp_path / "fits.npz").exists()
    assert (tmp_path / "fits_report" / "dropped.csv").is_file(), "the report shows what was wrong with them"


def test_a_take_is_not_overwritten(fails: Fails, rdr: Callable[..., object], clip: Path, tmp_path: Path) -> None:
    take = tmp_path / "take.mcap"
    rdr("track", clip, "--no-publish", "--fast", "--seconds", 0.2, "--record", take)
    before = take.read_bytes()
    assert "is there already" in fails("track", clip, "--no-publish", "--fast", "--record", take)
    assert take.read_bytes() == before
    assert len(list(read_take(take))) > 0
