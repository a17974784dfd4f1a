"""The face at rest: what a person's coefficients are when nothing is expressed, taken out of every frame."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

import numpy as np

from avatar_bridge.messages import FaceFrame
from rdr_core.types import Float32

MAX_OFFSET: Final = 0.6
"""A face at rest has no coefficient over this; one that has was not at rest then, and would go dead."""
_MIN_FRAMES: Final = 5
_GRACE_NS: Final = 2_000_000_000
"""How much longer a face is looked at that showed itself less often than that."""


class Neutral:
    """Offsets of faces at rest.

    The middle half of frames counts (the median), so that a blink meanwhile does not. Each face has its own offset; one
    that comes anew, as after a loss, gets that of the face taken last.
    """

    def __init__(self) -> None:
        self._offsets: dict[int, Float32] = {}
        self._last: Float32 | None = None
        self._until_ns: int | None = None
        self._taken: dict[int, deque[Float32]] = {}
        self._seconds = 0.0

    @property
    def set(self) -> bool:
        """Whether there is an offset."""
        return self._last is not None

    @property
    def taking(self) -> bool:
        """Whether faces are being looked at."""
        return bool(self._seconds)

    def take(self, seconds: float) -> None:
        """Look at the faces for so long from the next frame on."""
        self._seconds, self._until_ns, self._taken = seconds, None, {}

    def clear(self) -> None:
        """Forget all offsets."""
        self._offsets, self._last, self._seconds, self._taken = {}, None, 0.0, {}

    def apply(self, frame: FaceFrame) -> FaceFrame:
        """Return the frame with its face at rest taken out: 0 at rest, 1 still 1."""
        if frame.tracked and self.taking:
            self._look_at(frame)
        offset = self._offsets.get(frame.face_id, self._last)
        if offset is None:
            return frame
        return replace(frame, alpha_exp=np.clip((frame.alpha_exp - offset) / (1 - offset), 0, 1))

    def _look_at(self, frame: FaceFrame) -> None:
        if self._until_ns is None:
            self._until_ns = frame.capture_time_ns + round(1e9 * self._seconds)
        self._taken.setdefault(frame.face_id, deque(maxlen=10_000)).append(frame.alpha_exp)
        overdue_ns = frame.capture_time_ns - self._until_ns
        enough = len(self._taken[frame.face_id]) >= _MIN_FRAMES
        if overdue_ns >= (0 if enough else _GRACE_NS):
            self._settle()

    def _settle(self) -> None:
        for face_id, taken in self._taken.items():
            if len(taken) >= _MIN_FRAMES:
                offset = np.minimum(np.median(np.stack(taken), axis=0), MAX_OFFSET).astype(np.float32)
                self._offsets[face_id] = self._last = offset
        self._seconds, self._until_ns, self._taken = 0.0, None, {}
