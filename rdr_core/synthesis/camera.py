"""Where the head looks, and the camera that frames it.

The head turns about the origin of the face model, which lies between the ears, about 10 cm behind the eyes; view frame
and camera are those of `surface.py`, so that a model vertex v stands at R v.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rdr_core.errors import ConfigError
from rdr_core.landmarks import N_LANDMARKS
from rdr_core.synthesis.surface import Camera
from rdr_core.types import Float32

_YAW_BANDS: Final = ((0.35, 0.0, 20.0), (0.25, 20.0, 45.0), (0.25, 45.0, 75.0), (0.15, 75.0, 90.0))
"""Share, from and to |yaw| in degrees; even within a band. Webcams see less of the last two, but all that a network
learns of profiles comes from here."""
_PITCH_STD_DEG: Final = (11.0, 26.0)
"""The usual nod and the rare one."""
_ROLL_STD_DEG: Final = (7.0, 24.0)
_RARE: Final = (0.3, 0.2)
"""Share of the rare pitch and of the rare roll."""
_PITCH_LOST_AT_PROFILE: Final = 0.35
"""Share of the pitch's range that is gone at a yaw of 90 degrees: necks do not do both."""


@dataclass(frozen=True)
class CameraConfig:
    """Cameras that a face may be seen by, and how they frame it."""

    pinhole: float = 0.7
    """Share of pinhole cameras; the others are orthographic."""
    nearest_cm: float = 33.0
    """Least distance from the camera to the head's origin: a phone 25 cm before the face."""
    farthest_cm: float = 130.0
    """Greatest distance of a pinhole; beyond it perspective is hardly seen."""
    room: float = 1.9
    """Side of the picture over the larger side of the landmarks' box: training crops at 1.4 and strays."""
    room_std: float = 0.06
    """Spread of the logarithm of `room`."""
    shift_std: float = 0.03
    """Spread of the centre of the box about the centre of the picture, share of its side."""

    def __post_init__(self) -> None:
        if not 0 <= self.pinhole <= 1 or not 20 <= self.nearest_cm < self.farthest_cm:
            raise ConfigError(f"needs a share in [0, 1] and distances of at least 20 cm in their order, got {self}")
        if self.room <= 1 or min(self.room_std, self.shift_std) < 0:
            raise ConfigError(f"the picture must be larger than the face and spreads not negative, got {self}")


def sample_pose(rng: np.random.Generator) -> Float32:
    """Return pitch, yaw, roll (3,) float32 rad; yaw within 90 degrees to either side, pitch and roll within 45."""
    shares = [share for share, *_ in _YAW_BANDS]
    _, low, high = _YAW_BANDS[rng.choice(len(_YAW_BANDS), p=shares)]
    yaw = rng.uniform(low, high) * rng.choice([-1.0, 1.0])
    pitch = _heavy_tailed(rng, _PITCH_STD_DEG, _RARE[0]) * (1 - _PITCH_LOST_AT_PROFILE * abs(yaw) / 90)
    roll = _heavy_tailed(rng, _ROLL_STD_DEG, _RARE[1])
    return np.radians([pitch, yaw, roll]).astype(np.float32)


def _heavy_tailed(rng: np.random.Generator, std: tuple[float, float], rare: float, limit: float = 45.0) -> float:
    """Draw from two normal distributions, cut at `limit` (drawn again, so that nothing piles up there)."""
    while True:
        value = float(rng.normal(0, std[int(rng.random() < rare)]))
        if abs(value) <= limit:
            return value


def sample_camera(
    rng: np.random.Generator, size_px: int, landmarks_view: Float32, config: CameraConfig | None = None
) -> Camera:
    """Return a camera that frames a head.

    Args:
        rng: draws distance and framing.
        size_px: side of the square picture.
        landmarks_view: (68, 3) landmarks of the turned head, view frame, cm.
        config: which cameras.
    """
    config = config or CameraConfig()
    if landmarks_view.shape != (N_LANDMARKS, 3):
        raise ConfigError(f"a camera frames landmarks ({N_LANDMARKS}, 3), got {landmarks_view.shape}")
    distance_cm = float("inf")
    if rng.random() < config.pinhole:
        distance_cm = float(np.exp(rng.uniform(np.log(config.nearest_cm), np.log(config.farthest_cm))))
    seen = Camera(size_px, 1.0, (0.0, 0.0), distance_cm).project(landmarks_view)
    lower, upper = seen.min(axis=0), seen.max(axis=0)
    room = config.room * np.exp(np.clip(rng.normal(0, config.room_std), -0.12, 0.2))
    scale = size_px / room / float((upper - lower).max())
    shift = np.clip(rng.normal(0, config.shift_std, 2), -0.07, 0.07) * size_px
    center = size_px / 2 + shift - scale * (lower + upper) / 2
    return Camera(size_px, float(scale), (float(center[0]), float(center[1])), distance_cm)
