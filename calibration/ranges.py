"""What a person's coefficients are at rest and at full strength: the neutral offset, and the range of each expression.

E: expressions (46).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from calibration.errors import CalibrationError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, N_EXPRESSIONS
from rdr_core.types import Float32

MAX_REST: Final = 0.4
"""A face at rest has no coefficient over this; one that has was not at rest."""
LEAST_RANGE: Final = 0.6
"""What is between rest and full strength at least: less would turn noise into expressions."""
_LIDS: Final = np.array([name.startswith("EyeClose") for name in BLENDSHAPE_NAMES])
_OPEN_LIDS: Final = 30.0
"""Percentile of the frames at rest that counts for lids: people blink, and look down, while they rest."""
_HELD: Final = 75.0
"""Percentile of the frames of a held expression that counts as its full strength."""


@dataclass(frozen=True, eq=False)
class Ranges:
    """Rest and full strength of each coefficient, as the network gives them for this person."""

    rest: Float32
    """(E,) in [0, MAX_REST]."""
    full: Float32
    """(E,) in [rest + LEAST_RANGE, 1]; 1 where it was not shown."""

    def __post_init__(self) -> None:
        rest, full = (np.asarray(values, np.float32) for values in (self.rest, self.full))
        if rest.shape != (N_EXPRESSIONS,) or full.shape != (N_EXPRESSIONS,):
            raise CalibrationError(f"ranges need {N_EXPRESSIONS} values, got {rest.shape} and {full.shape}")
        close = 1e-4
        inside = (rest >= 0) & (rest <= MAX_REST + close) & (full >= rest + LEAST_RANGE - close) & (full <= 1 + close)
        if not inside.all():  # also where a value is not a number
            worst = BLENDSHAPE_NAMES[int(np.argmin(inside))]
            raise CalibrationError(f"the range of {worst} is {rest[~inside][0]:g} to {full[~inside][0]:g}")
        object.__setattr__(self, "rest", rest)
        object.__setattr__(self, "full", full)

    @classmethod
    def whole(cls) -> Ranges:
        """Return ranges that change nothing."""
        return cls(np.zeros(N_EXPRESSIONS, np.float32), np.ones(N_EXPRESSIONS, np.float32))

    def apply(self, alpha_exp: Float32) -> Float32:
        """(..., E) as measured -> (..., E) in [0, 1]: 0 at rest, 1 at full strength."""
        return np.clip((alpha_exp - self.rest) / (self.full - self.rest), 0, 1).astype(np.float32)


def rest_of(frames: Float32) -> Float32:
    """(T, E) frames of a face at rest -> (E,): the median, and for lids what they are when open."""
    rest = np.where(_LIDS, np.percentile(frames, _OPEN_LIDS, axis=0), np.median(frames, axis=0))
    return np.clip(rest, 0, MAX_REST).astype(np.float32)


def ranges_of(at_rest: Float32, held: Mapping[str, Float32]) -> Ranges:
    """Measure ranges.

    Args:
        at_rest: (T, E) frames at rest.
        held: expression -> (T', E) frames in which it was held as strongly as the person can.
    """
    rest, full = rest_of(at_rest), np.ones(N_EXPRESSIONS, np.float32)
    for name, frames in held.items():
        column = BLENDSHAPE_NAMES.index(name)
        full[column] = np.clip(np.percentile(frames[:, column], _HELD), rest[column] + LEAST_RANGE, 1)
    return Ranges(rest, full)
