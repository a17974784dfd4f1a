from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.errors import VideoError
from avatar_bridge.video_writer import VideoWriter


def picture(level: int, size_px: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((size_px[1], size_px[0], 3), level, np.uint8)


def test_pictures_and_their_own_times_come_back(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    times_ms = [1000, 1040, 1200, 1233, 2000]
    with VideoWriter(path, rate_hz=25) as writer:
        for i, time_ms in enumerate(times_ms):
            writer.write(picture(40 * i + 20), time_ms * 1_000_000)
        assert not path.exists()
    frames = list(VideoSource(path, base_time_ns=0))
    assert [round(f.capture_time_ns / 1e6) for f in frames] == [t - 1000 for t in times_ms]
    for i, frame in enumerate(frames):
        assert abs(frame.image_bgr.mean() - (40 * i + 20)) < 4
    assert [p.name for p in tmp_path.iterdir()] == ["take.mp4"]


def test_an_animated_webp(tmp_path: Path) -> None:
    """For ever, with each picture's own time."""
    image = pytest.importorskip("PIL.Image", reason="Pillow reads it")
    path, times_ms = tmp_path / "take.webp", [0, 40, 200, 233, 500]
    with VideoWriter(path, rate_hz=25) as writer:
        for i, time_ms in enumerate(times_ms):
            writer.write(picture(40 * i + 20), time_ms * 1_000_000)
        assert not path.exists()
    durations = []
    with image.open(path) as read:
        assert (read.format, read.size, read.info["loop"], read.n_frames) == ("WEBP", (64, 48), 0, 5)
        for i in range(5):
            read.seek(i)
            level = np.asarray(read.convert("RGB")).mean()
            assert abs(level - (40 * i + 20)) < 4
            durations.append(read.info["duration"])
    assert durations[:4] == [40, 160, 33, 267]
    assert [p.name for p in tmp_path.iterdir()] == ["take.webp"]


def test_colours_are_bgr_and_odd_sizes_are_filled_up(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    image = np.zeros((47, 63, 3), np.uint8)
    image[..., 2] = 255
    with VideoWriter(path, quality=0) as writer:
        writer.write(image, 0)
    (frame,) = VideoSource(path)
    assert frame.image_bgr.shape == (48, 64, 3)
    blue, green, red = frame.image_bgr.reshape(-1, 3).mean(axis=0)
    assert red > 240
    assert max(blue, green) < 15


def write_then_fail(writer: VideoWriter) -> None:
    writer.write(picture(10), 0)
    writer.write(picture(10)[..., 0], 40_000_000)


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    path.write_bytes(b"an older take")
    with pytest.raises(VideoError, match="uint8"), VideoWriter(path) as writer:
        write_then_fail(writer)
    assert path.read_bytes() == b"an older take"
    assert [p.name for p in tmp_path.iterdir()] == ["take.mp4"]
    with pytest.raises(VideoError, match="closed"):
        writer.write(picture(10), 1)


def test_no_frame_is_an_error_and_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no frame was written"), VideoWriter(tmp_path / "empty.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_are_refused(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "take.mp4")
    writer.write(picture(10), 50)
    with pytest.raises(VideoError, match="must rise"):
        writer.write(picture(10), 50)
    with pytest.raises(VideoError, match="must be"):
        writer.write(picture(10, (32, 32)), 100_000_000)
    with pytest.raises(VideoError, match="uint8"):
        writer.write(picture(10).astype(np.float32), 200_000_000)  # type: ignore[arg-type]
    writer.abort()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("take.avi", {}, "mp4"),
        ("missing/take.mp4", {}, "no such folder"),
        ("take.mp4", {"rate_hz": 0}, "rate_hz"),
        ("take.mp4", {"quality": 60}, "quality"),
    ],
)
def test_impossible_options_are_refused(tmp_path: Path, name: str, options: dict[str, int], said: str) -> None:
    with pytest.raises(VideoError, match=said):
        VideoWriter(tmp_path / name, **options)
