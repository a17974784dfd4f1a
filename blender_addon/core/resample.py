"""Resampling by capture time: what the face was at the instants of a scene's frames, never a frame count stretched.

Between two frames: coefficients, position and scale in a straight line, rotations along the shortest arc. Where nothing
was captured for long, the last frame is held and counts as not tracked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import TakeError
from .track import MAX_FRAMES, FaceTrack

Array = npt.NDArray[Any]
LONG_GAP_S: Final = 0.5
_LONG_GAP_INTERVALS: Final = 4
"""A gap is long when it is both: pictures taken every second are no gaps."""
_NTSC: Final = (24, 30, 48, 60, 120)


@dataclass(frozen=True, slots=True)
class SceneTime:
    """Where a take lies in a scene."""

    rate: Fraction
    """Frames of the scene a second."""
    anchor_ns: int
    """A capture time ..."""
    anchor_frame: int
    """... and the frame of the scene that it falls on."""

    def time_ns(self, frame: int) -> int:
        """Return the instant of a frame, right to half a ns."""
        step, parts = 10**9 * self.rate.denominator * (frame - self.anchor_frame), self.rate.numerator
        return self.anchor_ns + (2 * step + parts) // (2 * parts)

    def frames_within(self, first_ns: int, last_ns: int) -> range:
        """Return the frames from one instant to another."""
        first = -((self.anchor_ns - first_ns) * self.rate // 10**9)  # rounded up
        last = (last_ns - self.anchor_ns) * self.rate // 10**9
        if last - first >= MAX_FRAMES:
            raise TakeError(f"{last - first + 1} frames are more than {MAX_FRAMES}: bake a shorter part")
        return range(self.anchor_frame + first, self.anchor_frame + last + 1)


def frame_rate(fps: float, base: float = 1.0) -> Fraction:
    """Return a scene's rate exactly: 24 / 1.001 and 23.976 both mean 24000 / 1001."""
    rate = fps / base
    if not 0 < rate <= 1000:
        raise TakeError(f"a frame rate must be over 0 and at most 1000, got {rate:g}")
    for whole in _NTSC:
        if abs(rate - whole / 1.001) < 0.005:
            return Fraction(whole * 1000, 1001)
    return Fraction(rate).limit_denominator(1001)


def resample(track: FaceTrack, time: SceneTime) -> tuple[range, FaceTrack]:
    """Return the frames of the scene that a track covers, and the track at their instants.

    A track that is too short for any frame gives its first moment on the frame nearest to it.
    """
    frames = time.frames_within(int(track.time_ns[0]), int(track.time_ns[-1]))
    if not frames:
        past_ns = int(track.time_ns[0]) - time.anchor_ns
        nearest = time.anchor_frame + round(past_ns * time.rate / 10**9)
        return range(nearest, nearest + 1), track.take_frames(np.array([0]))
    return frames, at_times(track, np.array([time.time_ns(frame) for frame in frames], np.int64))


def at_times(track: FaceTrack, times_ns: Array) -> FaceTrack:
    """Return a track at (F,) rising instants; outside of the track its first or last frame goes on."""
    if len(track) == 1:
        return replace(track.take_frames(np.zeros(len(times_ns), np.intp)), time_ns=times_ns)
    before = np.clip(np.searchsorted(track.time_ns, times_ns, side="right") - 1, 0, len(track) - 2)
    gap = (track.time_ns[before + 1] - track.time_ns[before]).astype(np.float64)
    part = np.clip((times_ns - track.time_ns[before]) / gap, 0, 1)
    held = np.where(part < 1, before, before + 1)  # the frame whose instant has come
    lost = (gap > max(LONG_GAP_S * 1e9, _LONG_GAP_INTERVALS * 1e9 / track.rate_hz)) & (part > 0) & (part < 1)
    part = np.where(lost, 0, part)
    return replace(
        track,
        time_ns=times_ns,
        weights=_mix(track.weights, before, part),
        quaternion=slerp(track.quaternion[before], track.quaternion[before + 1], part).astype(np.float32),
        translation_px=_mix(track.translation_px, before, part),
        scale_px_per_cm=_mix(track.scale_px_per_cm, before, part),
        source_size_px=track.source_size_px[held],
        tracked=track.tracked[held] & ~lost,
        confidence=_mix(track.confidence, before, part),
    )


def slerp(first: Array, second: Array, part: Array) -> Array:
    """(F, 4), (F, 4) unit quaternions, (F,) 0..1 -> (F, 4) float64 on the shorter arc between them."""
    first, second = (q / np.linalg.norm(q, axis=1, keepdims=True) for q in (first.astype(float), second.astype(float)))
    cosine = (first * second).sum(axis=1)
    second = np.where(cosine[:, None] < 0, -second, second)
    angle = np.arccos(np.clip(abs(cosine), 0, 1))
    near = angle < 1e-4  # the sine vanishes, and the chord is the arc
    sine = np.where(near, 1, np.sin(angle))
    a = np.where(near, 1 - part, np.sin((1 - part) * angle) / sine)
    b = np.where(near, part, np.sin(part * angle) / sine)
    mixed = a[:, None] * first + b[:, None] * second
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def same_sign(quaternion: Array) -> Array:
    """(F, 4) -> (F, 4) the same rotations without jumps of sign, as curves of keys need them."""
    flips = np.sign((quaternion[1:] * quaternion[:-1]).sum(axis=1))
    signs = np.concatenate([[1], np.cumprod(np.where(flips == 0, 1, flips))])
    return quaternion * signs[:, None]


def _mix(values: Array, before: Array, part: Array) -> Array:
    """(T, ...) -> (F, ...) float32 between frame `before` and the next."""
    share = part.reshape(-1, *(1,) * (values.ndim - 1))
    return (values[before] * (1 - share) + values[before + 1] * share).astype(np.float32)
