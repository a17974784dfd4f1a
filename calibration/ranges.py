"""What a person's coefficients are at rest and at full strength: the neutral offset, and the range of each expression.

E: expressions (46).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
_MADE_UP: Final = 0.75
"""So much of what a held expression lacks of 1 is made up for. All of it would stretch noise as well; chosen on
rendered people (benchmarks/calibration.py, seeds 7, 11 and 12)."""
TURNS: Final = ("left", "right", "up", "down")
"""Poses of the session that turn the head."""
_MOST_TURN_RAD: Final = 0.7
"""Of turns further than what was seen nothing more is known."""
_MOST_SLOPE: Final = 1.0
"""No face at rest reads so much stronger for each radian."""


@dataclass(frozen=True, eq=False)
class Ranges:
    """Rest and full strength of each coefficient, as the network gives them for this person."""

    rest: Float32
    """(E,) in [0, MAX_REST]."""
    full: Float32
    """(E,) in [rest + LEAST_RANGE, 1]; 1 where it was not shown."""
    by_turn: Float32 = field(default_factory=lambda: np.zeros((len(TURNS), N_EXPRESSIONS), np.float32))
    """(4, E) what the face at rest reads more for each radian that the head is turned to the left, right, up, down."""

    def __post_init__(self) -> None:
        rest, full = (np.asarray(values, np.float32) for values in (self.rest, self.full))
        if rest.shape != (N_EXPRESSIONS,) or full.shape != (N_EXPRESSIONS,):
            raise CalibrationError(f"ranges need {N_EXPRESSIONS} values, got {rest.shape} and {full.shape}")
        close = 1e-4
        inside = (rest >= 0) & (rest <= MAX_REST + close) & (full >= rest + LEAST_RANGE - close) & (full <= 1 + close)
        if not inside.all():  # also where a value is not a number
            worst = BLENDSHAPE_NAMES[int(np.argmin(inside))]
            raise CalibrationError(f"the range of {worst} is {rest[~inside][0]:g} to {full[~inside][0]:g}")
        by_turn = np.asarray(self.by_turn, np.float32)
        if by_turn.shape != (len(TURNS), N_EXPRESSIONS) or not np.abs(by_turn).max() <= _MOST_SLOPE:
            raise CalibrationError(
                f"what a turn changes must be ({len(TURNS)}, {N_EXPRESSIONS}) numbers up to 1 per rad"
            )
        for name, values in (("rest", rest), ("full", full), ("by_turn", by_turn)):
            object.__setattr__(self, name, values)

    @classmethod
    def whole(cls) -> Ranges:
        """Return ranges that change nothing."""
        return cls(np.zeros(N_EXPRESSIONS, np.float32), np.ones(N_EXPRESSIONS, np.float32))

    def apply(self, alpha_exp: Float32, euler_rad: Float32 | None = None) -> Float32:
        """(..., E) as measured -> (..., E) in [0, 1]: 0 at rest, 1 at full strength.

        euler_rad: (3,) pitch, yaw, roll of the head; a face at rest reads otherwise from the side.
        """
        rest = self.rest if euler_rad is None else self.rest_at(euler_rad)
        return np.clip((alpha_exp - rest) / (self.full - self.rest), 0, 1).astype(np.float32)

    def rest_at(self, euler_rad: Float32) -> Float32:
        """(E,) what the face at rest reads when the head is turned."""
        pitch, yaw = float(euler_rad[0]), float(euler_rad[1])
        turns = np.clip([yaw, -yaw, pitch, -pitch], 0, _MOST_TURN_RAD)
        return np.clip(self.rest + turns @ self.by_turn, 0, MAX_REST).astype(np.float32)


def rest_of(frames: Float32) -> Float32:
    """(T, E) frames of a face at rest -> (E,): the median, and for lids what they are when open."""
    rest = np.where(_LIDS, np.percentile(frames, _OPEN_LIDS, axis=0), np.median(frames, axis=0))
    return np.clip(rest, 0, MAX_REST).astype(np.float32)


def ranges_of(at_rest: Float32, held: Mapping[str, Float32], turned: Mapping[str, tuple[Float32, float]]) -> Ranges:
    """Measure ranges.

    Args:
        at_rest: (T, E) frames at rest.
        held: expression -> (T', E) frames in which it was held as strongly as the person can.
        turned: one of TURNS -> (T', E) frames of the face at rest with the head turned, and how far, rad.
    """
    rest, full = rest_of(at_rest), np.ones(N_EXPRESSIONS, np.float32)
    for name, frames in held.items():
        column = BLENDSHAPE_NAMES.index(name)
        lacking = 1 - np.percentile(frames[:, column], _HELD)
        full[column] = np.clip(1 - _MADE_UP * lacking, rest[column] + LEAST_RANGE, 1)
    by_turn = np.zeros((len(TURNS), N_EXPRESSIONS), np.float32)
    for row, name in enumerate(TURNS):
        if name in turned:
            frames, angle_rad = turned[name]
            more = np.where(_LIDS, 0, np.median(frames, axis=0) - rest)  # people look down as they lower the chin
            by_turn[row] = np.clip(more / max(angle_rad, 0.1), -_MOST_SLOPE, _MOST_SLOPE)
    return Ranges(rest, full, by_turn)
