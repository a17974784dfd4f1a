"""What the camera saw, small."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar_bridge.capture.frames import CapturedFrame
from avatar_bridge.control_messages import MAX_PICTURE_BYTES, Picture
from avatar_bridge.errors import ControlError, WireError
from avatar_bridge.last_picture import LONGER_SIDE_PX, LastPicture


def captured(image: np.ndarray) -> CapturedFrame:
    return CapturedFrame(image, 7, 0, "camera 0")


@pytest.mark.parametrize("size", [(1080, 1920), (1920, 1080), (100, 60), (1, 4000)])
def test_it_is_small_and_the_same(size: tuple[int, int]) -> None:
    last = LastPicture()
    with pytest.raises(ControlError, match="no picture has come"):
        last.small()
    image = np.full((*size, 3), (200, 120, 40), np.uint8)
    last.captured = captured(image)
    picture = last.small()
    read = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.capture_time_ns == 7
    assert max(read.shape) == min(LONGER_SIDE_PX, max(size))
    assert np.abs(read.reshape(-1, 3).mean(axis=0) - (200, 120, 40)).max() < 4


def test_noise_fits_into_a_message() -> None:
    last = LastPicture()
    last.captured = captured(np.random.default_rng(0).integers(0, 256, (360, 360, 3)).astype(np.uint8))
    assert 10_000 < len(last.small().jpeg) <= MAX_PICTURE_BYTES


@pytest.mark.parametrize("jpeg", [b"", b"GIF89a", b"\xff\xd8\xff" + bytes(MAX_PICTURE_BYTES), "text", None])
def test_what_is_no_picture(jpeg: object) -> None:
    with pytest.raises(WireError, match="jpeg must be a JPEG of at most"):
        Picture(jpeg=jpeg, capture_time_ns=0)  # type: ignore[arg-type]
