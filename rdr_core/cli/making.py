"""What commands that make shards have in common: options, progress, an early end."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdr_core.cli.options import progress_bar
from rdr_core.data.shards import SamplesOfShard, ShardManifest, write_shards
from rdr_core.errors import ConfigError

_ENDLESS = 10**6
"""Shards, where a time says when to end."""


@dataclass(frozen=True)
class Extent:
    """How much is made."""

    count: int
    """Pictures, rounded up to whole shards."""
    seconds: float | None
    """Or: stop after so much time, with the shards that are whole by then."""
    shard_size: int
    jobs: int
    """Processes; 0 takes all cores."""

    def __post_init__(self) -> None:
        if min(self.count, self.shard_size) < 1 or (self.seconds is not None and self.seconds <= 0) or self.jobs < 0:
            raise ConfigError("count, shard-size and seconds must be positive, and jobs not negative")

    @property
    def shards(self) -> int:
        return _ENDLESS if self.seconds is not None else -(-self.count // self.shard_size)


def make_shards(
    out: Path,
    name: str,
    job: SamplesOfShard,
    extent: Extent,
    text: str,
    *,
    config: dict[str, Any],
    seed: int,
    licence: str,
    sources: Sequence[str],
) -> ShardManifest:
    """Write shards with a progress bar that shows the rate, and say what was made."""
    start, made = time.monotonic(), 0
    total = None if extent.seconds is not None else extent.shards * extent.shard_size
    with progress_bar(text, total) as advance:

        def progress(done: int) -> None:
            nonlocal made
            made += done
            advance(done, f"{text}, {made / (time.monotonic() - start):.0f} pictures/s")

        manifest = write_shards(
            out,
            name,
            job,
            extent.shards,
            generator=f"rdr {name}",
            config=config | {"shard_size": extent.shard_size},
            seed=seed,
            licence=licence,
            sources=sources,
            jobs=extent.jobs or os.cpu_count() or 1,
            progress=progress,
            stop=lambda: extent.seconds is not None and time.monotonic() - start > extent.seconds,
        )
    print(f"{manifest.samples} pictures in {out} ({made / (time.monotonic() - start):.1f} a second)")
    return manifest
