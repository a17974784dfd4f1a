"""What is in a take, every frame looked at: the faces, when each was lost, what went missing on the wire."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.recording.container import Times
from avatar_bridge.recording.take import Take, TakeReport

LEAST_LOST_S: Final = 0.25
"""Frames that are missing for no longer, or for no more than three of them, are no loss of the face."""
_PROGRESS_EVERY: Final = 500


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from the take's first frame."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class FaceSummary:
    """One face of a take."""

    face_id: int
    session: str
    frames: int
    tracked: int
    """Frames in which it was seen."""
    seen: Span
    """First to last of them."""
    lost: tuple[Span, ...]
    """From the last frame before it was lost to the first in which it was seen again."""

    @property
    def lost_s(self) -> float:
        """How long it was lost between its first and its last frame."""
        return sum(span.end_s - span.start_s for span in self.lost)


@dataclass(frozen=True, slots=True)
class TakeSummary:
    """Everything that the frames of a take tell."""

    start_ns: int
    """Capture time of the first frame, ns since the epoch."""
    duration_s: float
    rate_hz: float
    """Pictures a second: one over the median interval; 0 of a single picture."""
    pictures: int
    frames: int
    raw_frames: int
    """Frames as the network gave them, beside those that were published."""
    missed: int
    """Frames that were sent and did not arrive: gaps in seq."""
    sessions: int
    users: tuple[str, ...]
    versions: dict[str, str]
    """What the sender's last Hello said."""
    faces: tuple[FaceSummary, ...]
    """The one that was seen longest first."""
    report: TakeReport


def summarise(take: Take, progress: Callable[[int], object] = lambda frames: None) -> TakeSummary:
    """Read a take through. progress: called now and then with how many frames were read."""
    faces: dict[tuple[str, int], _Face] = {}
    seqs: dict[str, _Seqs] = {}
    users: dict[str, None] = {}
    versions: dict[str, str] = {}
    frames = 0
    for message in take:
        if isinstance(message, Hello):
            versions = dict(message.versions)
            continue
        frames += 1
        faces.setdefault((message.session, message.face_id), _Face()).add(message)
        seqs.setdefault(message.session, _Seqs()).add(message.seq)
        if message.user is not None:
            users[message.user] = None
        if frames % _PROGRESS_EVERY == 0:
            progress(frames)
    report = take.report
    assert report is not None  # a whole iteration is behind us
    times = np.unique(np.concatenate([face.times() for face in faces.values()])) if faces else np.zeros(0, np.int64)
    interval_s = float(np.median(np.diff(times))) / 1e9 if len(times) > 1 else 0.0
    start_ns = int(times[0]) if len(times) else 0
    return TakeSummary(
        start_ns=start_ns,
        duration_s=float(times[-1] - times[0]) / 1e9 if len(times) else 0.0,
        rate_hz=1 / interval_s if interval_s else 0.0,
        pictures=len(times),
        frames=frames,
        raw_frames=_raw_frames(take),
        missed=sum(seq.missed for seq in seqs.values()),
        sessions=len(seqs),
        users=tuple(users),
        versions=versions,
        faces=tuple(
            sorted(
                (face.summary(*key, start_ns, max(LEAST_LOST_S, 3.5 * interval_s)) for key, face in faces.items()),
                key=lambda face: -face.tracked,
            )
        ),
        report=report,
    )


def _raw_frames(take: Take) -> int:
    from avatar_bridge.recording.outline import outline

    return outline(take).raw.frames


class _Seqs:
    """Counts what is missing of a session that was sent in order, from its first frame that came."""

    def __init__(self) -> None:
        self.missed, self._last = 0, -1

    def add(self, seq: int) -> None:
        if 0 <= self._last < seq:
            self.missed += seq - self._last - 1
        self._last = seq


class _Face:
    """The times of one face: 9 bytes a frame."""

    def __init__(self) -> None:
        self._times, self._tracked = array("q"), array("b")

    def add(self, frame: FaceFrame) -> None:
        self._times.append(frame.capture_time_ns)
        self._tracked.append(frame.tracked)

    def times(self) -> Times:
        """Return (n,) capture times of all its frames."""
        return np.array(self._times, np.int64)

    def summary(self, session: str, face_id: int, origin_ns: int, longest_s: float) -> FaceSummary:
        """Return what became of it; a longer time than `longest_s` without a frame is a loss, too."""
        order = np.argsort(self.times(), kind="stable")
        seconds = (self.times()[order] - origin_ns) / 1e9
        seen = np.flatnonzero(np.array(self._tracked, bool)[order])
        apart = (np.diff(seen) > 1) | (np.diff(seconds[seen]) > longest_s)
        lost = [Span(float(seconds[seen[i]]), float(seconds[seen[i + 1]])) for i in np.flatnonzero(apart)]
        ends = Span(float(seconds[seen[0]]), float(seconds[seen[-1]])) if len(seen) else Span(0.0, 0.0)
        return FaceSummary(face_id, session, len(order), len(seen), ends, tuple(lost))
