"""What stands before a face: things worn (`worn.py`) and things held: hands, phones, microphones, cups.

Hands and what they hold are built in their own frame (fingers along +y, back of the hand toward +z, the thumb at +x)
and are then put on the frame of the head. All lengths are cm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.errors import ConfigError
from rdr_core.landmarks import LIPS_OUTER, N_LANDMARKS
from rdr_core.synthesis import worn
from rdr_core.synthesis.head_frame import HeadFrame, sample_color, sample_skin
from rdr_core.synthesis.shapes import Solid, box, ellipsoid, join, lathe, tube
from rdr_core.synthesis.surface import Material, Surface
from rdr_core.types import Float32

_FINGERS: Final = ((2.9, 3.7, 7.0, 0.82), (1.0, 4.3, 8.0, 0.85), (-0.95, 4.1, 7.4, 0.82), (-2.8, 3.4, 5.8, 0.72))
"""x and y of the knuckle, length and radius; from the index finger on."""

_Spot = tuple[Float32, list[float], list[float]]
"""Where a left hand is: the middle of its palm, where its fingers point to, where its back looks to."""


@dataclass(frozen=True)
class OccluderConfig:
    """How often something is before a face."""

    glasses: float = 0.25
    """Share of faces with glasses."""
    other: float = 0.12
    """Share of faces with something else, whether or not they wear glasses."""

    def __post_init__(self) -> None:
        if not (0 <= self.glasses <= 1 and 0 <= self.other <= 1):
            raise ConfigError(f"shares lie in [0, 1], got {self}")


def sample_occluders(
    rng: np.random.Generator,
    landmarks_view: Float32,
    config: OccluderConfig | None = None,
    skin: Float32 | None = None,
) -> list[Surface]:
    """Draw what is before a face; mostly nothing.

    Args:
        rng: draws.
        landmarks_view: (68, 3) landmarks of the head itself (jaw at its own points), view frame, cm.
        config: how often.
        skin: (3,) linear RGB of the person's hands; drawn where None.

    Returns:
        Surfaces of the view frame: SKIN without a texture, CLOTH, OBJECT, and LENS for glasses.
    """
    config = config or OccluderConfig()
    if landmarks_view.shape != (N_LANDMARKS, 3):
        raise ConfigError(f"occluders are placed by landmarks ({N_LANDMARKS}, 3), got {landmarks_view.shape}")
    surfaces: list[Surface] = []
    with_glasses, with_other = rng.random(2) < [config.glasses, config.other]
    if not (with_glasses or with_other):
        return surfaces
    head = HeadFrame.of(landmarks_view)
    if with_glasses:
        surfaces += worn.glasses(rng, head)
    if with_other:
        surfaces += occluder(str(rng.choice(list(OTHERS), p=list(OTHERS.values()))), rng, head, skin)
    return surfaces


def occluder(name: str, rng: np.random.Generator, head: HeadFrame, skin: Float32 | None = None) -> list[Surface]:
    """Make one of `OTHERS` for a head; (3,) `skin` of hands as in `sample_occluders`."""
    if name in _WORN:
        return _WORN[name](rng, head)
    return _HELD[name](rng, head, sample_skin(rng) if skin is None else skin)


def hand(rng: np.random.Generator, head: HeadFrame, skin: Float32) -> list[Surface]:
    """A hand at the mouth, a cheek, the chin, an eye or the forehead, or held up before the face."""
    points, side = head.landmarks, float(rng.choice([-1.0, 1.0]))
    mirror = np.array([side, 1.0, 1.0])
    lips = points[LIPS_OUTER].mean(axis=0)
    away = rng.uniform(1.2, 2.2)
    spots: dict[str, _Spot] = {
        "mouth": (lips + [rng.uniform(0, 3), -1, away + 0.3], [-0.8, rng.uniform(-0.1, 0.9), 0], [0.15, 0, 1]),
        "cheek": (points[13] + [0.3, 0.5, 2.6], [-0.15, 1, rng.uniform(-0.3, 0.1)], [0.8, 0, 0.6]),
        "chin": (points[9] + [2.5, -3.0, 0.4], [-0.5, 1, -0.1], [0.35, -0.3, 0.9]),
        "eye": (head.eye + [0.8, -1.5, away + 1.2], [-0.3, 1, -0.1], [0.2, 0, 1]),
        "forehead": (points[24] + [0.5, 1.0, away + 0.2], [-0.9, 0.5, 0], [0.2, 0.1, 1]),
        "air": (lips + rng.normal(0, [5, 4, 0]) + [0, 0, rng.uniform(4, 12)], [rng.normal(0, 0.5), 1, 0], [0, 0.2, 1]),
    }
    palm, fingers, back = spots[str(rng.choice(list(spots)))]
    axes = _axes(np.asarray(fingers) * mirror, np.asarray(back) * mirror)
    jitter = rng.normal(0, 0.6, 3) * [1, 1, 0.3]
    curl = rng.uniform(0.0, 0.35, 4) + rng.uniform(0, 0.25)
    parts = _hand(curl, rng.uniform(-0.02, 0.14), thumb=side)
    flesh, sleeve = join(*parts).moved(axes, palm * mirror + jitter), _sleeve().moved(axes, palm * mirror + jitter)
    return [
        head.surface(flesh, Material.SKIN, skin, 0.5),
        head.surface(sleeve, Material.CLOTH, sample_color(rng), 0.9),
    ]


def phone(rng: np.random.Generator, head: HeadFrame, skin: Float32) -> list[Surface]:
    """A phone at the ear, or held up before a part of the face."""
    slab = box(np.array([rng.uniform(3.4, 4.0), rng.uniform(7.0, 8.2), 0.45]), 0.4)
    side = float(rng.choice([-1.0, 1.0]))
    if rng.random() < 0.5:
        mouth = head.landmarks[54] * [side, 1, 1]
        place = np.array([side * (head.half_width_cm + 1.9), -3.2, -0.5]) + rng.normal(0, 0.4, 3)
        along = place - (mouth + [side * 2.0, 0, 1.0])
        axes = _axes(along, np.array([side, 0.05, 0.35]))
    else:
        place = head.landmarks[33] + [side * rng.uniform(0, 7), rng.uniform(-9, 2), rng.uniform(5, 13)]
        axes = _axes(np.array([rng.normal(0, 0.15), 1, rng.normal(0, 0.2)]), np.array([0, 0.1, 1]))
        if rng.random() < 0.25:
            axes = np.stack([axes[1], -axes[0], axes[2]])
    fist = _grip(3.7, 0.8, side).moved(axes, place - axes[1] * rng.uniform(0, 3))
    return [
        head.surface(slab.moved(axes, place), Material.OBJECT, sample_color(rng), rng.uniform(0.05, 0.4)),
        head.surface(fist, Material.SKIN, skin, 0.5),
    ]


def microphone(rng: np.random.Generator, head: HeadFrame, skin: Float32) -> list[Surface]:
    """A microphone held before the chin."""
    ball = head.landmarks[57] + [rng.uniform(-3, 3), rng.uniform(-4.0, -0.5), rng.uniform(3.2, 6.0)]
    down = np.array([rng.uniform(-0.7, 0.7), -1.0, rng.uniform(0.1, 0.9)])
    down /= np.linalg.norm(down)
    radius = rng.uniform(2.0, 2.6)
    handle = tube(ball + down * np.array([[radius * 0.8], [8.0], [17.0]]), np.array([1.6, 1.25, 1.0]), 10)
    fist = _grip(1.3, 1.25, float(rng.choice([-1.0, 1.0]))).moved(_axes(-down, np.array([0, 0.3, 1])), ball + 10 * down)
    grille = ellipsoid(np.full(3, radius), 12, 18).moved(np.eye(3), ball)
    return [
        head.surface(grille, Material.OBJECT, np.full(3, rng.uniform(0.02, 0.3)), 0.5),
        head.surface(handle, Material.OBJECT, np.full(3, rng.uniform(0.01, 0.05)), 0.4),
        head.surface(fist, Material.SKIN, skin, 0.5),
    ]


def cup(rng: np.random.Generator, head: HeadFrame, skin: Float32) -> list[Surface]:
    """A mug or a glass at the lips, tilted as one drinks, or a little below."""
    radius, height = rng.uniform(3.2, 4.2), rng.uniform(7.5, 11.0)
    low = radius * rng.uniform(0.7, 1.0)
    profile = [[0, -height], [low * 0.9, -height], [low, -height + 0.4], [radius, 0], [radius - 0.3, 0.1]]
    mug = lathe(np.array([*profile, [radius - 0.4, -0.3], [low - 0.5, -height + 1.0], [0, -height + 1.0]]))
    upright = _axes(np.array([0, 1.0, -rng.uniform(0.0, 0.9)]), np.array([0, 0.3, 1.0]))
    rim = head.landmarks[57] + [rng.normal(0, 0.5), -rng.exponential(1.0), 0.2]
    place = rim + upright[2] * radius  # the near edge of the rim is at the lower lip
    fist = _grip(radius, 1.25, float(rng.choice([-1.0, 1.0]))).moved(upright, place - upright[1] * height * 0.55)
    return [
        head.surface(mug.moved(upright, place), Material.OBJECT, sample_color(rng), rng.uniform(0.1, 0.6)),
        head.surface(fist, Material.SKIN, skin, 0.5),
    ]


OTHERS: Final[Mapping[str, float]] = {
    "hand": 0.40, "phone": 0.11, "microphone": 0.10, "cup": 0.08,
    "mask": 0.09, "headset": 0.08, "headphones": 0.09, "cap": 0.05,
}  # fmt: skip
"""Shares among the faces with something other than glasses."""
_HELD: Final[Mapping[str, Callable[[np.random.Generator, HeadFrame, Float32], list[Surface]]]] = {
    "hand": hand, "phone": phone, "microphone": microphone, "cup": cup,
}  # fmt: skip
_WORN: Final[Mapping[str, Callable[[np.random.Generator, HeadFrame], list[Surface]]]] = {
    "mask": worn.mask, "headset": worn.headset, "headphones": worn.headphones, "cap": worn.cap,
}  # fmt: skip


def _axes(along: Float32, back: Float32) -> Float32:
    """(3, 3) rows x, y, z of a hand's frame: y along the fingers, z as near to the back of the hand as may be."""
    y = np.asarray(along, np.float64) / np.linalg.norm(along)
    z = np.asarray(back, np.float64) - (np.asarray(back) @ y) * y
    z /= np.linalg.norm(z)
    return np.stack([np.cross(y, z), y, z])


