"""Time: an instant on the wall clock together with its monotonic twin."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timestamp:
    """One instant on two clocks: the wall clock can be compared between programs, the monotonic one never jumps."""

    unix_ns: int
    """ns since the epoch."""
    monotonic_ns: int
    """ns since an arbitrary start; compare within one process only."""

    @classmethod
    def now(cls) -> Timestamp:
        """Read both clocks."""
        return cls(time.time_ns(), time.monotonic_ns())

    def age_ms(self) -> float:
        """ms since this instant, by the monotonic clock."""
        return (time.monotonic_ns() - self.monotonic_ns) / 1e6
