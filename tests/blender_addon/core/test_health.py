from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from blender_addon.core.health import health_of
from blender_addon.core.protocol import FaceFrame
from blender_addon.core.stream_stats import StreamMeter, StreamStats

ADDRESS = "tcp://127.0.0.1:5570"
RUNNING = StreamStats(
    frames=100, connected=True, fps=30.0, latency_p50_ms=20.0, last_frame_age_s=0.01, last_tracked_age_s=0.01
)


@pytest.mark.parametrize(
    ("stats", "level", "said"),
    [
        (StreamStats(waiting_s=0.5), "wait", "Connecting"),
        (StreamStats(waiting_s=5), "bad", "Nothing answers on tcp://127.0.0.1:5570"),
        (StreamStats(waiting_s=5, connected=True), "bad", "nothing is sent"),
        (StreamStats(waiting_s=5, refused=True), "bad", "does not let us in"),
        (StreamStats(waiting_s=5, connected=True, hellos=3), "wait", "no face has been seen"),
        (StreamStats(connected=True, invalid=3, last_error="version 2"), "bad", "version 2"),
        (RUNNING, "good", "30 fps"),
        (replace(RUNNING, last_tracked_age_s=3.0), "wait", "The face is lost since 3 s"),
        (replace(RUNNING, last_tracked_age_s=None), "wait", "The face is lost."),
        (replace(RUNNING, last_frame_age_s=4.0), "bad", "No face frame for 4 s"),
        (replace(RUNNING, last_frame_age_s=4.0, connected=False), "bad", "has gone 4 s ago"),
        (replace(RUNNING, latency_p50_ms=400.0), "bad", "400 ms late"),
        (replace(RUNNING, latency_p50_ms=-90.0), "good", "clocks"),
        (replace(RUNNING, fps=6.0), "wait", "Only 6 frames"),
    ],
)
def test_plain_words(stats: StreamStats, level: str, said: str) -> None:
    health = health_of(stats, ADDRESS)
    assert (health.level, said in health.text) == (level, True), health
    assert health.level != "bad" or health.advice


def test_the_meter_counts_pictures_latency_and_ages(make_frame: Callable[..., FaceFrame]) -> None:
    meter, start_ns = StreamMeter(), 10**12
    for seq in range(51):
        frame = make_frame(seq // 2, seq=seq, face_id=seq % 2, tracked=seq < 40)
        late_ns = 10_000_000 if seq < 48 else 90_000_000
        meter.count_frame(frame, start_ns + seq // 2 * 40_000_000, frame.capture_time_ns + late_ns)
    stats = meter.stats(start_ns + 25 * 40_000_000)
    assert stats.fps == pytest.approx(25.0)
    assert stats.latency_p50_ms == pytest.approx(10)
    assert stats.latency_p95_ms is not None
    assert stats.latency_p95_ms > 50
    assert stats.last_frame_age_s == 0
    assert stats.last_tracked_age_s == pytest.approx(0.24)
    assert meter.stats(start_ns + 10 * 10**9).fps == 0
