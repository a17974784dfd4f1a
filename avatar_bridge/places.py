"""Whose face is whose: a face that comes anew takes the place of one that is gone.

A person who leaves the picture for two seconds, a clock that is set and a sender that is started again all make a new
face_id of the same face; who shows one face must go on with it.
"""

from __future__ import annotations

from typing import Final

from avatar_bridge.messages import FaceFrame

GONE_NS: Final = 2_000_000_000
"""A face that is not seen for longer gets another id (TrackerConfig.reacquire_s), by capture times."""


class Places:
    """Numbers of faces from 0, as few as there are faces at a time."""

    def __init__(self, most: int | None = None) -> None:
        """`most`: how many places there are; None: as many as needed."""
        self._most = most
        self._faces: list[tuple[str, int]] = []
        self._seen_ns: list[int] = []

    def of(self, frame: FaceFrame) -> int | None:
        """Return the place of a frame's face; None while all are taken."""
        face = (frame.session, frame.face_id)
        if face in self._faces:
            place = self._faces.index(face)
        else:
            free = (n for n in range(len(self._faces)) if frame.tracked and self._is_gone(n, frame))
            place = next(free, len(self._faces))
            if place == self._most:
                return None
            self._faces[place : place + 1] = [face]
            self._seen_ns[place : place + 1] = [frame.capture_time_ns]
        if frame.tracked:
            self._seen_ns[place] = frame.capture_time_ns
        return place

    def _is_gone(self, place: int, frame: FaceFrame) -> bool:
        """Say whether the face of a place was not seen for long when a frame was captured, by whichever clock."""
        return self._faces[place][0] != frame.session or abs(frame.capture_time_ns - self._seen_ns[place]) > GONE_NS
