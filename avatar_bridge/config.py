"""Options of the bridge; the command line is made from these classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from avatar_bridge.errors import BridgeError

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5570"
DEFAULT_CONTROL_ENDPOINT = "tcp://127.0.0.1:5571"


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

    def lag_ms(self, speed: float = 0.0) -> float:
        """Return the most that a signal of a steady `speed` is delayed, whatever the frame rate: the time constant.

        In motion it is less: the algorithm measures speed from its own late output, which is on the high side.
        """
        return 1000 / (2 * math.pi * (self.min_cutoff_hz + self.beta * abs(speed)))


@dataclass(frozen=True, slots=True)
class SmoothingConfig:
    """Smoothing of tracked faces, by region; the numbers suit 25 to 60 frames a second."""

    enabled: bool = True
    """False: frames pass as they are."""
    expression: OneEuroConfig = field(default_factory=lambda: OneEuroConfig(2.0, 2.5, 2.0))
    """Coefficients except those of the eyelids; speed in 1/s."""
    eyelids: OneEuroConfig = field(default_factory=lambda: OneEuroConfig(5.0, 5.0, 8.0))
    """EyeClose and EyeWide: a blink lasts three frames and must not be smoothed away; speed in 1/s."""
    rotation: OneEuroConfig = field(default_factory=lambda: OneEuroConfig(1.5, 6.0, 2.0))
    """Head rotation; speed in rad/s."""
    translation: OneEuroConfig = field(default_factory=lambda: OneEuroConfig(1.5, 0.3, 2.0))
    """Head position; speed in cm/s, so that the size of the picture does not matter."""
    scale: OneEuroConfig = field(default_factory=lambda: OneEuroConfig(1.0, 5.0, 2.0))
    """Size in the picture; speed as parts of the size a second."""
    landmarks: OneEuroConfig = field(default_factory=lambda: OneEuroConfig(2.5, 0.5, 2.0))
    """Landmarks in the picture; speed in cm/s."""
    max_gap_ms: float = 250.0
    """A longer silence of a face starts its filters anew."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_gap_ms) and self.max_gap_ms > 0):
            raise BridgeError(f"max_gap_ms must be over 0, got {self.max_gap_ms}")

    def rest_lag_ms(self) -> dict[str, float]:
        """Return the delay of slow motion by region: the most that smoothing costs."""
        regions = ("expression", "eyelids", "rotation", "translation", "scale", "landmarks")
        return {name: getattr(self, name).lag_ms() if self.enabled else 0.0 for name in regions}
