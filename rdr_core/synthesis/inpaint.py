"""Filling holes of pictures: smoothly, or with what lies beside them."""

from __future__ import annotations

import cv2
import numpy as np

from rdr_core.types import Float32


def fill_holes(image: Float32, weight: Float32) -> Float32:
    """Fill an (H, W, C) float32 picture where `weight` (H, W), 0..1, is low, from what is near; black if all is 0."""
    return _fill(np.asarray(image, np.float32) * weight[..., None], np.asarray(weight, np.float32))


def _fill(sums: Float32, weight: Float32) -> Float32:
    """`sums` is the picture times `weight`."""
    known = np.minimum(weight, 1)[..., None]
    mean = sums / np.maximum(weight, 1e-6)[..., None]
    height, width = weight.shape
    if height == width == 1:
        return mean
    size = ((width + 1) // 2, (height + 1) // 2)
    coarse_sums, coarse_weight = (cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (sums, weight))
    coarse_sums = coarse_sums.reshape(size[1], size[0], -1)
    saturated = np.minimum(1, 2 * coarse_weight)  # what is known for half of a block is known for the block
    scale = saturated / np.maximum(coarse_weight, 1e-6)
    below = _fill(coarse_sums * scale[..., None], saturated)
    pushed = cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, -1)
    return known * mean + (1 - known) * pushed


def mirror_into(image: Float32, weight: Float32, reach_px: float) -> Float32:
    """Fill an (H, W, C) float32 picture where `weight` (H, W), 0..1, is low: near the left and right edges of a hole
    with the mirror image of what lies beyond them, which fades over `reach_px` into a smooth fill."""
    smooth = fill_holes(image, weight)
    rows, columns = np.nonzero(weight < 1)
    width = weight.shape[1]
    places, known = np.arange(width), weight > 0.5
    left = np.maximum.accumulate(np.where(known, places, -width), axis=1)[rows, columns]
    right = np.minimum.accumulate(np.where(known, places, 2 * width)[:, ::-1], axis=1)[:, ::-1][rows, columns]
    sums, total = np.zeros((len(rows), image.shape[2]), np.float32), np.full((len(rows), 1), 1e-6, np.float32)
    strength = np.zeros((len(rows), 1), np.float32)
    for edge in (left, right):
        at = 2 * edge - columns
        usable = (at >= 0) & (at < width)
        at = np.clip(at, 0, width - 1)
        fade = np.clip(1 - np.abs(edge - columns) / reach_px, 0, 1) * usable * weight[rows, at]
        near = fade[:, None].astype(np.float32)
        sums, total, strength = sums + image[rows, at] * near, total + near, np.maximum(strength, near)
    filled = smooth[rows, columns] * (1 - strength) + sums / total * strength
    part = weight[rows, columns][:, None]
    smooth[rows, columns] = image[rows, columns] * part + filled * (1 - part)
    return smooth
