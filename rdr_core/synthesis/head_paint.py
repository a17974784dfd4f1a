"""Colours of a pictured head: the picture's texels where they are seen, the other half's where those are, and the
nearest skin or hair where nothing is.

N: vertices of the head mesh.  P: side of the working picture, px.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.synthesis.head_mesh import HeadMesh
from rdr_core.synthesis.inpaint import fill_holes
from rdr_core.types import Float32, UInt8

_GRID: Final = (40, 48)
"""Elevations and azimuths of the grid that spreads colours over the head."""
_GAIN_LIMIT: Final = 0.7
"""Largest logarithm of what a lamp adds to one half of a face against the other."""
_SKIN_FLOOR: Final = (12.0, 5.0, 5.0)
"""Least spread of skin in CIE Lab (8 bit): a closely lit cheek does not stand for the whole face."""
_SKIN_SPREAD: Final = 1.3
"""The middle of the face is more alike than the whole."""
_HAIR_SPREAD: Final = 25.0
"""Distance in CIE Lab (8 bit) at which a colour hardly counts for hair any more."""
_SMALLEST_STRAND_PX: Final = 6
_TILE_PX: Final = 96
_STRAND_CONTRAST: Final = 0.2
_TYPICAL_WEIGHT: Final = 0.05
"""Of a kind's typical colour against a vertex that surely shows it."""
_FLAT: Final = np.full((8, 8), 128, np.uint8)


@dataclass(frozen=True, eq=False)
class Skin:
    """The distribution of a face's skin colour in CIE Lab."""

    mean: Float32
    """(3,)."""
    precision: Float32
    """(3, 3) inverse covariance."""

    def likeness(self, colors: Float32) -> Float32:
        """(n, 3) BGR, 0..1 -> (n,) 1 where it may well be skin, 0 where it is not."""
        offset = to_lab(colors) - self.mean
        distance = np.sqrt(np.einsum("ni,ij,nj->n", offset, self.precision, offset))
        return 1 - smoothstep(1.6, 3.2, distance)


def to_lab(colors: Float32) -> Float32:
    """(n, 3) BGR, 0..1 -> (n, 3) Lab, scaled as 8 bits."""
    lab = cv2.cvtColor(colors[None].astype(np.float32), cv2.COLOR_BGR2Lab)[0]
    return lab * np.array([2.55, 1, 1], np.float32)


def skin_of(colors: Float32, seen: Float32, mesh: HeadMesh) -> Skin:
    """Learn skin from the seen vertices (N, 3), (N,) of the face; the middle half, for beards, brows and glasses."""
    clear = (seen > 0.6) & mesh.face
    lab = to_lab(colors[clear if clear.sum() >= 20 else mesh.face])
    middle = np.median(lab, axis=0)
    distance = np.abs(lab - middle).sum(axis=1)
    lab = lab[distance <= np.quantile(distance, 0.6)]
    covariance = np.cov(lab.T) * _SKIN_SPREAD + np.diag(np.square(_SKIN_FLOOR))
    return Skin(lab.mean(axis=0), np.linalg.inv(covariance).astype(np.float32))


def hair_likeness(colors: Float32, typical: Float32) -> Float32:
    """(n, 3) and (3,) BGR, 0..1 -> (n,) 1 where a colour is that of hair."""
    distance = np.linalg.norm(to_lab(colors) - to_lab(typical[None]), axis=1)
    return np.exp(-((distance / _HAIR_SPREAD) ** 2)).astype(np.float32)


def lamp_gain(colors: Float32, own: Float32, normals: Float32, mesh: HeadMesh) -> Float32:
    """(N, 3) factor that lights the mirror vertex's colour as this vertex is lit.

    What differs between the halves of a face is taken for light: its logarithm, odd in x, is fitted to x, x y and x z
    of the normal where both halves are seen.
    """
    mirror = mesh.mirror
    odd = normals[:, :1] * np.stack([np.ones(len(normals)), normals[:, 1], normals[:, 2]], axis=1)
    odd = (odd - odd[mirror]) / 2
    both = np.sqrt(own * own[mirror]) * mesh.face
    light = np.log(np.clip(colors, 0.02, 1))
    rows = odd * both[:, None]
    lamp = np.linalg.solve(rows.T @ rows + 5.0 * np.eye(3), rows.T @ ((light - light[mirror]) * both[:, None]))
    return np.exp(np.clip(odd @ lamp, -_GAIN_LIMIT, _GAIN_LIMIT)).astype(np.float32)


