"""A face that anybody can compute: what the publisher sends, and what the tests expect. Standard library only."""

from __future__ import annotations

import math

START_NS = 1_700_000_000_000_000_000
RATE_HZ = 30
FRAME_NS = 1_000_000_000 // RATE_HZ
SIZE_PX = (640, 480)


def alpha_exp(seq: int) -> list[float]:
    """Return 46 coefficients, each a wave of its own."""
    return [0.5 + 0.5 * math.sin(0.13 * seq + 0.7 * shape) for shape in range(46)]


def euler_rad(seq: int) -> tuple[float, float, float]:
    """Return pitch, yaw, roll."""
    return 0.2 * math.sin(0.05 * seq), 0.6 * math.sin(0.03 * seq + 1), 0.1 * math.cos(0.04 * seq)


def translation_px(seq: int) -> tuple[float, float, float]:
    """Return where the head's origin is."""
    return 320 + 40 * math.sin(0.02 * seq), 240 - 30 * math.sin(0.03 * seq), 0.0


def scale_px_per_cm(seq: int) -> float:
    """Return the size in the picture."""
    return 12 + 2 * math.sin(0.01 * seq)
