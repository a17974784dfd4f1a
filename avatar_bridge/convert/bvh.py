"""BVH: the head as one joint, position in cm off the middle of the picture and rotation in degrees, at an even rate."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from avatar_bridge.errors import ConvertError
from avatar_bridge.resample import resample
from avatar_bridge.tracks import FaceTrack
from rdr_core.atomic import whole_file

CROWN_CM: Final = 12.0
"""Where the joint's end is drawn, above its origin."""
_HIERARCHY: Final = f"""HIERARCHY
ROOT Head
{{
  OFFSET 0.000000 0.000000 0.000000
  CHANNELS 6 Xposition Yposition Zposition Yrotation Xrotation Zrotation
  End Site
  {{
    OFFSET 0.000000 {CROWN_CM:.6f} 0.000000
  }}
}}
"""
_AXES: Final = np.array([1.0, -1.0, -1.0])
"""Turns about +y, +x, +z are yaw, -pitch, -roll: R = Ry(yaw) Rx(-pitch) Rz(-roll)."""


def write_bvh(path: Path, track: FaceTrack) -> None:
    """Write the head's motion; a track that is not even yet is resampled at its own rate, since BVH knows no times."""
    if len(track) < 2:
        raise ConvertError("a BVH file needs two frames at least: it holds motion")
    even = track if is_even(track) else resample(track, track.rate_hz)
    turns = np.degrees(even.euler_rad[:, [1, 0, 2]].astype(np.float64)) * _AXES
    unwrapped = np.unwrap(turns, period=360, axis=0)  # programs interpolate the numbers
    rows = np.concatenate([even.position_cm, unwrapped], axis=1) + 0.0  # no -0.0
    interval_s = (even.time_ns[-1] - even.time_ns[0]) / 1e9 / (len(even) - 1) if len(even) > 1 else 1 / track.rate_hz
    with whole_file(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as file:
        file.write(_HIERARCHY)
        file.write(f"MOTION\nFrames: {len(even)}\nFrame Time: {interval_s:.9f}\n")
        np.savetxt(file, rows, fmt="%.6f")


def is_even(track: FaceTrack) -> bool:
    """Whether frames come at one interval, right to a microsecond."""
    steps = np.diff(track.time_ns)
    return bool(abs(steps - steps.mean()).max() < 1000)
