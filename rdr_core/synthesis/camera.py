"""Where the head looks, where it stands, and the camera that frames it.

View frame and camera are those of `surface.py`. The middle of the face is the view frame's origin and the head turns
about it: a near camera that looked past the face (at the middle of the head, say) would see it turned by up to 15
degrees more or less than its pose says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from rdr_core.errors import ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.landmarks import N_LANDMARKS
from rdr_core.synthesis.surface import Camera
from rdr_core.types import Float32

GREATEST_YAW_DEG: Final = 90.0
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


@dataclass(frozen=True, eq=False)
class HeadPlacement:
    """Where a head stands in the view frame: a model vertex v is at R (v - pivot)."""

    euler_rad: Float32
    """(3,) pitch, yaw, roll."""
    pivot_cm: Float32
    """(3,) model frame: the point that stays at the view frame's origin."""

    @cached_property
    def rotation(self) -> Float32:
        """(3, 3) float32 R."""
        return matrix_from_euler(np.asarray(self.euler_rad, np.float64)).astype(np.float32)

    def points(self, vertices: Float32) -> Float32:
        """(..., 3) model frame, cm -> (..., 3) view frame, cm."""
        return (vertices - self.pivot_cm) @ self.rotation.T

    def directions(self, normals: Float32) -> Float32:
        """(..., 3) model frame -> (..., 3) view frame."""
        return normals @ self.rotation.T


def face_middle(model: DynamicExpressionModel) -> Float32:
    """Return the pivot of every head of a model, (3,) float32 cm: the middle of the mean face's landmarks."""
    neutral, _ = model.landmark_tensor.contract_identity(model.identity_mean)
    middle = neutral[model.topology.landmarks_in_subset].mean(axis=0)
    return np.array([0.0, middle[1], middle[2]], np.float32)


@dataclass(frozen=True)
class CameraConfig:
    """Cameras that a face may be seen by, and how they frame it."""

    pinhole: float = 0.7
    """Share of pinhole cameras; the others are orthographic."""
    nearest_cm: float = 25.0
    """Least distance from a pinhole to the middle of the face: a phone held close."""
    usual_cm: float = 55.0
    """The most frequent distance: a laptop."""
    farthest_cm: float = 120.0
    """Greatest distance of a pinhole; beyond it perspective is hardly seen."""
    room: float = 1.9
    """Side of the picture over the larger side of the landmarks' box: training crops at 1.4 and strays."""
    room_std: float = 0.06
    """Spread of the logarithm of `room`."""
    shift_std: float = 0.03
    """Spread of the centre of the box about the centre of the picture, share of its side."""

    def __post_init__(self) -> None:
        if not 0 <= self.pinhole <= 1 or not 20 <= self.nearest_cm <= self.usual_cm <= self.farthest_cm:
            raise ConfigError(f"needs a share in [0, 1] and distances from 20 cm on in their order, got {self}")
        if self.nearest_cm == self.farthest_cm:
            raise ConfigError(f"the nearest and the farthest distance must differ, got {self.nearest_cm} cm for both")
        if self.room <= 1 or min(self.room_std, self.shift_std) < 0:
            raise ConfigError(f"the picture must be larger than the face and spreads not negative, got {self}")


def sample_pose(rng: np.random.Generator, greatest_yaw_deg: float = GREATEST_YAW_DEG) -> Float32:
    """Return pitch, yaw, roll (3,) float32 rad; yaw within `greatest_yaw_deg` to either side, pitch and roll within
    45."""
    shares = [share for share, *_ in _YAW_BANDS]
    yaw = np.inf
    while abs(yaw) > greatest_yaw_deg:
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
        distance_cm = float(np.exp(rng.triangular(*np.log([config.nearest_cm, config.usual_cm, config.farthest_cm]))))
    seen = Camera(size_px, 1.0, (0.0, 0.0), distance_cm).project(landmarks_view)
    lower, upper = seen.min(axis=0), seen.max(axis=0)
    room = config.room * np.exp(np.clip(rng.normal(0, config.room_std), -0.12, 0.2))
    scale = size_px / room / float((upper - lower).max())
    shift = np.clip(rng.normal(0, config.shift_std, 2), -0.07, 0.07) * size_px
    center = size_px / 2 + shift - scale * (lower + upper) / 2
    return Camera(size_px, float(scale), (float(center[0]), float(center[1])), distance_cm)
