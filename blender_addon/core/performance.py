"""From a face frame to what a character does: smoothing, calibration, mirror, mapping, head, presence.

The same work live and in a bake, so that what was seen is what is baked.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .calibration import Calibration
from .head_pose import HeadConfig, HeadPose, HeadRest, head_pose, rest_of
from .mapping import Retargeter, ShapeMapping
from .presence import Presence, PresenceConfig
from .protocol import FaceFrame
from .resample import SceneTime, resample, same_sign
from .shapes import MIRROR, SHAPE_NAMES
from .smoothing import FaceSmoother
from .smoothing_config import SmoothingConfig
from .track import FaceTrack, track_of

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class PerformanceConfig:
    """Everything about a character that is not Blender."""

    mapping: ShapeMapping
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    calibration: Calibration = field(default_factory=Calibration)
    head: HeadConfig = field(default_factory=HeadConfig)
    rest: HeadRest = field(default_factory=HeadRest)
    presence: PresenceConfig = field(default_factory=PresenceConfig)
    mirror: bool = False
    """Left and right change places, as in a mirror."""


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """What a character does at one instant."""

    values: Array
    """(N,) float32 of the mapping's targets."""
    head: HeadPose
    """From the rig's own rest."""


class Performer:
    """Turns the frames of one face into actions, in their order."""

    def __init__(self, config: PerformanceConfig) -> None:
        """Raises MappingError where the mapping reads a shape that does not come over the wire."""
        self.config = config
        self._retarget = Retargeter(config.mapping, SHAPE_NAMES)
        self._smoother = FaceSmoother(config.smoothing)
        self._presence = Presence(config.presence)
        self._rest = config.rest
        self._frame: FaceFrame | None = None

    def take(self, frame: FaceFrame) -> FaceFrame:
        """Take up a frame; return it smoothed, not yet calibrated. All frames count for the filters."""
        self._frame = self._smoother.smooth(frame)
        if frame.tracked and not self._rest.scale_px_per_cm:
            self._rest = replace(
                self._rest, scale_px_per_cm=frame.scale_px_per_cm, position_cm=rest_of(frame).position_cm
            )
        return self._frame

    def act(self, time_s: float, tracked: bool | None = None) -> Action | None:
        """Return what to do at an instant; None before the first frame.

        tracked: False where the frames stopped coming; None: as the last frame says.
        """
        if self._frame is None:
            return None
        presence, head = self.pose(self._frame, time_s, tracked)
        return Action(self._retarget(presence * self.shown(self._frame).alpha_exp), head)

    def pose(self, frame: FaceFrame, time_s: float, tracked: bool | None = None) -> tuple[float, HeadPose]:
        """Return how much of a face shows at an instant, 0..1, and what its head does."""
        seen = frame.tracked if tracked is None else tracked and frame.tracked
        presence = self._presence.at(time_s, seen)
        if self.config.mirror:
            return presence, head_pose(mirrored(frame), _mirrored_rest(self._rest), self.config.head).faded(presence)
        return presence, head_pose(frame, self._rest, self.config.head).faded(presence)

    def shown(self, frame: FaceFrame) -> FaceFrame:
        """Return a frame calibrated and mirrored."""
        frame = self.config.calibration.apply_to(frame)
        return mirrored(frame) if self.config.mirror else frame

    @property
    def restless(self) -> bool:
        """Whether the character moves without frames: on its way to rest."""
        return self._presence.moving

    def lag_ms(self) -> dict[str, float]:
        """Return what smoothing costs, by region."""
        return self._smoother.lag_ms()


@dataclass(frozen=True, slots=True, eq=False)
class Performed:
    """What a character does over F frames of a scene."""

    frames: range
    values: Array
    """(F, N) float32 of the mapping's targets."""
    head_quaternion: Array
    """(F, 4) w, x, y, z without jumps of sign, from the rig's own rest."""
    head_location_cm: Array
    """(F, 3)."""
    head_scale: Array
    """(F,)."""
    tracked: Array
    """(F,) whether the face was seen."""

    def since(self, frame: int) -> Performed:
        """Return the part from a frame on; all of it where nothing comes after."""
        skipped = frame - self.frames[0]
        if not 0 < skipped < len(self.frames):
            return self
        part = slice(skipped, None)
        return Performed(
            self.frames[part],
            self.values[part],
            self.head_quaternion[part],
            self.head_location_cm[part],
            self.head_scale[part],
            self.tracked[part],
        )


def perform(track: FaceTrack, config: PerformanceConfig, time: SceneTime) -> Performed:
    """Return what a character does at the frames of a scene that a track covers.

    Smoothing sees the frames as they were captured; only then they are brought to the scene's.
    """
    frames, even = resample(_smoothed(track.as_facewarehouse(), config.smoothing), time)
    performer = Performer(replace(config, smoothing=SmoothingConfig()))
    poses = []
    for frame in even.frames():
        performer.take(frame)
        poses.append(performer.pose(frame, frame.capture_time_ns / 1e9))
    heads = [head for _, head in poses]
    presence = np.array([share for share, _ in poses], np.float32)[:, None]
    weights = config.calibration.apply(np.clip(even.weights, 0, 1))
    if config.mirror:
        weights = weights[:, list(MIRROR)]
    return Performed(
        frames,
        Retargeter(config.mapping, SHAPE_NAMES)(presence * weights),
        same_sign(np.array([head.quaternion for head in heads])),
        np.array([head.location_cm for head in heads]),
        np.array([head.scale for head in heads]),
        even.tracked,
    )


def _smoothed(track: FaceTrack, config: SmoothingConfig) -> FaceTrack:
    if not config.enabled:
        return track
    smoother = FaceSmoother(config)
    return track_of([smoother.smooth(frame) for frame in track.frames()])


def mirrored(frame: FaceFrame) -> FaceFrame:
    """Return the face as a mirror shows it."""
    w, x, y, z = frame.quaternion.tolist()
    moved = frame.translation_px.copy()
    moved[0] = frame.source_size_px[0] - moved[0]
    return replace(
        frame,
        alpha_exp=frame.alpha_exp[list(MIRROR)],
        quaternion=np.array([w, x, -y, -z], np.float32),
        translation_px=moved,
    )


def _mirrored_rest(rest: HeadRest) -> HeadRest:
    w, x, y, z = rest.quaternion
    return replace(rest, quaternion=(w, x, -y, -z), position_cm=(-rest.position_cm[0], rest.position_cm[1]))
