"""One annotated (or only named) face of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from rdr_core.errors import DataError
from rdr_core.types import Float32, UInt8

Scheme = Literal["aflw19", "aflw21", "facewarehouse74", "ibug70", "pifa34"]
"""Which points a set annotates, and in which order, where they are not the 68 of iBUG; its reader says more."""


@dataclass(frozen=True, slots=True)
class PointSet:
    """Landmarks of another scheme than iBUG's 68; n is the number at the end of the scheme's name."""

    scheme: Scheme
    points: Float32
    """(n, 2) image px, NaN where not annotated."""
    visible: np.ndarray | None = None
    """(n,) bool, False also where not annotated; None where the set does not say."""


@dataclass(frozen=True, slots=True)
class FaceSample:
    """A face in a picture; what the set does not annotate is None."""

    name: str
    """Unique within the set; the file name as the manifest gives it."""
    image_path: Path
    box_xyxy: Float32 | None = None
    """(4,) tight box of the 68 landmarks, image px."""
    shape: Float32 | None = None
    """(68, 2) S*, jaw on the visible contour (300-W), image px."""
    landmarks_3d: Float32 | None = None
    """(68, 2 or 3) the head's own points, jaw at fixed vertices, image px."""
    euler_rad: Float32 | None = None
    """(3,) pitch, yaw, roll in our signs."""
    person: str | None = None
    """Faces with the same person share alpha_id."""
    other: PointSet | None = None
    """Landmarks of the set's own scheme, where it is not iBUG's 68 alone."""
    face_box_xyxy: Float32 | None = None
    """(4,) the set's own rectangle about the face, image px; how tight it is differs from set to set."""

    def read_image(self) -> UInt8:
        """Return the picture, (H, W, 3) BGR; DataError where it cannot be read."""
        return read_image(self.image_path)


def read_image(path: Path) -> UInt8:
    """Read a picture as (H, W, 3) BGR; DataError where the file is missing or no picture."""
    if not path.is_file():
        raise DataError(f"{path}: no such picture")
    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):  # no permission; an empty file, or more pixels than OpenCV takes
        image = None
    if image is None:
        raise DataError(f"{path}: not a picture that can be read (JPEG, PNG, WebP, BMP are)")
    return image


def box_of(points: Float32) -> Float32:
    """(L, 2) points -> (4,) x0, y0, x1, y1."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
