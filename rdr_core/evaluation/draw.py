"""Pictures with landmarks drawn in."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from rdr_core.inference.images import ImageResult
from rdr_core.landmarks import CURVES
from rdr_core.types import Float32, UInt8

_SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates


Color = tuple[int, int, int]


def draw_landmarks(
    image: UInt8, shape: Float32, color: Color = (80, 230, 80), point_color: Color = (255, 255, 255)
) -> UInt8:
    """Draw (68, 2) landmarks, image px, as curves and points on a copy of an (H, W, 3) BGR picture."""
    image = image.copy()
    extent = float(np.ptp(shape, axis=0).max())
    thickness = max(1, round(extent / 220))
    fixed = ((shape - 0.5) * 2**_SUBPIXEL).round().astype(np.int32)
    for indices, closed in CURVES:
        cv2.polylines(image, [fixed[indices]], closed, color, thickness, cv2.LINE_AA, _SUBPIXEL)
    radius = int(max(1.2, extent / 130) * 2**_SUBPIXEL)
    for point in fixed:
        cv2.circle(image, point.tolist(), radius, point_color, -1, cv2.LINE_AA, _SUBPIXEL)
    return image


def write_overlays(folder: Path, results: list[ImageResult]) -> None:
    """Write each picture that has a face with its landmarks."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, result in enumerate(results):
        if result.prediction is not None:
            picture = draw_landmarks(result.sample.read_image(), result.prediction.shape)
            cv2.imwrite(str(folder / f"{number:05d}_{Path(result.sample.name).stem}.jpg"), picture)
