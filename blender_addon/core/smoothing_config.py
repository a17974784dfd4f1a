"""Settings of the One Euro filters, region by region; the tracker's program has the same numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from .errors import AddonError

LEVELS: Final = {"off": 0.0, "light": 2.0, "normal": 1.0, "strong": 0.5}
"""Level -> factor of all cut-offs: twice the cut-off lags half as much and lets more jitter through."""
SMOOTHED_REGIONS: Final = ("brows", "eyes", "mouth", "jaw", "head")


@dataclass(frozen=True, slots=True)
class OneEuroConfig:
    """One Euro filter: smooth at rest, quick in motion. cutoff = min_cutoff_hz + beta * speed."""

    min_cutoff_hz: float = 1.0
    """Cutoff at rest: lower takes away more jitter and lags more."""
    beta: float = 0.0
    """Hz added per unit of speed (the signal's unit a second): higher lags less in motion."""
    speed_cutoff_hz: float = 1.0
    """Cutoff for the estimate of the speed itself: higher notices a start of motion sooner."""

    def __post_init__(self) -> None:
        for name in ("min_cutoff_hz", "speed_cutoff_hz"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise AddonError(f"{name} must be over 0, got {value}")
        if not (math.isfinite(self.beta) and self.beta >= 0):
            raise AddonError(f"beta must be 0 or more, got {self.beta}")

    def times(self, factor: float) -> OneEuroConfig:
        """Return the filter with all cutoffs multiplied by `factor`, at every speed."""
        return replace(self, min_cutoff_hz=factor * self.min_cutoff_hz, beta=factor * self.beta)

    def lag_ms(self, speed: float = 0.0) -> float:
        """Return the most that a signal of a steady `speed` is delayed, whatever the frame rate: the time constant."""
        return 1000 / (2 * math.pi * (self.min_cutoff_hz + self.beta * abs(speed)))


DEFAULTS: Final = {
    "brows": OneEuroConfig(1.0, 2.5, 16.0),
    "eyes": OneEuroConfig(1.0, 12.0, 12.0),  # a blink lasts three frames and must not be smoothed away
    "mouth": OneEuroConfig(1.0, 3.0, 16.0),
    "jaw": OneEuroConfig(1.0, 2.5, 16.0),
    "rotation": OneEuroConfig(1.0, 6.0, 8.0),
    "translation": OneEuroConfig(1.0, 0.6, 8.0),
    "scale": OneEuroConfig(1.0, 5.0, 8.0),
}
"""Filter -> its settings at level normal. Speeds: coefficients and log scale 1/s, rotation rad/s, translation cm/s."""
_HEAD: Final = ("rotation", "translation", "scale")


@dataclass(frozen=True, slots=True)
class SmoothingConfig:
    """How much each region is smoothed: one of LEVELS."""

    brows: str = "off"
    eyes: str = "off"
    mouth: str = "off"
    jaw: str = "off"
    head: str = "off"
    confidence_power: float = 4.0
    """A frame counts confidence ** this: 0.5 a sixteenth, 0.99 nearly whole."""
    max_gap_ms: float = 250.0
    """A longer silence of a face starts its filters anew."""

    def __post_init__(self) -> None:
        for region in SMOOTHED_REGIONS:
            if getattr(self, region) not in LEVELS:
                raise AddonError(f"{region} must be one of {', '.join(LEVELS)}, got {getattr(self, region)!r:.40}")

    @classmethod
    def of(cls, levels: Mapping[str, str]) -> SmoothingConfig:
        """Return the settings of a level for each region."""
        brows, eyes, mouth, jaw, head = (levels[region] for region in SMOOTHED_REGIONS)
        return cls(brows, eyes, mouth, jaw, head)

    @property
    def enabled(self) -> bool:
        """Whether anything is smoothed."""
        return any(getattr(self, region) != "off" for region in SMOOTHED_REGIONS)

    def filter_of(self, name: str) -> OneEuroConfig | None:
        """Return the settings of one of DEFAULTS; None where its region is off."""
        factor = LEVELS[getattr(self, "head" if name in _HEAD else name)]
        return DEFAULTS[name].times(factor) if factor else None

    def weight(self, confidence: float) -> float:
        """Return how much a frame counts, 0..1."""
        return float(confidence) ** self.confidence_power
