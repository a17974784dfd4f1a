"""What people wear on their heads before and beside the face: glasses, masks, headsets, headphones, caps.

Every function takes the frame of the head and gives surfaces of the view frame. All lengths are cm.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rdr_core.landmarks import LIPS_OUTER
from rdr_core.synthesis.head_frame import HeadFrame, sample_color
from rdr_core.synthesis.shapes import Solid, ellipsoid, join, lathe, sheet, tube
from rdr_core.synthesis.surface import Material, Surface
from rdr_core.types import Float32

_MIRRORED: Final = np.array([-1.0, 1.0, 1.0])
_SUNGLASSES: Final = 0.22
"""Share of glasses with lenses that nothing is seen through."""
_SCALP_CM: Final = np.array([9.3, 12.6, 12.0])
"""Half extents of an ellipsoid about the top of the head, hair included."""


def glasses(rng: np.random.Generator, head: HeadFrame) -> list[Surface]:
    """Frames of plastic or wire, round or square, full or half or none, with lenses clear or dark."""
    half = np.array([1.0, rng.uniform(0.62, 0.98)]) * rng.uniform(2.1, 2.75)
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    outline = half * np.sign(circle) * np.abs(circle) ** (2 / rng.uniform(2.0, 4.5))
    middle = head.eye + [rng.uniform(0, 0.3), -rng.uniform(0.0, 0.25) * half[1], 0]
    before = head.landmarks[27, 2] + rng.uniform(0.35, 0.9)
    wrap, slant = rng.uniform([0.02, 0.05], [0.045, 0.15])

    def on_face(flat: Float32) -> Float32:
        """(..., 2) x, y about the lens's middle -> (..., 3) on the bent plane of the glasses."""
        x, y = middle[0] + flat[..., 0], middle[1] + flat[..., 1]
        return np.stack([x, y, before - wrap * x**2 - slant * (middle[1] + half[1] - y)], axis=-1)

    wire = rng.random() < 0.4
    thickness = rng.uniform(0.05, 0.09) if wire else rng.uniform(0.12, 0.3)
    rim = on_face(outline)
    style = rng.choice(["full", "half", "none"], p=[0.75, 0.15, 0.1])
    bars = []
    if style == "full":
        bars = [tube(rim * mirror, thickness, 6, ring=True) for mirror in (1.0, _MIRRORED)]
    elif style == "half":
        bars = [tube(rim[:15] * mirror, thickness, 6) for mirror in (1.0, _MIRRORED)]
    inner, outer = rim[rim[:, 0].argmin()], rim[rim[:, 0].argmax()]
    arch = np.array([inner + [0, 0.2 * half[1], 0], [inner[0] * 0.5, inner[1] + 0.45 * half[1], inner[2] + 0.15]])
    bars.append(tube(np.concatenate([arch, arch[::-1] * _MIRRORED]), thickness, 6))
    temple = _temple(head, outer + [0, 0.3 * half[1], 0])
    flat = np.tile([thickness * 0.7, thickness if wire else rng.uniform(0.15, 0.45)], (len(temple), 1))
    bars += [tube(temple * mirror, flat, 6) for mirror in (1.0, _MIRRORED)]
    frame = head.surface(join(*bars), Material.OBJECT, sample_color(rng), 0.25 if wire else rng.uniform(0.2, 0.6))
    return [frame, _lenses(rng, head, on_face(np.linspace(1, 0.0, 4)[:, None, None] * outline))]


def _temple(head: HeadFrame, hinge: Float32) -> Float32:
    """(n, 3) the left temple, from its hinge past the cheek to behind the ear."""
    side = head.half_width_cm
    return np.stack(
        [
            hinge,
            [max(hinge[0], side * 0.6 + hinge[0] * 0.4) + 0.3, hinge[1], hinge[2] - 1.2],
            [max(side + 0.5, hinge[0] * 0.5 + side * 0.5), hinge[1] * 0.6 + 0.5, 0.5],
            [side + 0.8, 1.4, -3.5],
            [side + 0.6, 0.4, -6.0],
        ]
    )


