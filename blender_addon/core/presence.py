"""What a character does while its face is lost: hold still, or ease to rest and come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import AddonError

WhenLost = Literal["HOLD", "EASE"]


@dataclass(frozen=True, slots=True)
class PresenceConfig:
    """How to go and to come."""

    when_lost: WhenLost = "EASE"
    """HOLD: stay as last seen; EASE: go to rest."""
    patience_s: float = 0.5
    """How long a lost face is held first: a hand before the face is no reason to go."""
    ease_s: float = 0.8
    """How long it takes to rest."""
    return_s: float = 0.25
    """How long it takes to come back."""

    def __post_init__(self) -> None:
        if self.when_lost not in ("HOLD", "EASE"):
            raise AddonError(f"when_lost must be HOLD or EASE, got {self.when_lost!r:.20}")
        for name in ("patience_s", "ease_s", "return_s"):
            if not 0 <= getattr(self, name) <= 60:
                raise AddonError(f"{name} must be 0 to 60 s, got {getattr(self, name)}")


class Presence:
    """How much of the face shows, 0..1, over time."""

    def __init__(self, config: PresenceConfig | None = None) -> None:
        self.config = config or PresenceConfig()
        self._linear = 1.0
        self._time_s: float | None = None
        self._seen_s: float | None = None

    def at(self, time_s: float, tracked: bool) -> float:
        """Return how much shows at an instant of any rising clock; tracked: whether the face is seen now."""
        elapsed_s = 0.0 if self._time_s is None else max(0.0, time_s - self._time_s)
        self._time_s = time_s
        if tracked or self._seen_s is None:
            self._seen_s = time_s
        patient = time_s - self._seen_s <= self.config.patience_s
        if tracked:
            self._linear = min(1.0, self._linear + _part(elapsed_s, self.config.return_s))
        elif self.config.when_lost == "EASE" and not patient:
            self._linear = max(0.0, self._linear - _part(elapsed_s, self.config.ease_s))
        return self._linear * self._linear * (3 - 2 * self._linear)

    @property
    def moving(self) -> bool:
        """Whether it changes while no frame comes."""
        return 0 < self._linear < 1


def _part(elapsed_s: float, whole_s: float) -> float:
    return elapsed_s / whole_s if whole_s > 0 else 1.0