def spread_colors(
    colors: Float32,
    seen: tuple[Float32, Float32],
    typical: tuple[Float32, Float32],
    hairy: Float32,
    mesh: HeadMesh,
) -> Float32:
    """Colour every vertex as the nearest seen ones of its kind.

    Args:
        colors: (N, 3) BGR, 0..1.
        seen: how surely a vertex shows hair (N,), and skin (N,).
        typical: (3,) hair's and skin's colour where little of them is seen.
        hairy: (N,) 1 where hair is wanted, 0 where skin is.

    Returns:
        (N, 3) BGR, 0..1.
    """
    rows, columns = _GRID
    at = (mesh.direction / np.array([2 * np.pi, np.pi]) + 0.5) * [columns, rows]
    cell = np.clip(at.astype(int), 0, [columns - 1, rows - 1]) @ [1, columns]
    kinds = []
    for weight, color in zip(seen, typical, strict=True):
        amount = np.bincount(cell, weight, rows * columns) + _TYPICAL_WEIGHT
        sums = np.stack([np.bincount(cell, weight * colors[:, k], rows * columns) for k in range(3)], axis=1)
        mean = ((sums + _TYPICAL_WEIGHT * color) / amount[:, None]).reshape(rows, columns, 3)
        known = np.clip(amount, 0, 1).reshape(rows, columns)
        filled = fill_holes(np.tile(mean, (1, 3, 1)), np.tile(known, (1, 3)).astype(np.float32))
        kinds.append(sample(filled.astype(np.float32), at + [columns, 0]))
    hairy = hairy[:, None]
    return np.clip(hairy * kinds[0] + (1 - hairy) * kinds[1], 0, 1).astype(np.float32)


def hair_strands(picture: Float32, hair_only: Float32) -> UInt8:
    """Make a tile of hair like the picture's: the spectrum of the largest square of hair, under random phases.

    Args:
        picture: (P, P, 3) BGR float32.
        hair_only: (P, P) 1 where hair and nothing else is.

    Returns:
        (S, S) uint8 brightness over its own blur, 128 for 1; its edges fit together.
    """
    hair = cv2.copyMakeBorder((hair_only > 0.6).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.distanceTransform(hair, cv2.DIST_L2, 3)[1:-1, 1:-1]  # the picture's edge ends the hair, too
    y, x = np.unravel_index(inside.argmax(), inside.shape)
    half = int(min(inside[y, x] * 0.7, y, x, len(inside) - 1 - y, len(inside) - 1 - x, _TILE_PX // 2))
    if 2 * half < _SMALLEST_STRAND_PX:
        return _FLAT
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    smooth = cv2.GaussianBlur(gray, (0, 0), max(half / 2, 2))
    patch = np.log((gray + 8) / (smooth + 8))[y - half : y + half, x - half : x + half]
    window = np.hanning(2 * half + 2)[1:-1]
    canvas = np.zeros((_TILE_PX, _TILE_PX), np.float32)
    canvas[: 2 * half, : 2 * half] = (patch - patch.mean()) * window[:, None] * window
    noise = np.fft.rfft2(np.random.default_rng(0).normal(size=canvas.shape))
    tile = np.fft.irfft2(np.fft.rfft2(canvas) * noise / np.abs(noise).mean())
    tile *= min(float(patch.std()), _STRAND_CONTRAST) / max(float(tile.std()), 1e-6)
    return np.clip(np.exp(tile) * 128, 0, 255).astype(np.uint8)


def sample(image: Float32, points: Float32, how: int = cv2.INTER_LINEAR) -> Float32:
    """Read an (H, W[, C]) picture at (n, 2) px."""
    x, y = (np.asarray(points, np.float32) - 0.5).T[..., None].copy()
    return cv2.remap(image, x, y, how, borderMode=cv2.BORDER_REPLICATE)[:, 0]
