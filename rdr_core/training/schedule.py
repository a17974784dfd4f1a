"""What changes over a run: the learning rate, and how often the face is refined."""

from __future__ import annotations

import math

from rdr_core.training.config import TrainConfig

_FLOOR = 0.001
"""Share of the peak that a cosine ends at."""


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then half a cosine down to nearly nothing, or on at the peak."""
    if step < config.warmup:
        return config.peak_lr * (step + 1) / config.warmup
    if config.schedule == "constant":
        return config.peak_lr
    progress = min(1.0, (step - config.warmup) / max(1, config.steps - config.warmup))
    return config.peak_lr * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * progress)))


def refinements(config: TrainConfig, step: int, most: int) -> int:
    """Refinement steps K' <= K = `most` at a step of the training: under a curriculum the later ones join later."""
    return most if step >= config.curriculum else 1 + (most - 1) * step // config.curriculum
