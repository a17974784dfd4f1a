"""The face at rest and its range: what a person's coefficients are when nothing, and when all, is expressed.

Each coefficient is calibrated for itself, the eyelids like the others: a lid that rests at 0.3 still closes to 1.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .protocol import FaceFrame
from .shapes import N_SHAPES

Array = npt.NDArray[Any]
MAX_REST: Final = 0.6
"""A face at rest has no coefficient over this; one that has was not at rest then, and would go dead."""
MIN_RANGE: Final = 0.25
"""A coefficient that never went so far above rest was not tried; it is left as it is."""
MIN_FRAMES: Final = 5
_MAX_FRAMES: Final = 10_000
_FULL_PERCENTILE: Final = 98


def _zeros() -> Array:
    return np.zeros(N_SHAPES, np.float32)


def _ones() -> Array:
    return np.ones(N_SHAPES, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What a person's 0 and 1 are."""

    rest: Array = field(default_factory=_zeros)
    """(46,) coefficients of the face at rest."""
    full: Array = field(default_factory=_ones)
    """(46,) coefficients of the strongest expressions."""

    @classmethod
    def of(cls, rest: Sequence[float], full: Sequence[float]) -> Calibration:
        """Return a calibration from stored numbers; those that cannot be are put right."""
        at_rest = np.nan_to_num(np.array(rest, np.float32)).clip(0, MAX_REST)
        at_most = np.nan_to_num(np.array(full, np.float32), nan=1.0).clip(0, 1)
        return cls(at_rest, np.where(at_most - at_rest < MIN_RANGE, 1, at_most).astype(np.float32))

    @classmethod
    def from_text(cls, text: str) -> Calibration:
        """Return a calibration from what `to_text` made; anything else is none at all."""
        try:
            stored = json.loads(text) if text else {}
            rest, full = (np.array(stored.get(name, usual), float) for name, usual in (("rest", 0.0), ("full", 1.0)))
            return cls.of(*(np.broadcast_to(values, N_SHAPES).tolist() for values in (rest, full)))
        except (ValueError, TypeError, AttributeError, RecursionError):
            return cls()

    def to_text(self) -> str:
        """Return the calibration as a text to be stored."""
        return json.dumps({"rest": np.round(self.rest, 4).tolist(), "full": np.round(self.full, 4).tolist()})

    def apply(self, alpha_exp: Array) -> Array:
        """(..., 46) -> (..., 46): 0 at rest, 1 at the strongest."""
        return np.clip((alpha_exp - self.rest) / (self.full - self.rest), 0, 1).astype(np.float32)

    def apply_to(self, frame: FaceFrame) -> FaceFrame:
        """Return the frame with its person's rest and range taken out."""
        return replace(frame, alpha_exp=self.apply(frame.alpha_exp))


class FaceSampler:
    """Looks at a face for some seconds of capture time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until_ns: int | None = None
        self._frames: deque[FaceFrame] = deque(maxlen=_MAX_FRAMES)

    def look(self, frame: FaceFrame) -> bool:
        """Look at a frame; return True when enough was seen."""
        if not frame.tracked:
            return False
        if self._until_ns is None:
            self._until_ns = frame.capture_time_ns + round(1e9 * self.seconds)
        self._frames.append(frame)
        return frame.capture_time_ns >= self._until_ns and len(self._frames) >= MIN_FRAMES

    def rest(self) -> Array:
        """Return (46,) the face at rest: the median, so that a blink meanwhile does not count."""
        return np.minimum(np.median(self._shapes(), axis=0), MAX_REST).astype(np.float32)

    def full(self) -> Array:
        """Return (46,) the strongest of what was seen; outliers do not count."""
        return np.percentile(self._shapes(), _FULL_PERCENTILE, axis=0).astype(np.float32)

    def middle_frame(self) -> FaceFrame:
        """Return the frame whose head is most like all the others': the head at rest."""
        turns = np.stack([frame.quaternion for frame in self._frames]).astype(np.float64)
        turns[turns[:, 0] < 0] *= -1
        off = np.linalg.norm(turns - np.median(turns, axis=0), axis=1)
        return self._frames[int(off.argmin())]

    def _shapes(self) -> Array:
        return np.stack([frame.alpha_exp for frame in self._frames])
