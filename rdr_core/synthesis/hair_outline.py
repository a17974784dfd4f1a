"""Hair, hats and whatever else a head wears over the face model's bald skull: where it is, and how thick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from rdr_core.synthesis.head_mesh import SKULL_CENTER, HeadMesh
from rdr_core.types import Float32, UInt8

_WIDTH_PX: Final = 110
"""Side at which pictures are segmented."""
_REACH_CM: Final = 4.5
"""Hair further than this from the skull is left where it is."""
_LIKELY_CM: Final = 3.0
"""Within this of the skull, what does not look like the background is hair."""
_THINNEST_CM: Final = -0.8
_RAYS: Final = 72
_LOW_RAD: Final = 0.35
"""Rays lower than this over the ears see ears and shoulders, not hair."""


def find_hair(image: UInt8, place: Float32, mesh: HeadMesh, head: np.ndarray, scale: float) -> Float32:
    """Separate the head with its hair from the background.

    Args:
        image: (P, P, 3) BGR.
        place: (N, 2) vertices, px.
        head: (P, P) bool, where the bald head is.
        scale: px per cm.

    Returns:
        (P, P) float32 1 where head or hair is, 0 elsewhere and below the chin.
    """
    side = image.shape[0]
    factor = min(1.0, _WIDTH_PX / side)
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    bald = cv2.resize(head.astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    cm = scale * factor
    bottom = int(np.clip((place[mesh.face, 1].max() + 0.5 * scale) * factor, 8, len(small)))
    hint = np.full(bald.shape, cv2.GC_BGD, np.uint8)
    hint[_grown(bald, _REACH_CM * cm) > 0] = cv2.GC_PR_BGD
    hint[_grown(bald, _LIKELY_CM * cm) > 0] = cv2.GC_PR_FGD
    face = np.zeros_like(bald)
    hull = cv2.convexHull((place[mesh.face & (mesh.scalp < 0.1)] * factor).astype(np.float32)).round().astype(np.int32)
    cv2.fillConvexPoly(face, hull, 1)
    hint[_grown(face, -0.8 * cm) > 0] = cv2.GC_FGD
    hint = hint[:bottom]
    if (hint == cv2.GC_BGD).sum() < 20:
        return head.astype(np.float32) * (np.arange(side) < bottom / factor)[:, None]
    mask = hint.copy()
    cv2.setRNGSeed(0)
    cv2.grabCut(small[:bottom], mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    found = np.zeros(bald.shape, np.float32)
    found[:bottom] = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
    found[:bottom] = _joined_to(np.maximum(found, _grown(bald, -0.4 * cm))[:bottom], face[:bottom])
    return cv2.resize(found, (side, side), interpolation=cv2.INTER_LINEAR)


def _joined_to(found: Float32, face: np.ndarray) -> Float32:
    """Keep the pieces that touch the face."""
    opened = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
    _, labels = cv2.connectedComponents(opened)
    return np.isin(labels, np.unique(labels[(face > 0) & (opened > 0)])).astype(np.float32)


def _grown(mask: np.ndarray, by_px: float) -> np.ndarray:
    size = 2 * max(1, round(abs(by_px))) + 1
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(mask, ball) if by_px > 0 else cv2.erode(mask, ball)


def hair_thickness(
    hair: Float32,
    head: np.ndarray,
    vertices: Float32,
    normals: Float32,
    mesh: HeadMesh,
    rotation: Float32,
    to_picture: Callable[[Float32], Float32],
    scale: float,
) -> Float32:
    """How far each vertex (N,) of the scalp must rise along its normal to reach the hair's outline, cm.

    The outline is measured along rays from the middle of the skull; where the scalp faces the viewer or away, its mean.
    """
    center = to_picture(SKULL_CENTER[None])[0, :2]
    reach = head.shape[0]
    polar = [_polar(mask, center, reach) > 0.5 for mask in (head.astype(np.float32), hair)]
    skull = reach - 1 - polar[0][:, ::-1].argmax(axis=1)  # the last px of the skull on each ray
    beyond = np.arange(reach) >= skull[:, None]
    outside = (beyond & ~polar[1]).argmax(axis=1)
    within = (~beyond & polar[1]) * np.arange(reach)
    edge = np.where(outside > skull, outside, within.max(axis=1))
    up = rotation[:2, 1] * [1, -1]
    angle = 2 * np.pi * np.arange(_RAYS) / _RAYS
    height = np.cos(angle) * up[0] + np.sin(angle) * up[1]
    usable = (height > np.sin(_LOW_RAD)) & (outside > 0)
    thickness = np.clip((edge - skull) / scale, _THINNEST_CM, _REACH_CM)
    typical = float(np.median(thickness[usable])) if usable.sum() > 5 else 0.5
    thickness = _smooth_round(np.where(usable, thickness, typical))
    offset = vertices - SKULL_CENTER
    flat = offset @ rotation[:2].T
    ray = np.arctan2(-flat[:, 1], flat[:, 0]) / (2 * np.pi) * _RAYS
    measured = np.interp(ray, np.arange(_RAYS), thickness, period=_RAYS)
    aside = np.clip(np.linalg.norm(flat, axis=1) / np.linalg.norm(offset, axis=1), 0, 1) ** 2
    return (aside * measured + (1 - aside) * typical).astype(np.float32)


def _polar(mask: Float32, center: Float32, reach: int) -> Float32:
    """(P, P) -> (rays, reach), rays clockwise from the picture's right."""
    middle = (float(center[0]) - 0.5, float(center[1]) - 0.5)
    return cv2.warpPolar(mask, (reach, _RAYS), middle, reach, cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS)


def _smooth_round(values: Float32) -> Float32:
    """Median and mean over neighbouring rays of a closed ring."""
    ring = np.stack([np.roll(values, k) for k in range(-4, 5)])
    middle = np.median(ring, axis=0)
    return np.stack([np.roll(middle, k) for k in range(-2, 3)]).mean(axis=0)
