"""Learning rate over a run."""

from __future__ import annotations

import math


def learning_rate(peak: float, step: int, total: int, warmup: int, floor: float = 0.001) -> float:
    """Linear warm-up, then half a cosine down to `floor` times the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))
