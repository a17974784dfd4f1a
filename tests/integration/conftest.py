"""Commands as real processes, a clip of a real face, free ports."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from avatar_bridge.video_writer import VideoWriter

RATE_HZ = 25.0
PATIENCE_S = 100.0

Rdr = Callable[..., "subprocess.CompletedProcess[str]"]
StartRdr = Callable[..., "subprocess.Popen[str]"]


def command(arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", "avatar_bridge.cli", *map(str, arguments)]


@pytest.fixture
def rdr() -> Rdr:
    """Return a runner of `rdr` commands: rdr("track", clip, env={...}) -> finished process."""

    def run(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(arguments),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            env={**os.environ, **(env or {})},
        )

    return run


@pytest.fixture
def start_rdr() -> Iterator[StartRdr]:
    """Return a starter of `rdr` commands; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(command(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def moving_face(n: int) -> list[np.ndarray]:
    """A photograph that moves, grows and turns a little, as (288, 320, 3) BGR pictures."""
    photo = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    pictures = []
    for i in range(n):
        phase = 2 * np.pi * i / 50
        turn = cv2.getRotationMatrix2D((225, 115), 8 * np.sin(phase), 1.15 + 0.15 * np.sin(1.3 * phase))
        turn[:, 2] += np.array([160 - 225 + 12 * np.sin(phase), 130 - 115 + 8 * np.cos(phase)])
        pictures.append(cv2.warpAffine(photo, turn, (320, 288), borderMode=cv2.BORDER_REPLICATE))
    return pictures


def write_clip(path: Path, pictures: list[np.ndarray]) -> Path:
    with VideoWriter(path, RATE_HZ, quality=18) as video:
        for i, picture in enumerate(pictures):
            video.write(picture, round(i * 1e9 / RATE_HZ))
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a moving face (Eileen Collins, NASA, public domain; comes with scikit-image)."""
    return write_clip(tmp_path_factory.mktemp("clip") / "astronaut.mp4", moving_face(50))


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of it."""
    return write_clip(tmp_path_factory.mktemp("clip") / "long.mp4", 10 * moving_face(50))
