"""Resampling by capture time: what the face was at other instants, never a frame count stretched.

Between two frames: coefficients, position, scale and landmarks in a straight line, rotations along the shortest arc.
Where nothing was captured for long, the last frame is held and counts as not tracked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from avatar_bridge.errors import ConvertError
from avatar_bridge.tracks import MAX_FRAMES, FaceTrack
from rdr_core.geometry.rotation import euler_from_matrix

Array = npt.NDArray[Any]
RATES_HZ: Final = (0.01, 1000)
"""Lowest and highest rate."""
LONG_GAP_S: Final = 0.5
_LONG_GAP_INTERVALS: Final = 4
"""A gap is long when it is both: pictures taken every second are no gaps."""
_NTSC: Final = (24, 30, 48, 60, 120)
_BLOCK: Final = 4096
"""Frames at a time where landmarks are interpolated: memory stays small."""


def frame_rate(fps: float) -> Fraction:
    """Return a rate exactly: 23.976, 29.97 and 59.94 mean 24, 30 and 60 by 1000/1001."""
    if not RATES_HZ[0] <= fps <= RATES_HZ[1]:  # false for NaN, too
        raise ConvertError(f"a frame rate must be {RATES_HZ[0]:g} to {RATES_HZ[1]:g} a second, got {fps:g}")
    for whole in _NTSC:
        if abs(fps - whole / 1.001) < 0.005:
            return Fraction(whole * 1000, 1001)
    return Fraction(fps).limit_denominator(1001)


def frame_times_ns(origin_ns: int, first_ns: int, last_ns: int, rate: Fraction) -> Array:
    """Return (F,) int64 the instants origin + k / rate within first_ns..last_ns, each right to half a ns."""
    first = -((origin_ns - first_ns) * rate // 10**9)  # rounded up
    last = (last_ns - origin_ns) * rate // 10**9
    if last - first >= MAX_FRAMES:
        raise ConvertError(
            f"{last - first + 1} frames are more than {MAX_FRAMES}: choose a lower rate or a shorter part"
        )
    step, parts = 10**9 * rate.denominator, rate.numerator
    return np.array([origin_ns + (2 * k * step + parts) // (2 * parts) for k in range(first, last + 1)], np.int64)


def resample(track: FaceTrack, fps: float) -> FaceTrack:
    """Return a track at an even rate, on a grid that starts at the take's second 0: all of its faces share it.

    A track that is too short for any instant of the grid keeps its first frame. Whether the face was tracked is that
    of the frame before.
    """
    times = frame_times_ns(track.origin_ns, int(track.time_ns[0]), int(track.time_ns[-1]), frame_rate(fps))
    if not len(times):
        return track.take_frames(np.array([0]))
    return at_times(track, times)


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
    quaternion = slerp(track.quaternion[before], track.quaternion[before + 1], part)
    return replace(
        track,
        time_ns=times_ns,
        weights=_mix(track.weights, before, part),
        quaternion=quaternion.astype(np.float32),
        euler_rad=euler_of(quaternion).astype(np.float32),
        translation_px=_mix(track.translation_px, before, part),
        scale_px_per_cm=_mix(track.scale_px_per_cm, before, part),
        source_size_px=track.source_size_px[held],
        tracked=track.tracked[held] & ~lost,
        confidence=_mix(track.confidence, before, part),
        landmarks_px=None if track.landmarks_px is None else _mix(track.landmarks_px, before, part),
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


def euler_of(quaternion: Array) -> Array:
    """(F, 4) unit quaternions -> (F, 3) pitch, yaw, roll, rad."""
    w, x, y, z = quaternion.T.astype(np.float64)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return euler_from_matrix(np.moveaxis(np.array(rows), 2, 0))


def same_sign(quaternion: Array) -> Array:
    """(F, 4) -> (F, 4) the same rotations without jumps of sign, for programs that interpolate naively."""
    flips = np.sign((quaternion[1:] * quaternion[:-1]).sum(axis=1))
    signs = np.concatenate([[1], np.cumprod(np.where(flips == 0, 1, flips))])
    return quaternion * signs[:, None]


def _mix(values: Array, before: Array, part: Array) -> Array:
    """(T, ...) -> (F, ...) float32 between frame `before` and the next."""
    mixed = np.empty((len(part), *values.shape[1:]), np.float32)
    for block in _blocks(len(part)):
        share = part[block].reshape(-1, *(1,) * (values.ndim - 1))
        mixed[block] = values[before[block]] * (1 - share) + values[before[block] + 1] * share
    return mixed


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))
