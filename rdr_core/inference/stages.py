"""How long a face takes, by stage: crop, network, decode."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rdr_core.data.crop import Crop
from rdr_core.inference.decode import decode, network_input
from rdr_core.types import UInt8

STAGES: Final = ("crop", "network", "decode", "face")
"""face: all of them."""
PERCENTILES: Final = (50, 95, 99)
_TURN: Final = 15
"""Faces in a row, as a camera gives them in half a second."""
_WARM_UP: Final = 10


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one predictor."""

    ms: dict[str, dict[str, float]]
    """Stage -> p50, p95, p99 and best."""

    @classmethod
    def of(cls, rounds: np.ndarray) -> Timing:
        """(n, 4) seconds, in the order of STAGES -> timing; the first ones warm up and do not count."""
        kept = 1e3 * rounds[min(_WARM_UP, len(rounds) // 5) :]
        named = {f"p{p}": np.percentile(kept, p, axis=0) for p in PERCENTILES} | {"best": kept.min(axis=0)}
        return cls(
            {
                stage: {name: round(float(row[column]), 3) for name, row in named.items()}
                for column, stage in enumerate(STAGES)
            }
        )


def time_stages(
    predictors: Sequence[Any], image_bgr: UInt8, crop: Crop, rounds: int, batches: Sequence[int] = ()
) -> list[Timing]:
    """Time predictors on the same face, in turn and each time in another order: what else the machine does hits all.

    Args:
        predictors: with `run`, of the same crop size.
        image_bgr: (H, W, 3) picture with the face.
        crop: around it.
        rounds: how often each is run.
        batches: how many faces each is given at a time, 1 by default; timings are of one of them.
    """
    sizes = list(batches) or [1] * len(predictors)
    times = np.zeros((len(predictors), rounds, len(STAGES)))
    order = np.random.default_rng(0)
    for start in range(0, rounds, _TURN):
        for index in order.permutation(len(predictors)):
            for number in range(start, min(start + _TURN, rounds)):
                times[index, number] = _once(predictors[index], image_bgr, [crop] * sizes[index])
    return [Timing.of(rows) for rows in times]


def _once(predictor: Any, image_bgr: UInt8, crops: list[Crop]) -> list[float]:
    """Seconds of each of STAGES, for one of the faces."""
    started = time.perf_counter()
    pixels = network_input(image_bgr, crops)
    cropped = time.perf_counter()
    outputs = predictor.run(pixels)
    ran = time.perf_counter()
    decode(outputs, crops)
    ended = time.perf_counter()
    return [part / len(crops) for part in (cropped - started, ran - cropped, ended - ran, ended - started)]
