"""Many pictures on one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from rdr_core.types import UInt8

_PAPER = 24
_GAP_PX = 2


def contact_sheet(images: Sequence[UInt8], cell_px: int, columns: int | None = None) -> UInt8:
    """Put pictures (H, W, 3), fitted into squares of `cell_px`, side by side; by default as wide as high."""
    columns = columns or math.ceil(math.sqrt(len(images)))
    rows = -(-len(images) // columns)
    step = cell_px + _GAP_PX
    sheet = np.full((rows * step - _GAP_PX, columns * step - _GAP_PX, 3), _PAPER, np.uint8)
    for number, image in enumerate(images):
        scale = cell_px / max(image.shape[:2])
        width, height = (max(1, round(extent * scale)) for extent in image.shape[1::-1])
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        y, x = (step * at for at in divmod(number, columns))
        sheet[y : y + height, x : x + width] = cv2.resize(image, (width, height), interpolation=interpolation)
    return sheet
