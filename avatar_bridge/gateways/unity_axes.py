"""Rotations in Unity's axes, which VMC has: left-handed, +x the avatar's right, +y up, +z out of its face."""

from __future__ import annotations

from collections.abc import Sequence


def to_unity(quaternion: Sequence[float]) -> tuple[float, float, float, float]:
    """(w, x, y, z) in our axes -> (x, y, z, w) in Unity's: x is mirrored, turns about y and z change sign."""
    w, x, y, z = map(float, quaternion)
    return x, -y, -z, w


def from_unity(quaternion: Sequence[float]) -> tuple[float, float, float, float]:
    """(x, y, z, w) in Unity's axes -> (w, x, y, z) in ours."""
    x, y, z, w = map(float, quaternion)
    return w, x, -y, -z
