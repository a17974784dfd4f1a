"""A smooth way from 0 to 1."""

from __future__ import annotations

import numpy as np

from rdr_core.types import Float32


def smoothstep(low: float, high: float, values: Float32) -> Float32:
    """0 up to `low`, 1 from `high` on, level at both ends; downwards where `high` is below `low`."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
