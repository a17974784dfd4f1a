"""Options of the bridge; the command line is made from these classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from avatar_bridge.errors import BridgeError

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5570"
DEFAULT_CONTROL_ENDPOINT = "tcp://127.0.0.1:5571"

REGIONS: Final = {
    "brows": ("brows",),
    "eyes": ("eyes",),
    "mouth": ("mouth",),
    "jaw": ("jaw",),
    "head": ("rotation", "translation", "scale"),
    "landmarks": ("landmarks", "eye_landmarks"),
}
"""Region -> its filters, which are fields of SmoothingConfig."""
LEVELS: Final = {"off": 0.0, "light": 2.0, "normal": 1.0, "strong": 0.5}
"""Level -> factor of all cut-offs: twice the cut-off lags half as much and lets more jitter through."""


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
                raise BridgeError(f"{name} must be over 0, got {value}")
        if not (math.isfinite(self.beta) and self.beta >= 0):
            raise BridgeError(f"beta must be 0 or more, got {self.beta}")

    def times(self, factor: float) -> OneEuroConfig:
        """Return the filter with all cutoffs multiplied by `factor`, at every speed."""
        return replace(self, min_cutoff_hz=factor * self.min_cutoff_hz, beta=factor * self.beta)

    def lag_ms(self, speed: float = 0.0) -> float:
        """Return the most that a signal of a steady `speed` is delayed, whatever the frame rate: the time constant.

        In motion it is less: the algorithm measures speed from its own late output, which is on the high side.
        """
        return 1000 / (2 * math.pi * (self.min_cutoff_hz + self.beta * abs(speed)))


@dataclass(frozen=True, slots=True)
class SmoothingConfig:
    """Smoothing of tracked faces, by region, level normal; None: passes as it is. docs/smoothing.md says why these."""

    brows: OneEuroConfig | None = OneEuroConfig(1.0, 2.5, 16.0)
    """Coefficients of the brows; speed in 1/s."""
    eyes: OneEuroConfig | None = OneEuroConfig(1.0, 12.0, 12.0)
    """Lids and gaze: a blink lasts three frames and must not be smoothed away; speed in 1/s."""
    mouth: OneEuroConfig | None = OneEuroConfig(1.0, 3.0, 16.0)
    """Lips, cheeks and nose; speed in 1/s."""
    jaw: OneEuroConfig | None = OneEuroConfig(1.0, 2.5, 16.0)
    """Coefficients of the jaw; speed in 1/s."""
    rotation: OneEuroConfig | None = OneEuroConfig(1.0, 6.0, 8.0)
    """Head rotation; speed in rad/s."""
    translation: OneEuroConfig | None = OneEuroConfig(1.0, 0.6, 8.0)
    """Head position; speed in cm/s, so that the size of the picture does not matter."""
    scale: OneEuroConfig | None = OneEuroConfig(1.0, 5.0, 8.0)
    """Logarithm of the size in the picture; speed in 1/s."""
    landmarks: OneEuroConfig | None = OneEuroConfig(1.0, 0.8, 8.0)
    """Landmarks in the picture; speed in cm/s."""
    eye_landmarks: OneEuroConfig | None = OneEuroConfig(1.0, 4.0, 12.0)
    """Those about the eyes, which blink; speed in cm/s."""
    confidence_power: float = 4.0
    """A frame counts confidence ** this: 0.5 a sixteenth, 0.99 nearly whole; 0: all frames count alike."""
    max_gap_ms: float = 250.0
    """A longer silence of a face starts its filters anew."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_gap_ms) and self.max_gap_ms > 0):
            raise BridgeError(f"max_gap_ms must be over 0, got {self.max_gap_ms}")
        if not (math.isfinite(self.confidence_power) and self.confidence_power >= 0):
            raise BridgeError(f"confidence_power must be 0 or more, got {self.confidence_power}")

    @classmethod
    def of(cls, text: str) -> SmoothingConfig:
        """Return what a text such as "strong" or "normal,eyes=light,jaw=off" asks for; later words count.

        Raises:
            BridgeError: a word is no level, or names no region.
        """
        factors = dict.fromkeys(REGIONS, LEVELS["normal"])
        for word in text.split(","):
            region, equals, level = word.strip().rpartition("=")
            if level not in LEVELS or (equals and region not in REGIONS):
                raise BridgeError(
                    f"no smoothing {word.strip()!r}: give {_listed(LEVELS)}, and to a region of its own REGION=LEVEL "
                    f"({_listed(REGIONS)}), as in normal,eyes=light"
                )
            factors |= {region: LEVELS[level]} if equals else dict.fromkeys(REGIONS, LEVELS[level])
        return cls().times(factors)

    def times(self, factors: dict[str, float]) -> SmoothingConfig:
        """Return it with the cutoffs of each region multiplied by a factor; 0 switches the region off."""
        changed: dict[str, OneEuroConfig | None] = {}
        for region, factor in factors.items():
            for name in REGIONS[region]:
                config: OneEuroConfig | None = getattr(self, name)
                changed[name] = config.times(factor) if config is not None and factor else None
        return replace(self, **changed)  # type: ignore[arg-type]

    @property
    def enabled(self) -> bool:
        """Whether anything is smoothed."""
        return any(getattr(self, name) is not None for names in REGIONS.values() for name in names)

    def weight(self, confidence: float) -> float:
        """Return how much a frame counts, 0..1."""
        return float(confidence) ** self.confidence_power


def _listed(names: dict[str, float] | dict[str, tuple[str, ...]]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"
