"""Pictures beside each other, with labels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rdr_core.types import UInt8


def fit_into(image: UInt8, width: int, height: int) -> UInt8:
    """Scale an (H, W, 3) picture to fit, on black."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.zeros((height, width, 3), np.uint8)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    canvas[y : y + size[1], x : x + size[0]] = small
    return canvas


def side_by_side(pictures: Sequence[UInt8], labels: Sequence[str], width: int = 512, height: int = 512) -> UInt8:
    """Lay pictures out in a row, each fitted into (height, width) and labelled."""
    cells = []
    for picture, label in zip(pictures, labels, strict=True):
        cell = fit_into(picture, width, height)
        for at, color in (((11, 23), (0, 0, 0)), ((10, 22), (255, 255, 255))):
            cv2.putText(cell, label, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, 1, cv2.LINE_AA)
        cells.append(cell)
    return np.hstack(cells)
