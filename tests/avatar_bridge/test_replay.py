from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.errors import RecordingError
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import Recorder, TakeFacts, read_take
from avatar_bridge.replay import Replay, ReplayConfig
from avatar_bridge.subscriber import Subscriber

MakeFrame = Callable[..., FaceFrame]
COUNT = 25
"""Frames of a take of 0.96 s."""


@pytest.fixture
def take(tmp_path: Path, make_frame: MakeFrame) -> Path:
    path = tmp_path / "take.mcap"
    with Recorder(path, "test", facts=TakeFacts(user="anna", source_rate_hz=25.0)) as recorder:
        for seq in range(COUNT):
            recorder.write(make_frame(seq, confidence=0.5, face_id=3), raw=True)
            recorder.write(make_frame(seq, user="anna", face_id=3, source_time_ns=seq * 40_000_000))
    return path


class Waiting:
    """Passes the time of a replay at once, on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 5_000_000_000
        self.on_tick: Callable[[], object] = lambda: None
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.now_ns)
        monkeypatch.setattr(time, "time_ns", lambda: 10**18 + self.now_ns)

    def __call__(self, seconds: float) -> None:
        assert 0 < seconds <= 0.1
        self.now_ns += round(1e9 * seconds) + 1
        self.on_tick()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    return Waiting(monkeypatch)


def numbers(frames: list[FaceFrame]) -> list[int]:
    """Return which frames of the take these are: the fixture's frames say so."""
    return [round(float(frame.translation_px[1]) - 240.25) for frame in frames]


def test_values_are_those_of_the_take_and_times_are_of_now(take: Path, waiting: Waiting, make_frame: MakeFrame) -> None:
    began_ns = time.time_ns()
    played = list(Replay(read_take(take), ReplayConfig()).play("now", waiting))
    assert [frame.seq for frame in played] == list(range(COUNT))
    for seq, frame in enumerate(played):
        original = make_frame(seq, user="anna", face_id=3, source_time_ns=seq * 40_000_000)
        restamped = replace(original, session="now", publish_time_ns=0, capture_time_ns=frame.capture_time_ns)
        assert frame == restamped
    assert played[0].capture_time_ns == began_ns
    assert (np.diff([frame.capture_time_ns for frame in played]) == 40_000_000).all()


@pytest.mark.parametrize("speed", [0.25, 4.0])
def test_speed(take: Path, waiting: Waiting, speed: float) -> None:
    began_ns = time.time_ns()
    played = list(Replay(read_take(take), ReplayConfig(speed=speed)).play("now", waiting))
    assert np.allclose(np.diff([frame.capture_time_ns for frame in played]), 40e6 / speed, atol=1)
    assert time.time_ns() - began_ns == pytest.approx(0.96e9 / speed, abs=1e5)


def test_part_of_a_take_and_raw_frames(take: Path, waiting: Waiting) -> None:
    replay = Replay(read_take(take), ReplayConfig(start_s=0.2, end_s=0.4, frames="raw"))
    played = list(replay.play("now", waiting))
    assert numbers(played) == [5, 6, 7, 8, 9, 10]
    assert {frame.confidence for frame in played} == {0.5}
    assert replay.position_s == pytest.approx(0.4)


def test_a_loop_keeps_the_rhythm(take: Path, waiting: Waiting) -> None:
    replay = Replay(read_take(take), ReplayConfig(loop=True, start_s=0.8))
    frames = replay.play("now", waiting)
    played = [next(frames) for _ in range(14)]
    assert numbers(played) == [20, 21, 22, 23, 24] * 2 + [20, 21, 22, 23]
    assert [frame.seq for frame in played] == list(range(14))
    assert np.allclose(np.diff([frame.capture_time_ns for frame in played]), 40e6, atol=1e3)


def test_pause_and_seek(take: Path, waiting: Waiting) -> None:
    replay = Replay(read_take(take), ReplayConfig())
    frames = replay.play("now", waiting)
    played = [next(frames) for _ in range(5)]
    replay.pause()
    ticks = iter(range(1000))

    def after_a_while() -> None:
        if next(ticks) == 30:
            replay.pause()

    waiting.on_tick = after_a_while
    held_ns = time.time_ns()
    played.append(next(frames))
    assert time.time_ns() - held_ns >= 2.9e9
    assert played[-1].capture_time_ns == pytest.approx(time.time_ns(), abs=1e6)  # now, not when it was due before
    waiting.on_tick = lambda: None
    replay.seek(0.6)
    played += [next(frames) for _ in range(2)]
    replay.seek(-100)
    played += [next(frames) for _ in range(2)]
    replay.seek(100)
    played += list(frames)
    assert numbers(played) == [0, 1, 2, 3, 4, 5, 20, 21, 0, 1, 24]
    times_ns = [frame.capture_time_ns for frame in played]
    assert times_ns == sorted(times_ns)


