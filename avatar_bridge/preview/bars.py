"""Bars of the strongest expression coefficients, and text that can be read on any picture."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.types import Float32, UInt8

N_BARS: Final = 6
FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_BAR_BGR: Final = (170, 120, 50)


def draw_bars(image: UInt8, alpha_exp: Float32, column: int = 0) -> None:
    """Draw into an (H, W, 3) BGR picture, at the bottom, a panel of the strongest of (46,) coefficients.

    Panels of several faces stand beside each other, by their column, as far as the picture is wide enough.
    """
    strongest = np.argsort(-alpha_exp, kind="stable")[:N_BARS]
    size = text_size(image)
    row, width = round(34 * size), round(300 * size)
    top = image.shape[0] - row * N_BARS - 6
    columns = image.shape[1] // (width + 8)
    if top < 4 or columns < 1:
        return
    left = column % columns * (width + 8)
    panel = image[top - 4 :, left : left + width + 8]
    panel[:] = panel // 2
    for line, index in enumerate(strongest):
        y = top + row * line
        length = round(float(np.clip(alpha_exp[index], 0, 1)) * width)
        cv2.rectangle(image, (left + 4, y + 2), (left + 4 + length, y + row - 3), _BAR_BGR, -1)
        at = left + 8, y + row - round(11 * size)
        put_text(image, f"{BLENDSHAPE_NAMES[index]} {alpha_exp[index]:.2f}", at, size)


def draw_all_bars(image: UInt8, alpha_exp: Float32) -> None:
    """Draw all of (46,) coefficients into an (H, W, 3) BGR picture, in a column along each edge."""
    height, width = image.shape[:2]
    rows = -(-len(alpha_exp) // 2)
    row, column = height // (rows + 3), round(0.3 * width)
    size = float(np.clip(row / 42, 0.25, 0.6))
    for side in (0, 1):
        panel = image[2 * row : (2 + rows) * row, (width - column) * side : (width - column) * side + column]
        panel[:] = panel // 2
    for index, value in enumerate(np.clip(alpha_exp, 0, 1)):
        side, line = divmod(index, rows)
        left, bottom = (width - column) * side, (3 + line) * row
        end = left + round(float(value) * column)
        cv2.rectangle(image, (left, bottom - row + 1), (end, bottom - 2), _BAR_BGR, -1)
        put_text(image, f"{BLENDSHAPE_NAMES[index]} {value:.2f}", (left + 3, bottom - row // 4), size)


def text_size(image: UInt8) -> float:
    """OpenCV's font scale that suits a picture."""
    return float(np.clip(image.shape[1] / 1100, 0.36, 0.9))


def put_text(image: UInt8, text: str, origin: tuple[int, int], size: float) -> None:
    """Write white text with a shadow; origin is its lower left corner, px."""
    shadow = (origin[0] + 1, origin[1] + 1)  # a thicker outline would be spaced wider
    cv2.putText(image, text, shadow, FONT, size, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.putText(image, text, origin, FONT, size, (255, 255, 255), 1, cv2.LINE_AA)
