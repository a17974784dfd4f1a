from __future__ import annotations

from collections.abc import Callable

import pytest

from avatar_bridge.clock import Timestamp
from avatar_bridge.messages import FaceFrame
from avatar_bridge.stream_stats import StreamMeter

MakeFrame = Callable[..., FaceFrame]
START_NS = 1_700_000_000_000_000_000


def at(time_ms: float) -> Timestamp:
    return Timestamp(START_NS + round(time_ms * 1e6), round(time_ms * 1e6))


def test_nothing_yet() -> None:
    stats = StreamMeter().stats(at(0))
    assert (stats.frames, stats.fps, stats.publish_latency_p50_ms, stats.capture_latency_p95_ms) == (0, 0.0, None, None)


def test_rate_counts_pictures_not_faces_and_falls_when_the_stream_stalls(make_frame: MakeFrame) -> None:
    meter = StreamMeter()
    for i in range(100):
        for face_id in (0, 1):
            meter.count_frame(make_frame(2 * i + face_id, face_id=face_id, capture_time_ns=START_NS + i), at(40 * i))
    assert meter.stats(at(99 * 40)).fps == pytest.approx(25, rel=0.01)
    assert 10 < meter.stats(at(99 * 40 + 1000)).fps < 15
    assert meter.stats(at(99 * 40 + 2100)).fps == 0


def test_latency_percentiles(make_frame: MakeFrame) -> None:
    meter = StreamMeter()
    for i in range(101):
        sent = START_NS + i * 10_000_000
        frame = make_frame(i, capture_time_ns=sent - 30_000_000, publish_time_ns=sent)
        meter.count_frame(frame, at(i * 10 + i / 10))
    stats = meter.stats(at(5000))
    assert stats.publish_latency_p50_ms == pytest.approx(5.0, abs=1e-3)
    assert stats.publish_latency_p95_ms == pytest.approx(9.5, abs=1e-3)
    assert stats.capture_latency_p50_ms == pytest.approx(35.0, abs=1e-3)


def test_latencies_are_of_late(make_frame: MakeFrame) -> None:
    """A hundred frames that waited for a second are soon forgotten."""
    meter = StreamMeter()
    for i in range(200):
        sent = START_NS + i * 40_000_000
        late_ms = 1000 if i < 100 else 4
        meter.count_frame(make_frame(i, capture_time_ns=sent, publish_time_ns=sent), at(i * 40 + late_ms))
        if i == 99:
            assert meter.stats().publish_latency_p50_ms == pytest.approx(1000, abs=1e-3)
    assert meter.stats().publish_latency_p95_ms == pytest.approx(4, abs=1e-3)


def test_gaps_and_sessions(make_frame: MakeFrame) -> None:
    meter = StreamMeter()
    starts = [
        meter.count_frame(make_frame(seq, session=session), at(seq))
        for session, seq in (("a", 100), ("a", 101), ("a", 105), ("b", 0), ("b", 1), ("b", 1))
    ]
    assert starts == [True, False, False, True, False, False]
    assert meter.stats(at(1000)).missed == 3