def _hand(curl_rad: Float32, spread_rad: float, thumb: float) -> list[Solid]:
    """A hand about the middle of its palm; (4,) curl at each of a finger's two joints; `thumb` is the sign of its x."""
    palm = ellipsoid(np.array([4.1, 5.0, 1.35]), 12, 18, roundness=0.55)
    narrow = (1 + 0.03 * palm.vertices[:, 1:2]) * [1.0, 0.0, 0.0] + [0.0, 1.0, 1.0]  # toward the wrist
    wrist = tube(np.array([[0, -3.8, 0], [0, -9, 0]]), np.array([[2.7, 1.7], [2.8, 2.1]]), 10)
    parts = [Solid((palm.vertices * narrow).astype(np.float32), palm.normals, palm.grids), wrist]
    for k, (x, y, length, radius) in enumerate(_FINGERS):
        fan, bends = (1.5 - k) * spread_rad, curl_rad[k] * np.array([0.4, 1.4, 2.4])
        steps = np.stack([np.sin(fan) * np.cos(bends), np.cos(fan) * np.cos(bends), -np.sin(bends)], axis=1)
        bones = steps * length * np.array([[0.45], [0.3], [0.25]])
        joints = [x, y, 0] + np.concatenate([np.zeros((1, 3)), bones.cumsum(axis=0)])
        parts.append(tube(joints * [thumb, 1, 1], radius * np.array([1.05, 1.0, 0.92, 0.8]), 8))
    joints = np.array([[3.0, -2.6, 0], [4.9, 0.2, -0.6], [5.6, 3.2, -1.1]]) * [thumb, 1, 1]
    return [*parts, tube(joints, np.array([1.25, 1.05, 0.85]), 8)]


def _sleeve() -> Solid:
    return tube(np.array([[0, -8.5, 0], [0, -18, -0.5], [0, -30, -1.5]]), np.array([3.6, 4.4, 5.2]), 12)


def _grip(half_x: float, half_z: float, thumb: float) -> Solid:
    """Four fingers and a palm around a thing of this half width and depth that stands along y; `thumb` the side."""
    angle = np.linspace(-1.9, 1.3, 9)
    parts = []
    for k in range(4):
        across, ahead = -thumb * (half_x + 0.75) * np.sin(angle), (half_z + 0.75) * np.cos(angle)
        parts.append(tube(np.stack([across, np.full(9, 1.8 * (1.5 - k)), ahead], axis=1), 0.85, 8))
    palm = ellipsoid(np.array([1.6, 4.6, 2.6])).moved(np.eye(3), np.array([thumb * (half_x + 1.2), 0, -half_z * 0.5]))
    root = np.array([thumb * (half_x + 1.0), -1.5, -half_z])
    arm = root + np.array([[0, 0, 0], [thumb * 2.0, -9, -1.5], [thumb * 5.0, -22, -3]])
    wrist = tube(arm, np.array([2.6, 2.8, 3.6]), 10)
    return join(*parts, palm, wrist)