def test_what_is_sought_is_shown_while_it_is_held(take: Path, waiting: Waiting) -> None:
    replay = Replay(read_take(take), ReplayConfig())
    frames = replay.play("now", waiting)
    next(frames)
    replay.pause()
    replay.seek(0.4)
    assert numbers([next(frames)]) == [10]
    waiting.on_tick = lambda: replay.seek(0.2)
    assert numbers([next(frames)]) == [15]
    assert replay.paused


def test_after_a_sleep_nothing_is_hurried(take: Path, waiting: Waiting) -> None:
    frames = Replay(read_take(take), ReplayConfig()).play("now", waiting)
    next(frames)
    waiting.now_ns += 3600 * 10**9
    late = [next(frames) for _ in range(3)]
    assert late[0].capture_time_ns == pytest.approx(time.time_ns(), abs=0.1e9)
    assert np.allclose(np.diff([frame.capture_time_ns for frame in late]), 40e6, atol=1)


def test_hello_tells_what_the_take_tells(take: Path, tmp_path: Path, make_frame: MakeFrame) -> None:
    hello = Replay(read_take(take), ReplayConfig(speed=2.0)).hello("now")
    assert (hello.session, hello.rate_hz, hello.user) == ("now", 50.0, "anna")
    names = tuple(f"Shape{n}" for n in range(46))
    told = Hello(session="test", publish_time_ns=1, blendshape_names=names, rate_hz=60.0, faces=2, user="ben")
    path = tmp_path / "streamed.mcap"
    with Recorder(path, "test") as recorder:
        recorder.write(told)
        recorder.write(make_frame(0))
    hello = Replay(read_take(path), ReplayConfig()).hello("now")
    assert (hello.blendshape_names, hello.rate_hz, hello.faces, hello.user) == (names, 60.0, 2, "ben")


def test_wrong_metadata_do_no_harm(tmp_path: Path, make_frame: MakeFrame) -> None:
    path = tmp_path / "take.mcap"
    with Recorder(path, "test", notes={"user": "a\nb", "blendshape_names": "[1, 2]"}) as recorder:
        recorder.write(make_frame(0))
    assert Replay(read_take(path), ReplayConfig()).hello("now").user is None


def test_what_cannot_be_played_is_one_line(take: Path, tmp_path: Path, make_frame: MakeFrame) -> None:
    for wrong, words in (
        ({"speed": 0.0}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"start_s": -1.0}, "start"),
        ({"start_s": 2.0, "end_s": 1.0}, "start"),
    ):
        with pytest.raises(RecordingError, match=words):
            ReplayConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(RecordingError, match=r"ends after 0\.96 s"):
        Replay(read_take(take), ReplayConfig(start_s=5))
    with pytest.raises(RecordingError, match="no frame from"):
        list(Replay(read_take(take), ReplayConfig(start_s=0.01, end_s=0.02, loop=True)).play("now"))
    path = tmp_path / "other.mcap"
    with Recorder(path, "test") as recorder:
        recorder.write(make_frame(0))
    with pytest.raises(RecordingError, match="no raw frames"):
        Replay(read_take(path), ReplayConfig(frames="raw"))
    with Recorder(tmp_path / "empty.mcap", "test") as recorder:
        recorder.write(Hello(session="test", publish_time_ns=1))
    with pytest.raises(RecordingError, match="no face"):
        Replay(read_take(tmp_path / "empty.mcap"), ReplayConfig())


def test_a_receiver_sees_a_live_stream(take: Path) -> None:
    with Publisher("tcp://127.0.0.1:*") as publisher, Subscriber(publisher.endpoint) as stream:
        replay = Replay(read_take(take), ReplayConfig())
        publisher.describe(replay.hello(publisher.session))
        while stream.hello is None:
            stream.poll(100)
        for frame in replay.play(publisher.session):
            publisher.publish(frame)
        received: list[FaceFrame] = []
        while len(received) < COUNT:
            received += [message for message in stream.poll(1000) if isinstance(message, FaceFrame)]
        stats = stream.stats()
    assert numbers(received) == list(range(COUNT))
    assert stats.missed == 0
    assert stats.capture_latency_p50_ms is not None
    assert -1 < stats.capture_latency_p50_ms < 1000
    assert (received[-1].capture_time_ns - received[0].capture_time_ns) / 1e9 >= 0.95
