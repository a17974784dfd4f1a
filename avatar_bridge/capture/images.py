"""A folder of pictures, or a single one, as a source at a nominal rate."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from avatar_bridge.capture.frames import DEFAULT_RATE_HZ, MAX_PIXELS, CapturedFrame, FrameSource
from avatar_bridge.errors import VideoError
from rdr_core.types import UInt8

IMAGE_SUFFIXES: Final = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

_log = logging.getLogger(__name__)


class ImageFolderSource(FrameSource):
    """Pictures of one folder in the order of their names (2 before 10), or one picture.

    A picture of a folder that cannot be read is left out with a warning; its time passes nevertheless.
    """

    is_live = False

    def __init__(self, path: str | Path, rate_hz: float = DEFAULT_RATE_HZ, base_time_ns: int | None = None) -> None:
        """Find the pictures and read the first; base_time_ns is the time of the first (default: now)."""
        path = Path(path)
        if not rate_hz > 0:
            raise VideoError(f"the rate of pictures must be over 0, got {rate_hz}")
        self.name = path.name
        self.rate_hz = float(rate_hz)
        self.paths = [path] if path.is_file() else _pictures_in(path)
        self.frame_count = len(self.paths)
        self._base_time_ns = time.time_ns() if base_time_ns is None else base_time_ns
        first = next(iter(self), None)
        if first is None:
            raise VideoError(f"none of the {len(self.paths)} pictures of {path} can be read: are they damaged?")
        self.size_px = (first.image_bgr.shape[1], first.image_bgr.shape[0])

    def __iter__(self) -> Iterator[CapturedFrame]:
        for index, path in enumerate(self.paths):
            try:
                image = read_picture(path)
            except VideoError as error:
                if len(self.paths) == 1:
                    raise
                _log.warning("left out: %s", error)
                continue
            time_ns = round(index * 1e9 / self.rate_hz)
            yield CapturedFrame(image, self._base_time_ns + time_ns, index, path.name, time_ns)


def read_picture(path: Path) -> UInt8:
    """Return a picture file as (H, W, 3) uint8 BGR, upright. Raises VideoError."""
    import cv2
    import numpy as np

    try:
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:  # cv2.error: an empty file, or more pixels than OpenCV allows
        raise VideoError(f"cannot read the picture {path}: {str(error).splitlines()[0]:.100}") from None
    if image is None:
        raise VideoError(f"cannot read the picture {path}: damaged, or of a format that is none of {_suffixes()}")
    if image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise VideoError(f"the picture {path} is too large, {image.shape[1]} x {image.shape[0]}: make it smaller first")
    return image.astype(np.uint8, copy=False)


def _pictures_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise VideoError(f"no such picture or folder: {folder}")
    paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not paths:
        raise VideoError(f"no pictures in {folder}: it must hold files that end in {_suffixes()}")
    return sorted(paths, key=lambda path: _natural(path.name))


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return a key that sorts numbers inside of names by value."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)], name


def _suffixes() -> str:
    return " ".join(sorted(IMAGE_SUFFIXES))
