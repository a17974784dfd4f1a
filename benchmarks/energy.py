"""Energy that the processors have used, where the machine tells: Linux on Intel and AMD, readable by root as a rule."""

from __future__ import annotations

from pathlib import Path

_PACKAGES = Path("/sys/class/powercap")


def joules(folder: Path = _PACKAGES) -> float | None:
    """Return what the counters of all processor packages say, J; None where there are none, or none may be read."""
    counters = sorted(folder.glob("*-rapl:[0-9]/energy_uj"))
    try:
        return sum(int(counter.read_text()) for counter in counters) * 1e-6 if counters else None
    except OSError:
        return None


def used(before: float | None, after: float | None) -> float | None:
    """Return the joules between two readings; None where one is missing or a counter began anew."""
    return None if before is None or after is None or after < before else after - before
