"""A line of the table, and what several faults need: commands as processes, frames, time, a face that moves."""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from avatar_bridge.messages import FaceFrame
from avatar_bridge.subscriber import Subscriber

PATIENCE_S: Final = 60.0
CLIP_RATE_HZ: Final = 25.0
CLIP_S: Final = 40


@dataclass(frozen=True)
class Row:
    """One fault."""

    fault: str
    done: str
    happened: str
    fine: bool
    """Nothing of ours ended that should not, and nothing was lost that need not be."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """What `happened` was made of."""

    def __str__(self) -> str:
        return f"| {self.fault} | {self.done} | {self.happened}{'' if self.fine else ' **not fine**'} |"


def cli(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "avatar_bridge.cli", *map(str, arguments)]


@contextmanager
def rdr(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a command of ours; it is killed at the end."""
    process = subprocess.Popen(cli(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def free_endpoint() -> str:
    """Return an address whose port, and the one after it, nobody listens on."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return f"tcp://127.0.0.1:{port}"


def heard(stream: Subscriber, seconds: float) -> list[FaceFrame]:
    """Return the frames that come within so long."""
    return [m for _ in timed(seconds) for m in stream.poll(20) if isinstance(m, FaceFrame)]


def next_frame(stream: Subscriber) -> FaceFrame:
    """Wait for a frame."""
    for _ in timed(PATIENCE_S):
        for message in stream.poll(100):
            if isinstance(message, FaceFrame):
                return message
    raise TimeoutError("no frame came")


def timed(seconds: float, step_s: float = 0.0) -> Iterator[int]:
    """Count until the time is over, each number when it is due."""
    start = time.monotonic()
    n = 0
    while time.monotonic() - start < seconds:
        yield n
        n += 1
        time.sleep(max(0.0, start + n * step_s - time.monotonic()))


def moving_face(count: int) -> list[np.ndarray]:
    """A photograph that moves and turns a little, as (288, 320, 3) BGR pictures (Eileen Collins, NASA)."""
    import cv2
    import skimage.data

    photo = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    pictures = []
    for n in range(count):
        turn = cv2.getRotationMatrix2D((225, 115), 8 * np.sin(n / 8), 1.15)
        turn[:, 2] += np.array([160 - 225, 130 - 115])
        pictures.append(cv2.warpAffine(photo, turn, (320, 288), borderMode=cv2.BORDER_REPLICATE))
    return pictures


@cache
def clip() -> Path:
    """Return a video of it, written for the first who asks."""
    from avatar_bridge.video_writer import VideoWriter

    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    faces = moving_face(100)
    with VideoWriter(Path(folder) / "clip.mp4", CLIP_RATE_HZ) as video:
        for n in range(round(CLIP_RATE_HZ * CLIP_S)):
            video.write(faces[n % 100], round(n * 1e9 / CLIP_RATE_HZ))
    return video.path
