from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.video_writer import VideoWriter

N_FRAMES = 60


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video of 60 frames at 25 a second, 96x64: noise around a middle whose grey is 4 x the frame number."""
    path = tmp_path_factory.mktemp("video") / "counting.mp4"
    rng = np.random.default_rng(0)
    with VideoWriter(path, rate_hz=25) as writer:
        for i in range(N_FRAMES):
            image = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
            image[16:48, 16:80] = 4 * i
            writer.write(image, i * 40_000_000)
    return path
