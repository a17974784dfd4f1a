"""What is in a take at a glance: from the indices between its chunks, which stay packed. An hour takes a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mcap.opcode import Opcode

from avatar_bridge.recording.append_file import is_being_written
from avatar_bridge.recording.container import Place, Times
from avatar_bridge.recording.recorder import FACE_TOPIC, RAW_TOPIC
from avatar_bridge.recording.scan import Scan
from avatar_bridge.recording.take import Frames, Take


@dataclass(frozen=True, slots=True)
class FramesOutline:
    """One kind of a take's face frames."""

    frames: int = 0
    pictures: int = 0
    """Instants that they were captured at: fewer than frames where several faces were seen."""
    start_ns: int = 0
    """Capture time of the first, ns since the epoch."""
    end_ns: int = 0
    """Capture time of the last."""

    @property
    def duration_s(self) -> float:
        """From the first frame to the last."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def rate_hz(self) -> float:
        """Pictures a second, gaps included; 0 of a single one."""
        return (self.pictures - 1) / self.duration_s if self.duration_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class TakeOutline:
    """A take at a glance."""

    path: Path
    size_bytes: int
    filtered: FramesOutline
    """As published."""
    raw: FramesOutline
    """As the network gave them; none in a take that was recorded from a stream."""
    complete: bool
    """False: it was cut off, or is being written."""
    being_written: bool

    def of(self, frames: Frames) -> FramesOutline:
        """Return the outline of one kind of frames."""
        return self.filtered if frames == "filtered" else self.raw

    @property
    def state(self) -> str:
        """In a word or two, for people."""
        return "whole" if self.complete else "being written" if self.being_written else "cut off"


def outline(take: Take) -> TakeOutline:
    """Look through a take. Raises RecordingError where the file is gone."""
    with take.scanning() as scan:
        counts = {FACE_TOPIC: _Count(), RAW_TOPIC: _Count()}
        for channel_id, times_ns in _log_times(scan):
            count = counts.get(scan.topic_of(channel_id))
            if count is not None:
                count.add(times_ns)
        return TakeOutline(
            path=take.path,
            size_bytes=take.path.stat().st_size,
            filtered=counts[FACE_TOPIC].result(),
            raw=counts[RAW_TOPIC].result(),
            complete=scan.complete,
            being_written=not scan.complete and is_being_written(take.path),
        )


def _log_times(scan: Scan) -> Iterator[tuple[int, Times]]:
    """Yield channels and the log times of their messages, chunk by chunk.

    A chunk whose index is missing or wrong is unpacked; so is the last one of a file that was cut off, perhaps in the
    midst of its index.
    """
    chunk: Place | None = None
    indexed: list[tuple[int, Times]] = []
    for place in scan.places():
        if chunk is not None and place.opcode == Opcode.MESSAGE_INDEX:
            indexed.append(scan.index(place))
            continue
        yield from _of_chunk(scan, chunk, indexed)
        chunk, indexed = (place if place.opcode == Opcode.CHUNK else None), []
        if place.opcode == Opcode.MESSAGE:
            yield from _stored(scan, place)
        elif chunk is not None and not scan.channels:
            next(scan.read(chunk), None)  # has the channels in it
    yield from _of_chunk(scan, chunk, [])


def _of_chunk(scan: Scan, chunk: Place | None, indexed: list[tuple[int, Times]]) -> Iterator[tuple[int, Times]]:
    if chunk is None:
        return
    first_ns, last_ns = scan.chunk_times_ns(chunk)
    times_ns = np.concatenate([times for _, times in indexed]) if indexed else np.zeros(0, np.int64)
    if len(times_ns) and first_ns == times_ns.min() and times_ns.max() == last_ns:
        yield from indexed
    else:
        yield from _stored(scan, chunk)


def _stored(scan: Scan, place: Place) -> Iterator[tuple[int, Times]]:
    for message in scan.read(place):
        yield message.channel_id, np.array([message.log_time_ns], np.uint64).astype(np.int64)


class _Count:
    """Counts frames and instants; those of an instant follow each other."""

    def __init__(self) -> None:
        self._frames = self._pictures = 0
        self._first_ns, self._last_ns, self._before_ns = 2**63 - 1, 0, -1

    def add(self, times_ns: Times) -> None:
        if not len(times_ns):
            return
        self._frames += len(times_ns)
        self._pictures += int((np.diff(times_ns, prepend=self._before_ns) != 0).sum())
        self._before_ns = int(times_ns[-1])
        self._first_ns = min(self._first_ns, int(times_ns.min()))
        self._last_ns = max(self._last_ns, int(times_ns.max()))

    def result(self) -> FramesOutline:
        if not self._frames:
            return FramesOutline()
        return FramesOutline(self._frames, self._pictures, self._first_ns, self._last_ns)
