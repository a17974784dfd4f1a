"""How well a stream runs: rate, latency, losses, as the receiving end sees it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from avatar_bridge.clock import Timestamp
from avatar_bridge.messages import FaceFrame

_WINDOW_S: Final = 2.0
_MAX_SAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class StreamStats:
    """A snapshot. Latencies are of the last 2 s in which something came, None before the first frame; between machines
    they include the clocks' difference."""

    frames: int
    """Face frames received."""
    hellos: int
    invalid: int
    """Messages that broke the rules of the wire and were dropped."""
    last_error: str | None
    """What was wrong with the last of them."""
    missed: int
    """Face frames lost on the way: gaps in seq."""
    superseded: int
    """Face frames that a newer one of the same face replaced before they were asked for."""
    reconnects: int
    connected: bool
    fps: float
    """Captured pictures a second over the last 2 s, however many faces are in them."""
    publish_latency_p50_ms: float | None
    """From publish to here."""
    publish_latency_p95_ms: float | None
    capture_latency_p50_ms: float | None
    """From capture to here: what the user sees of delay, without smoothing."""
    capture_latency_p95_ms: float | None


class StreamMeter:
    """Counts what comes in; one per receiver."""

    def __init__(self) -> None:
        self.frames = self.hellos = self.invalid = self.missed = self.superseded = self.connections = 0
        self.connected = False
        self.last_error: str | None = None
        self._session: str | None = None
        self._last_seq = 0
        self._passed_over = 0
        self._pictures: deque[tuple[int, int]] = deque(maxlen=_MAX_SAMPLES)
        self._latencies_ns: deque[tuple[int, int, int]] = deque(maxlen=_MAX_SAMPLES)
        """When a frame came, and how long after it was published and captured."""

    def count_invalid(self, error: Exception) -> None:
        """Count a message that was dropped."""
        self.invalid += 1
        self.last_error = str(error)

    def pass_over(self, frames: int) -> None:
        """Count frames that came and were not read, as newer ones had come, too; before `count_frame` of the next."""
        self.frames += frames
        self.superseded += frames
        self._passed_over += frames

    def count_frame(self, frame: FaceFrame, received: Timestamp) -> bool:
        """Count a frame; return True where it starts a new session."""
        new_session = frame.session != self._session
        if not new_session and frame.seq > self._last_seq:
            self.missed += max(0, frame.seq - self._last_seq - 1 - self._passed_over)
        self._passed_over = 0
        self._session, self._last_seq = frame.session, frame.seq
        self.frames += 1
        if not self._pictures or self._pictures[-1][1] != frame.capture_time_ns:
            self._pictures.append((received.monotonic_ns, frame.capture_time_ns))
        if frame.publish_time_ns:
            now_ns = received.unix_ns
            latencies = now_ns - frame.publish_time_ns, now_ns - frame.capture_time_ns
            self._latencies_ns.append((received.monotonic_ns, *latencies))
        return new_session

    def stats(self, now: Timestamp | None = None) -> StreamStats:
        """Return a snapshot of this moment."""
        publish, capture = _percentiles_ms(self._latencies_ns)
        return StreamStats(
            frames=self.frames,
            hellos=self.hellos,
            invalid=self.invalid,
            last_error=self.last_error,
            missed=self.missed,
            superseded=self.superseded,
            reconnects=max(0, self.connections - 1),
            connected=self.connected,
            fps=self._fps(now or Timestamp.now()),
            publish_latency_p50_ms=publish[0],
            publish_latency_p95_ms=publish[1],
            capture_latency_p50_ms=capture[0],
            capture_latency_p95_ms=capture[1],
        )

    def _fps(self, now: Timestamp) -> float:
        recent = [time_ns for time_ns, _ in self._pictures if now.monotonic_ns - time_ns <= _WINDOW_S * 1e9]
        if len(recent) < 2:
            return 0.0
        span_ns = (
            now.monotonic_ns - recent[0]
        )  # up to now, not to the last picture: a stream that stalls must be seen to
        return (len(recent) - 1) / (span_ns / 1e9) if span_ns > 0 else 0.0


def _percentiles_ms(
    latencies_ns: deque[tuple[int, int, int]],
) -> tuple[tuple[float | None, float | None], tuple[float | None, float | None]]:
    if not latencies_ns:
        return (None, None), (None, None)
    came = np.array(latencies_ns, np.float64)  # what waited while nobody asked must not be shown for half a minute
    recent = came[came[-1, 0] - came[:, 0] <= _WINDOW_S * 1e9, 1:]
    p50, p95 = np.percentile(recent / 1e6, [50, 95], axis=0)
    return (float(p50[0]), float(p95[0])), (float(p50[1]), float(p95[1]))