def _lenses(rng: np.random.Generator, head: HeadFrame, rings: Float32) -> Surface:
    pair = join(sheet(rings, closed=True), sheet((rings * _MIRRORED)[:, ::-1], closed=True))
    if rng.random() < _SUNGLASSES:
        tint, opacity = rng.uniform(0.005, 0.03, 3), rng.uniform(0.75, 0.98)
    else:
        tint, opacity = np.full(3, 0.6) * np.exp(rng.normal(0, 0.1, 3)), rng.uniform(0.02, 0.12)
        if rng.random() < 0.15:  # lightly coloured
            tint, opacity = rng.uniform(0.02, 0.3, 3), rng.uniform(0.15, 0.4)
    return head.surface(pair, Material.LENS, tint, 0.05, float(opacity), two_sided=True)


def mask(rng: np.random.Generator, head: HeadFrame) -> list[Surface]:
    """A surgical or cloth mask from the nose to below the chin, with its loops; sometimes below the nose."""
    points, side = head.landmarks, head.half_width_cm
    low, top = points[8, 1] - 0.4, points[29, 1] if rng.random() < 0.8 else points[51, 1] + 0.6
    height = np.linspace(0, 1, 9)
    y = low + (top - low) * height
    mouth = points[LIPS_OUTER].mean(axis=0) + [0, 0, np.ptp(points[LIPS_OUTER, 2]) / 2]
    profile = np.stack([points[8], mouth, points[33], points[30], points[29]])  # from the chin to the nose
    front = np.interp(y, profile[:, 1], profile[:, 2]) + 0.7
    front = np.convolve(np.pad(front, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    front[0] -= 1.0  # tucked under the chin
    jaw = points[9:16]
    width = np.maximum(np.interp(y, jaw[:, 1], jaw[:, 0]), 2.6) + 0.5
    back = np.interp(y, jaw[:, 1], jaw[:, 2]) - 0.2
    angle = np.linspace(-1, 1, 17) * np.radians(80)
    across = np.sin(angle) / np.sin(angle[-1])
    ahead = (np.cos(angle) - np.cos(angle[-1])) / (1 - np.cos(angle[-1]))
    grid = np.stack(
        [width[:, None] * across, np.tile(y[:, None], 17), back[:, None] + (front - back)[:, None] * ahead], axis=-1
    )
    grid[..., 2] += rng.uniform(0.0, 0.12) * np.sin(height * 6 * np.pi)[:, None] * ahead  # pleats
    colors = ([0.35, 0.6, 0.75], [0.8, 0.8, 0.8], [0.012, 0.012, 0.014], sample_color(rng))
    tint = np.asarray(colors[rng.integers(len(colors))])
    loops = [
        tube(np.stack([edge, [side + 1.0, edge[1] * 0.4 + 0.3, -2.0]]) * mirror, 0.12, 5)
        for edge in (grid[-1, -1], grid[2, -1])
        for mirror in (1.0, _MIRRORED)
    ]
    return [
        head.surface(sheet(grid), Material.CLOTH, tint, 0.9, two_sided=True),
        head.surface(join(*loops), Material.CLOTH, np.full(3, 0.7), 0.9),
    ]


def headset(rng: np.random.Generator, head: HeadFrame) -> list[Surface]:
    """A boom from one ear to the mouth with a capsule or a ball of foam, and the ear's pad."""
    side = float(rng.choice([-1.0, 1.0]))
    mouth, ear = head.landmarks[57] + [0, 0, 1.0], np.array([head.half_width_cm + 2.0, -1.0, -3.0])
    end = mouth + [rng.uniform(1.0, 3.5), rng.uniform(-2.0, 0.8), rng.uniform(0.3, 1.8)]
    bend = np.array([ear[0] + 0.3, (ear[1] + end[1]) / 2 - 0.6, (ear[2] + end[2]) / 2 + 2.0])
    t = np.linspace(0, 1, 9)[:, None]
    boom = (1 - t) ** 2 * ear + 2 * t * (1 - t) * bend + t**2 * end
    foam = ellipsoid(np.full(3, rng.uniform(0.45, 1.1))).moved(np.eye(3), end)
    pad = _ear_cup(rng.uniform(2.2, 3.4), 1.0).moved(np.eye(3), ear + [-0.3, 0.6, 0])
    flip = np.array([side, 1.0, 1.0])
    dark = np.full(3, rng.uniform(0.008, 0.05))
    parts = [tube(boom * flip, rng.uniform(0.1, 0.22), 6), _mirrored(foam, flip), _mirrored(pad, flip)]
    band = [tube(_band(head), 0.35, 6)] if rng.random() < 0.6 else []
    return [head.surface(join(*parts, *band), Material.OBJECT, dark, 0.7)]


def headphones(rng: np.random.Generator, head: HeadFrame) -> list[Surface]:
    """Two cups over the ears and a band over the hair."""
    cup = _ear_cup(rng.uniform(3.6, 4.6), rng.uniform(1.2, 1.9))
    place = np.array([head.half_width_cm + 1.9, -1.0, -3.6])
    cups = [_mirrored(cup.moved(np.eye(3), place), flip) for flip in (np.ones(3), _MIRRORED)]
    band = _band(head)
    bar = tube(band, np.tile([rng.uniform(0.8, 1.6), 0.5], (len(band), 1)), 8)
    return [head.surface(join(*cups, bar), Material.OBJECT, sample_color(rng), rng.uniform(0.3, 0.8))]


def _ear_cup(radius: float, half_depth: float) -> Solid:
    """A round cushion about the origin, flat toward x."""
    profile = [[0, -1], [0.7, -1], [0.95, -0.6], [1, 0], [0.95, 0.6], [0.7, 1], [0, 1]]
    turned = lathe(np.array(profile) * [radius, half_depth])
    return turned.moved(np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]), np.zeros(3))


