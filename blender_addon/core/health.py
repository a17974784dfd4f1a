"""Plain words for how a stream is, and what to do where nothing moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from .stream_stats import StreamStats

Level = Literal["good", "wait", "bad"]
_PATIENCE_S: Final = 2.0
_SILENT_S: Final = 1.0
_LOST_S: Final = 0.5
_LATE_MS: Final = 250.0
_CLOCKS_MS: Final = 5_000.0
_SLOW_FPS: Final = 12.0


@dataclass(frozen=True, slots=True)
class Health:
    """How it is."""

    level: Level
    """good: it runs; wait: something is under way; bad: somebody has to do something."""
    text: str
    """What is the matter, in a sentence."""
    advice: str = ""
    """What to do."""


def health_of(stats: StreamStats, address: str, encrypted: bool = False) -> Health:
    """Return how a stream is that we listen to."""
    if not stats.frames:
        return _before_the_first_frame(stats, address, encrypted)
    silent_s = stats.last_frame_age_s or 0.0
    if not stats.connected and silent_s > _SILENT_S:
        return Health("bad", f"The tracker has gone {silent_s:.0f} s ago.", "Start it again; this goes on by itself.")
    if silent_s > _SILENT_S:
        return Health(
            "bad",
            f"No face frame for {silent_s:.0f} s.",
            "Look at the tracker: is it paused, at the end of its video, or is nobody in the picture?",
        )
    return _while_frames_come(stats)


def _before_the_first_frame(stats: StreamStats, address: str, encrypted: bool) -> Health:
    if stats.invalid:
        return Health("bad", f"What comes from {address} cannot be read: {stats.last_error}", "Update the older one.")
    if stats.refused and not stats.connected:
        why = "The tracker does not accept our keys." if encrypted else f"{address} answers, but does not let us in."
        advice = (
            "On the tracker's machine: rdr keys allow NAME with our public key; compare its own with the preferences."
            if encrypted
            else "A tracker that streams to other machines wants keys (preferences); or the port is another's."
        )
        return Health("bad", why, advice)
    if stats.hellos:
        return Health("wait", "The tracker runs, but no face has been seen yet.", "Look into the camera.")
    if stats.connected:
        return Health(
            "wait" if stats.waiting_s < _PATIENCE_S else "bad",
            f"Connected to {address}, but nothing is sent.",
            "Is this the port of rdr track? It says its own when it starts.",
        )
    if stats.waiting_s < _PATIENCE_S:
        return Health("wait", f"Connecting to {address} ...")
    return Health("bad", f"Nothing answers on {address}.", "Start the tracker: rdr track 0. Or correct the address.")


def _while_frames_come(stats: StreamStats) -> Health:
    lost_s = stats.last_tracked_age_s
    if lost_s is None or lost_s > _LOST_S:
        since = "" if lost_s is None else f" since {lost_s:.0f} s"
        return Health("wait", f"The face is lost{since}.", "Come back into the picture, closer, in better light.")
    late_ms = stats.latency_p50_ms or 0.0
    if abs(late_ms) > _CLOCKS_MS or late_ms < -1:
        return Health(
            "good",
            f"Running at {stats.fps:.0f} fps; the clocks of the two machines differ.",
            "The latency is not known therefore. Recording is not touched by it.",
        )
    if late_ms > _LATE_MS:
        return Health(
            "bad",
            f"Frames come {late_ms:.0f} ms late.",
            "The tracker's or this machine is overloaded: close other programs, simplify the scene.",
        )
    if 0 < stats.fps < _SLOW_FPS:
        return Health("wait", f"Only {stats.fps:.0f} frames a second.", "More light lets the camera run faster.")
    return Health("good", f"Running at {stats.fps:.0f} fps.")
