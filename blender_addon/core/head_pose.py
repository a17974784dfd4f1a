"""The head's pose on its way to a rig: measured from rest, scaled by gains, turned into the rig's axes.

Model axes, in which poses come: +x the subject's left, +y up, +z out of the face. R = Ry(yaw) Rx(-pitch) Rz(-roll);
yaw > 0 looks to the subject's left, pitch > 0 up, roll > 0 clockwise in the image. Quaternions are (w, x, y, z).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import AddonError
from .protocol import FaceFrame
from .quaternions import conjugate, multiply, quaternion_from_rotation_vector, rotation_vector

Array = npt.NDArray[Any]
IDENTITY: Final = (1.0, 0.0, 0.0, 0.0)
AXES: Final = {"X": (1, 0, 0), "-X": (-1, 0, 0), "Y": (0, 1, 0), "-Y": (0, -1, 0), "Z": (0, 0, 1), "-Z": (0, 0, -1)}


@dataclass(frozen=True, slots=True)
class HeadRest:
    """The head that counts as looking straight ahead, in its place."""

    quaternion: tuple[float, float, float, float] = IDENTITY
    position_cm: tuple[float, float] = (0.0, 0.0)
    """Right and up of the picture's middle, in the subject's sense: +x the subject's left."""
    scale_px_per_cm: float = 0.0
    """0: not known; the first head that is seen counts."""


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """What becomes of the head's pose."""

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Of pitch, yaw, roll."""
    position_gain: float = 1.0
    """Of movement across the picture; 0: the head stays where it is."""
    depth_gain: float = 0.0
    """Of movement to and from the camera, from the size in the picture; 0: none."""
    distance_cm: float = 60.0
    """From the camera at rest; only depth needs it."""
    scale_gain: float = 0.0
    """Of growth with the size in the picture: 1 as in the picture, 0 none."""
    forward: str = "-Y"
    """Where the character looks, in the axes of its object or armature."""
    up: str = "Z"

    def __post_init__(self) -> None:
        for name in ("forward", "up"):
            if getattr(self, name) not in AXES:
                raise AddonError(f"{name} must be one of {', '.join(AXES)}, got {getattr(self, name)!r:.20}")
        if self.forward[-1] == self.up[-1]:
            raise AddonError(f"forward and up must be different axes, got {self.forward} and {self.up}")


@dataclass(frozen=True, slots=True)
class HeadPose:
    """How a rig's head differs from its own rest, in the axes of its object or armature."""

    quaternion: tuple[float, float, float, float] = IDENTITY
    location_cm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0

    def faded(self, presence: float) -> HeadPose:
        """Return the pose on its way to rest: 1 as it is, 0 at rest."""
        if presence >= 1:
            return self
        turn = [presence * angle for angle in rotation_vector(self.quaternion)]
        x, y, z = self.location_cm
        return HeadPose(
            _four(quaternion_from_rotation_vector(turn)),
            (presence * x, presence * y, presence * z),
            1 + presence * (self.scale - 1),
        )


def rest_of(frame: FaceFrame) -> HeadRest:
    """Return the head of a frame as rest."""
    return HeadRest(_four(frame.quaternion.tolist()), position_cm(frame), frame.scale_px_per_cm)


def position_cm(frame: FaceFrame) -> tuple[float, float]:
    """Return where the head's origin is, off the picture's middle: toward the subject's left, and up."""
    if not frame.scale_px_per_cm:
        return 0.0, 0.0
    width, height = frame.source_size_px
    x, y = frame.translation_px[:2].tolist()
    return (x - width / 2) / frame.scale_px_per_cm, (height / 2 - y) / frame.scale_px_per_cm


def head_pose(frame: FaceFrame, rest: HeadRest, config: HeadConfig) -> HeadPose:
    """Return what a rig's head does."""
    axes = model_to_rig(config.forward, config.up)
    from_rest = multiply(conjugate(rest.quaternion), frame.quaternion.tolist())
    turn = np.array(rotation_vector(_scaled(from_rest, config.gains)))
    size = frame.scale_px_per_cm / rest.scale_px_per_cm if rest.scale_px_per_cm and frame.scale_px_per_cm else 1.0
    x, y = position_cm(frame)
    moved = np.array(
        [
            config.position_gain * (x - rest.position_cm[0]),
            config.position_gain * (y - rest.position_cm[1]),
            config.depth_gain * config.distance_cm * (1 - 1 / size),
        ]
    )
    location = (axes @ moved).tolist()
    return HeadPose(
        _four(quaternion_from_rotation_vector((axes @ turn).tolist())),
        (location[0], location[1], location[2]),
        1 + config.scale_gain * (size - 1),
    )


@lru_cache
def model_to_rig(forward: str, up: str) -> Array:
    """Return the (3, 3) rotation from the model's axes to a rig's that looks `forward` with `up` up."""
    z, y = np.array(AXES[forward], float), np.array(AXES[up], float)
    axes = np.stack([np.cross(y, z), y, z], axis=1)
    axes.setflags(write=False)
    return axes


def _scaled(quaternion: Sequence[float], gains: tuple[float, float, float]) -> list[float]:
    """Return a rotation with its pitch, yaw and roll multiplied."""
    if gains == (1.0, 1.0, 1.0):
        return list(quaternion)
    euler = euler_from_quaternion(quaternion)
    scaled = [gain * angle for gain, angle in zip(gains, euler, strict=True)]
    found: list[float] = quaternions_from_euler(np.array(scaled)).tolist()
    return found


def euler_from_quaternion(quaternion: Sequence[float]) -> tuple[float, float, float]:
    """Return pitch, yaw, roll in rad of a unit quaternion."""
    w, x, y, z = quaternion
    pitch = math.asin(max(-1.0, min(1.0, 2 * (y * z - w * x))))
    yaw = math.atan2(2 * (x * z + w * y), 1 - 2 * (x * x + y * y))
    roll = math.atan2(-2 * (x * y + w * z), 1 - 2 * (x * x + z * z))
    return pitch, yaw, roll


def quaternions_from_euler(euler_rad: Array) -> Array:
    """(..., 3) pitch, yaw, roll -> (..., 4) unit quaternions (w, x, y, z) with w >= 0."""
    pitch, yaw, roll = (np.asarray(euler_rad)[..., k] / 2 for k in range(3))
    sp, cp, sy, cy, sr, cr = np.sin(-pitch), np.cos(pitch), np.sin(yaw), np.cos(yaw), np.sin(-roll), np.cos(roll)
    quaternion = np.stack(
        [
            cy * cp * cr + sy * sp * sr,
            cy * sp * cr + sy * cp * sr,
            sy * cp * cr - cy * sp * sr,
            cy * cp * sr - sy * sp * cr,
        ],
        -1,
    )
    return np.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def _four(values: Sequence[float]) -> tuple[float, float, float, float]:
    w, x, y, z = values
    return float(w), float(x), float(y), float(z)
