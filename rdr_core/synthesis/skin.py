"""Skins: the measured atlases of VALID made fit for the face model's mesh, and their variation.

Pixels of an atlas: uv in [0, 1], v down.  Atlases are (H, W, 3) RGB, sRGB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from rdr_core.errors import AssetError
from rdr_core.face_model.topology import Topology
from rdr_core.landmarks import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, LIPS_INNER
from rdr_core.types import Float32, UInt8

_MARGIN_PX: Final = 3
"""Pixels at the rim of a chart that already mix with what is beside it."""
_BROW_SPREAD: Final = (0.085, 0.032)
"""How far around a brow the skin moves with it, width and height, share of the atlas."""
_DARKER: Final = 4
"""How much darker than the skin around it, of 255, a brow is at least."""
_SLIT_SHADE: Final = 0.5
"""How much darker the lips are painted where they touch."""


def chart_mask(triangle_uv: Float32, size: int) -> UInt8:
    """(T, 3, 2) corner coordinates -> (size, size) mask, 255 well inside the charts."""
    mask = np.zeros((size, size), np.uint8)
    for corners in (triangle_uv * size).round().astype(np.int32):
        cv2.fillConvexPoly(mask, corners, 255)
    return cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=_MARGIN_PX)


def nearest_inside(mask: UInt8) -> np.ndarray:
    """(H, W) mask -> (H, W) flat number of the nearest pixel inside it."""
    _, labels = cv2.distanceTransformWithLabels(255 - mask, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    inside = np.flatnonzero(mask)
    pixel_of = np.zeros(labels.max() + 1, np.int64)
    pixel_of[labels.ravel()[inside]] = inside
    return pixel_of[labels]


def fill_outside(image: UInt8, nearest: np.ndarray) -> UInt8:
    """Give every pixel the colour of the nearest one inside a mask, see `nearest_inside`."""
    return image.reshape(-1, image.shape[-1])[nearest]


def paint_lips_shut(image: UInt8, inner_lips_px: Float32, margin_px: int = 4) -> UInt8:
    """Replace what is painted between the inner lips, (8, 2) px, and a margin about it by lip, darker in the middle."""
    slit = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(slit, [inner_lips_px.round().astype(np.int32)], 255)
    wide = cv2.dilate(slit, np.ones((2 * margin_px + 1, 2 * margin_px + 1), np.uint8))
    lip = cv2.inpaint(image, wide, margin_px, cv2.INPAINT_TELEA)
    shade = cv2.GaussianBlur(slit, (0, 0), margin_px).astype(np.float32)[..., None] / 255
    return (lip * (1 - _SLIT_SHADE * shade)).astype(np.uint8)


def read_atlas(path: Path, size: int) -> UInt8:
    """Read an atlas at (size, size, 3) RGB."""
    image = cv2.imread(str(path)) if path.is_file() else None
    if image is None:
        raise AssetError(f"{path}: no skin that can be read; point RDR_DATA or --data at the data folder")
    return np.ascontiguousarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)[..., ::-1])


class SkinMaker:
    """Fits atlases to the mesh; holds what is the same for all of them."""

    def __init__(self, topology: Topology, head_uv: Float32, body_uv: Float32, size: int = 1024) -> None:
        """Corners (T', 3, 2) of the measured head's charts and of the body's, beside those of the face model."""
        if topology.uv is None or topology.triangle_uv is None:
            raise AssetError("this face model has no texture coordinates, so that no skin fits it")
        self.size = size
        on_both = chart_mask(topology.triangle_uv, size) & chart_mask(head_uv, size)
        self._nearest = nearest_inside(on_both | chart_mask(body_uv, size))
        self.landmarks_px = topology.uv[topology.landmarks] * size

    def make(self, path: Path) -> UInt8:
        """Read an atlas and fit it: charts widened, lips shut, eyebrows under their landmarks."""
        image = fill_outside(read_atlas(path, self.size), self._nearest)
        image = paint_lips_shut(image, self.landmarks_px[LIPS_INNER], max(2, self.size // 256))
        return align_brows(image, self.landmarks_px)


def align_brows(image: UInt8, landmarks_px: Float32) -> UInt8:
    """Move the painted eyebrows under their landmarks, (68, 2) px: the face model says where a brow is, each atlas has
    it elsewhere by some millimetres."""
    size = image.shape[0]
    image = image.copy()
    for brow, eye in ((BROW_RIGHT, EYE_RIGHT), (BROW_LEFT, EYE_LEFT)):
        points = landmarks_px[brow]
        found = find_brow(image, points, float(points[:, 1].mean() - landmarks_px[eye, 1].mean()))
        # the skin between eye and hairline gives way; lids and hairline stay
        center, spread = points.mean(axis=0), np.array(_BROW_SPREAD) * size
        low = np.clip(center - spread * (2, 4), 0, size).astype(int)
        high = np.clip(center + spread * (2, 4), 0, size).astype(int)
        y, x = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
        away = np.abs((x - center[0]) / spread[0]) ** 4 + ((y - center[1]) / spread[1]) ** 2
        moved = y + np.float32(found - points[:, 1].mean()) * np.exp(-0.5 * away).astype(np.float32)
        image[low[1] : high[1], low[0] : high[0]] = cv2.remap(image, x, moved, cv2.INTER_LINEAR)
    return image


def find_brow(image: UInt8, points: Float32, above_eye: float) -> float:
    """Mean row of the painted brow near (5, 2) landmarks, px; where none is seen, the landmarks' own.

    `above_eye` (negative) is the row of the brow minus that of the eye: half of it is searched to either side.
    """
    reach = int(abs(above_eye) * 0.55)
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), image.shape[0] / 500).astype(np.float32)
    columns = np.linspace(points[0, 0], points[-1, 0], 40)[4:-4]
    rows = np.interp(columns, points[:, 0], points[:, 1])
    around = np.arange(-reach, reach + 1)
    profile = gray[(rows[:, None] + around).round().astype(int), columns.round().astype(int)[:, None]]
    dark = np.clip(np.median(profile, axis=1, keepdims=True) - profile, 0, None).mean(axis=0)
    likely = dark * (1 - (around / (reach + 1)) ** 2)  # lids and hairline are dark, too
    peak = int(likely.argmax())
    if likely[peak] < _DARKER:
        return float(points[:, 1].mean())
    low = dark <= 0.5 * dark[peak]
    first = int(np.flatnonzero(low[:peak]).max(initial=-1)) + 1
    last = peak + int(np.argmax(np.append(low[peak:], True)))
    brow = slice(first, last)
    return float(points[:, 1].mean() + (around * dark)[brow].sum() / dark[brow].sum())


def vary_tone(image: UInt8, rng: np.random.Generator) -> UInt8:
    """Lighter or darker, redder or yellower, and another contrast: one skin becomes many."""
    gain = np.exp(rng.normal(0, 0.13)) * np.exp(rng.normal(0, [0.05, 0.02, 0.05]))
    gamma = np.exp(rng.normal(0, 0.08))
    ramp = np.linspace(0, 1, 256)[:, None]
    table = np.clip(ramp**gamma * gain, 0, 1)
    return cv2.LUT(image, (table * 255).round().astype(np.uint8)[None])
