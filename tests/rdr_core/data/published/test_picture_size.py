"""Picture sizes from headers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.published.picture_size import picture_size
from rdr_core.errors import DataError

JPEG = [
    [],
    [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    [cv2.IMWRITE_JPEG_OPTIMIZE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 4],
]


@pytest.mark.parametrize("options", JPEG)
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(options: list[int], channels: int, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (37, 501, channels), np.uint8)
    cv2.imwrite(str(tmp_path / "a.jpg"), picture, options)
    assert picture_size(tmp_path / "a.jpg") == (501, 37)


def test_jpeg_with_a_thumbnail_inside(tmp_path: Path) -> None:
    """The size of the picture, not of the small one that its metadata holds."""
    small, large = (cv2.imencode(".jpg", np.zeros((side, side, 3), np.uint8))[1].tobytes() for side in (8, 300))
    metadata = b"\xff\xe1" + (len(small) + 2).to_bytes(2, "big") + small
    (tmp_path / "a.jpg").write_bytes(large[:2] + metadata + b"\xff" + large[2:])  # and a padding byte
    assert picture_size(tmp_path / "a.jpg") == (300, 300)


@pytest.mark.parametrize("shape", [(1, 1), (480, 640, 3), (20, 30, 4)])
def test_png(shape: tuple[int, ...], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros(shape, np.uint8))
    assert picture_size(tmp_path / "a.png") == shape[1::-1]


def test_what_has_no_size(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such picture"):
        picture_size(tmp_path / "none.png")
    with pytest.raises(DataError, match="cannot be read"):
        picture_size(tmp_path)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (0).to_bytes(4, "big") * 2)
    with pytest.raises(DataError, match="0 x 0 px cannot be"):
        picture_size(path)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]))
def test_any_bytes_give_a_size_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, rest: bytes, start: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jpg"
    path.write_bytes(start + rest)
    try:
        size = picture_size(path)
    except DataError:
        size = (1, 1)
    assert min(size) > 0
