"""Which source each row of the stream comes from: fixed shares, evenly spread, and countable without a history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from rdr_core.errors import ConfigError

PERIOD: Final = 1000
"""Rows after which the pattern of sources repeats; shares are kept to one part in this."""


class Mixture:
    """Row number -> source and number of the item within the source."""

    def __init__(self, shares: Sequence[float]) -> None:
        """`shares`: one positive number per source, of any sum."""
        values = np.array(shares, np.float64)
        if not values.size or not np.isfinite(values).all() or values.min() <= 0:
            raise ConfigError(f"each source of pictures needs a positive share, got {list(shares)}")
        self.counts = _apportion(values / values.sum())
        places = np.concatenate([(np.arange(count) + 0.5) / count for count in self.counts])
        sources = np.repeat(np.arange(len(values)), self.counts)
        self._sources = sources[np.argsort(places, kind="stable")]
        one_hot = self._sources[:, None] == np.arange(len(values))
        self._items = (np.cumsum(one_hot, axis=0) - 1)[np.arange(PERIOD), self._sources]

    def place(self, row: int) -> tuple[int, int]:
        """Return the source of a row of the stream, and which item of that source it is, both from 0."""
        period, within = divmod(row, PERIOD)
        source = int(self._sources[within])
        return source, period * int(self.counts[source]) + int(self._items[within])


def _apportion(shares: np.ndarray) -> np.ndarray:
    """Whole numbers of sum PERIOD by largest remainders, none of them 0."""
    exact = shares * PERIOD
    counts = np.maximum(np.floor(exact), 1).astype(int)
    while (missing := PERIOD - counts.sum()) > 0:
        counts[np.argsort(counts - exact, kind="stable")[:missing]] += 1
    while counts.sum() > PERIOD:  # many tiny shares
        counts[counts.argmax()] -= 1
    return counts
