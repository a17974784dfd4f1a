from __future__ import annotations

import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from avatar_bridge.capture import ImageFolderSource
from avatar_bridge.errors import VideoError


def write_picture(path: Path, level: int, size_px: tuple[int, int] = (30, 20)) -> None:
    assert cv2.imwrite(str(path), np.full((size_px[1], size_px[0], 3), level, np.uint8))


def test_pictures_in_natural_order_at_a_nominal_rate(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        write_picture(tmp_path / f"face_{number}.png", number)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    source = ImageFolderSource(tmp_path, rate_hz=50, base_time_ns=1000)
    assert (source.size_px, source.rate_hz, source.frame_count, source.is_live) == ((30, 20), 50.0, 3, False)
    frames = list(source)
    assert [f.name for f in frames] == ["face_1.png", "face_2.png", "face_10.png"]
    assert [int(f.image_bgr[0, 0, 0]) for f in frames] == [1, 2, 10]
    assert [f.capture_time_ns for f in frames] == [1000, 20_001_000, 40_001_000]
    assert [f.index for f in frames] == [0, 1, 2]


def test_a_single_picture_becomes_colour(tmp_path: Path) -> None:
    path = tmp_path / "grey with ünicode.png"
    cv2.imencode(".png", np.full((8, 9), 77, np.uint8))[1].tofile(path)
    (frame,) = ImageFolderSource(path)
    assert frame.image_bgr.shape == (8, 9, 3)
    assert (frame.image_bgr == 77).all()


def test_a_damaged_picture_is_left_out_of_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_picture(tmp_path / "1.png", 1)
    (tmp_path / "2.png").write_bytes(b"no picture")
    (tmp_path / "3.png").touch()
    write_picture(tmp_path / "4.png", 4)
    source = ImageFolderSource(tmp_path, rate_hz=10, base_time_ns=0)
    with caplog.at_level(logging.WARNING):
        frames = list(source)
    assert [(f.index, f.capture_time_ns) for f in frames] == [(0, 0), (3, 300_000_000)]
    assert [name for record in caplog.records for name in ("2.png", "3.png") if name in record.getMessage()] == [
        "2.png",
        "3.png",
    ]


def test_nothing_to_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no pictures in"):
        ImageFolderSource(tmp_path)
    with pytest.raises(VideoError, match="no such picture or folder"):
        ImageFolderSource(tmp_path / "missing")
    (tmp_path / "1.png").write_bytes(b"no picture")
    with pytest.raises(VideoError, match=r"cannot read the picture .*1\.png"):
        ImageFolderSource(tmp_path / "1.png")
    shutil.copy(tmp_path / "1.png", tmp_path / "2.png")
    with pytest.raises(VideoError, match="none of the 2 pictures"):
        ImageFolderSource(tmp_path)
    with pytest.raises(VideoError, match="rate"):
        ImageFolderSource(tmp_path, rate_hz=0)
