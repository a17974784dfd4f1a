"""`rdr filters`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import tyro

if TYPE_CHECKING:
    from avatar_bridge.config import SmoothingConfig
    from rdr_core.evaluation.tables import Table

_DEPTHS: Final = (1.0, 0.5, 0.2)
_RATES_HZ: Final = (25.0, 30.0, 60.0)


def filters(
    takes: Annotated[tuple[Path, ...], tyro.conf.Positional] = (),
    smoothing: str = "normal",
    rate: float = 30.0,
) -> None:
    """Show what smoothing does to each region: lag in ms, jitter left, depth that blinks keep; also on your own takes.

    Examples:
        rdr filters
        rdr filters --smoothing strong,eyes=light --rate 60
        rdr track 0 --smoothing off --record out/raw.mcap --seconds 30
        rdr filters out/raw.mcap --smoothing strong

    Args:
        takes: Takes that were recorded with --smoothing off: sit still, talk, blink, turn.
        smoothing: off, light, normal or strong; for a region of its own REGION=LEVEL, as in normal,eyes=light.
            Regions: brows, eyes, mouth, jaw, head, landmarks.
        rate: Frames a second to show the lags for.
    """
    from rich.console import Console

    from avatar_bridge.config import SmoothingConfig
    from avatar_bridge.errors import BridgeError
    from rdr_core.cli.options import print_table

    config = SmoothingConfig.of(smoothing)
    if not 15 <= rate <= 240:
        raise BridgeError(f"--rate must lie between 15 and 240 frames a second, got {rate:g}")
    console = Console(highlight=False)
    if not takes:
        print_table(console, stroke_table(config, smoothing, rate))
        print_table(console, blink_table(config))
        print_table(console, settings_table(config))
    for take in takes:
        print_table(console, take_table(take, config, smoothing))


def stroke_table(config: SmoothingConfig, name: str, rate_hz: float) -> Table:
    """Return what the filters do to a typical stroke of each region, and to noise."""
    from avatar_bridge.filter_trials import TRIALS, jitter_left, stroke_lag_ms
    from rdr_core.evaluation.tables import Row, Table

    rows = []
    for part, trial in TRIALS.items():
        one_euro = getattr(config, part)
        lags = (stroke_lag_ms(part, one_euro, rate_hz), one_euro.lag_ms() if one_euro else 0.0)
        rows.append(Row(trial.words, (*lags, 100 * jitter_left(part, one_euro, rate_hz))))
    note = "Lag: of the stroke, half way; at most: of motion too slow to notice. Jitter: what is left of noise."
    title = f"Smoothing {name} at {rate_hz:g} frames a second"
    return Table(title, ("lag ms", "at most", "jitter %"), tuple(rows), note, head="stroke", digits=1, ranked=False)


def settings_table(config: SmoothingConfig) -> Table:
    """Return the settings of each filter."""
    from avatar_bridge.config import REGIONS
    from rdr_core.evaluation.tables import Row, Table

    rows = []
    for region, parts in REGIONS.items():
        for part in parts:
            one_euro = getattr(config, part)
            values = (one_euro.min_cutoff_hz, one_euro.beta, one_euro.speed_cutoff_hz) if one_euro else (None,) * 3
            rows.append(Row((part if part == region else f"{region}: {part}").replace("_", " "), values))
    columns = ("at rest, Hz", "beta", "of the speed, Hz")
    note = "Cut-off = at rest + beta x speed; speed in 1/s (brows to jaw, scale), rad/s (rotation), cm/s (the rest)."
    return Table("Filters", columns, tuple(rows), note, head="filter", ranked=False)


def blink_table(config: SmoothingConfig) -> Table:
    """Return how much of a blink of 100 ms is left."""
    from avatar_bridge.filter_trials import blink_kept
    from rdr_core.evaluation.tables import Row, Table

    rows = tuple(
        Row(f"{depth:g}", tuple(100 * blink_kept("eyes", config.eyes, rate, depth) for rate in _RATES_HZ))
        for depth in _DEPTHS
    )
    columns = tuple(f"{rate:g} fps" for rate in _RATES_HZ)
    note = "Of the deepest frame, the least over where the frames fall. Networks often read a shut eye as less than 1."
    return Table("Kept of a 100 ms blink, %", columns, rows, note, head="depth", digits=1, ranked=False)


def take_table(take: Path, config: SmoothingConfig, name: str) -> Table:
    """Return what smoothing does to a take."""
    from avatar_bridge.filter_take import QUANTITIES, smooth_take
    from avatar_bridge.recording import read_take
    from rdr_core.evaluation.tables import Row, Table

    found = smooth_take(read_take(take), config)
    rows = []
    for part in QUANTITIES:
        lag = found.lag_ms[part]
        jitter = tuple(value if value == value else None for value in found.jitter[part])  # NaN without rest
        rows.append(Row(part, (*jitter, None if lag is None else lag.milliseconds)))
    blinks = found.blinks_kept
    kept = f"{len(blinks)} blinks keep {100 * min(blinks):.0f} % of their depth or more." if blinks else "No blink."
    note = (
        f"Jitter: second differences over {found.rest_frames} frames at rest, RMS; brows to jaw in % of their range, "
        f"head in degrees, position and landmarks in % of the inter-ocular distance. Lag: where it moves. {kept}"
    )
    title = f"Smoothing {name} of {take.name}: {found.frames} frames, {found.rate_hz:.3g} a second"
    return Table(title, ("jitter before", "after", "lag ms"), tuple(rows), note, head="part", ranked=False)