def _band(head: HeadFrame) -> Float32:
    """(n, 3) an arch over the hair from ear to ear."""
    angle = np.linspace(np.pi, 0, 17)
    across, upward = (head.half_width_cm + 2.2) * np.cos(angle), _SCALP_CM[1] * np.sin(angle)
    return np.stack([across, upward, np.full(17, -3.4)], axis=1)


def cap(rng: np.random.Generator, head: HeadFrame) -> list[Surface]:
    """A baseball cap, its peak forward, or a knitted hat without one, down to the brows or higher."""
    brow = head.landmarks[19, 1]
    rest = brow + rng.uniform(0.6, 2.5)
    radii = _SCALP_CM * [head.half_width_cm / 7.4, 1, 1] + [0.5, 0.6, 0.4]
    up = np.linspace(0, np.pi / 2, 8)[:, None]
    around = np.linspace(0, 2 * np.pi, 25)[:-1]
    lean = rng.uniform(0.1, 0.3)  # lower behind than over the brows
    x, z = np.cos(up) * np.sin(around) * radii[0], np.cos(up) * np.cos(around) * radii[2] - 3.4
    y = rest + np.sin(up) * (radii[1] - rest) - lean * (head.landmarks[27, 2] - z) * np.cos(up)
    crown = sheet(np.stack([x, y, z], axis=-1), closed=True)
    color, rough = sample_color(rng), 0.9
    surfaces = [head.surface(crown, Material.CLOTH, color, rough, two_sided=True)]
    if rng.random() < 0.65:
        angle = np.linspace(-1.1, 1.1, 13)
        out = np.linspace(0, 1, 5)[:, None] * rng.uniform(4.5, 7.0) * np.cos(angle) ** 0.5
        x = np.sin(angle) * radii[0] + 0 * out
        z = np.cos(angle) * radii[2] - 3.4 + out
        y = rest - lean * (head.landmarks[27, 2] - np.cos(angle) * radii[2] + 3.4) - out * 0.25 - 0.02 * x**2
        peak = sheet(np.stack([x, y, z], axis=-1)[::-1])
        surfaces.append(head.surface(peak, Material.CLOTH, color * rng.uniform(0.5, 1.0), rough, two_sided=True))
    return surfaces


def _mirrored(solid: Solid, flip: Float32) -> Solid:
    """Flip a solid of one grid left to right where `flip` (3,) says so, and keep its outside outside."""
    if flip[0] > 0:
        return solid
    rows, columns, closed = solid.grids[0]
    points = (solid.vertices * flip).reshape(rows, columns, 3)
    return sheet(points[:, ::-1], closed)
