"""How well a stream runs: rate, latency, losses, as the receiving end sees it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from .protocol import FaceFrame

_WINDOW_S: Final = 2.0
_LATENCY_WINDOW_S: Final = 5.0
_MAX_SAMPLES: Final = 500


@dataclass(frozen=True, slots=True)
class StreamStats:
    """A snapshot. Ages and latencies are None before the first frame."""

    frames: int = 0
    """Face frames received."""
    hellos: int = 0
    invalid: int = 0
    """Messages that broke the rules of the wire and were dropped."""
    last_error: str | None = None
    """What was wrong with the last of them."""
    missed: int = 0
    """Face frames lost on the way: gaps in seq."""
    reconnects: int = 0
    connected: bool = False
    refused: bool = False
    """The other end answered, and would not talk to us: keys, or no ZeroMQ at all."""
    session: str | None = None
    """Of the last message."""
    fps: float = 0.0
    """Captured pictures a second over the last 2 s, however many faces are in them."""
    latency_p50_ms: float | None = None
    """From capture to here; between machines it includes the difference of their clocks."""
    latency_p95_ms: float | None = None
    last_frame_age_s: float | None = None
    """Since the last face frame came."""
    last_tracked_age_s: float | None = None
    """Since the last face frame with a face that was not lost."""
    waiting_s: float = 0.0
    """Since we began to listen."""


class StreamMeter:
    """Counts what comes in; one per receiver. Times are of the monotonic clock, ns."""

    def __init__(self) -> None:
        self.frames = self.hellos = self.invalid = self.missed = self.connections = 0
        self.connected = self.refused = False
        self.last_error: str | None = None
        self.session: str | None = None
        self._started_ns = time.monotonic_ns()
        self._last_seq: int | None = None
        self._last_frame_ns: int | None = None
        self._last_tracked_ns: int | None = None
        self._pictures: deque[tuple[int, int]] = deque(maxlen=_MAX_SAMPLES)
        self._latencies_ns: deque[tuple[int, int]] = deque(maxlen=_MAX_SAMPLES)

    def count_invalid(self, error: Exception) -> None:
        """Count a message that was dropped."""
        self.invalid += 1
        self.last_error = str(error)

    def count_frame(self, frame: FaceFrame, monotonic_ns: int, unix_ns: int) -> bool:
        """Count a frame that came at this instant; return True where it starts a new session."""
        new_session = frame.session != self.session
        if not new_session and self._last_seq is not None and frame.seq > self._last_seq:
            self.missed += frame.seq - self._last_seq - 1
        self.session, self._last_seq = frame.session, frame.seq
        self.frames += 1
        self._last_frame_ns = monotonic_ns
        if frame.tracked:
            self._last_tracked_ns = monotonic_ns
        if not self._pictures or self._pictures[-1][1] != frame.capture_time_ns:
            self._pictures.append((monotonic_ns, frame.capture_time_ns))
            self._latencies_ns.append((monotonic_ns, unix_ns - frame.capture_time_ns))
        return new_session

    def stats(self, now_ns: int | None = None) -> StreamStats:
        """Return a snapshot of this moment."""
        now_ns = time.monotonic_ns() if now_ns is None else now_ns
        p50, p95 = self._percentiles_ms(now_ns)
        return StreamStats(
            frames=self.frames,
            hellos=self.hellos,
            invalid=self.invalid,
            last_error=self.last_error,
            missed=self.missed,
            reconnects=max(0, self.connections - 1),
            connected=self.connected,
            refused=self.refused,
            session=self.session,
            fps=self._fps(now_ns),
            latency_p50_ms=p50,
            latency_p95_ms=p95,
            last_frame_age_s=_age_s(self._last_frame_ns, now_ns),
            last_tracked_age_s=_age_s(self._last_tracked_ns, now_ns),
            waiting_s=(now_ns - self._started_ns) / 1e9,
        )

    def _fps(self, now_ns: int) -> float:
        recent = [time_ns for time_ns, _ in self._pictures if now_ns - time_ns <= _WINDOW_S * 1e9]
        if len(recent) < 2:
            return 0.0
        span_ns = now_ns - recent[0]  # up to now, not to the last picture: a stream that stalls must be seen to
        return (len(recent) - 1) / (span_ns / 1e9) if span_ns > 0 else 0.0

    def _percentiles_ms(self, now_ns: int) -> tuple[float | None, float | None]:
        """Of the last seconds, or of what came before a pause."""
        if not self._latencies_ns:
            return None, None
        recent = [latency for time_ns, latency in self._latencies_ns if now_ns - time_ns <= _LATENCY_WINDOW_S * 1e9]
        latencies_ns = recent or [latency for _, latency in self._latencies_ns]
        p50, p95 = np.percentile(np.array(latencies_ns, np.float64) / 1e6, [50, 95])
        return float(p50), float(p95)


def _age_s(then_ns: int | None, now_ns: int) -> float | None:
    return None if then_ns is None else (now_ns - then_ns) / 1e9
