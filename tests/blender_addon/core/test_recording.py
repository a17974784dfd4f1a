from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from blender_addon.core.errors import AddonError, TakeError
from blender_addon.core.receiver import Received
from blender_addon.core.recording import START_FRAME, START_TIME, Recorded, Recording, RecordingConfig
from blender_addon.core.take_reader import read_take

from .conftest import FRAME_NS, START_NS

MakeReceived = Callable[..., Received]


class Scene:
    """A clock that ticks once per captured frame."""

    def __init__(self, recording: Recording, make: MakeReceived) -> None:
        self.recording, self.make, self.seq, self.frame, self.playing = recording, make, 0, 1, False
        self.ended: list[Recorded] = []

    @property
    def time_s(self) -> float:
        return self.seq * FRAME_NS / 1e9

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            now_ns = START_NS + self.seq * FRAME_NS
            received = [self.make(self.seq)]
            ended = self.recording.take_in(received, self.time_s, now_ns, self.frame, self.playing)
            self.ended += [ended] if ended else []
            self.seq += 1
            self.frame += self.playing


@pytest.fixture
def scene(make_received: MakeReceived) -> Scene:
    return Scene(Recording(), make_received)


def seqs_of(path: Path) -> list[int]:
    return ((read_take(path).tracks[0].time_ns - START_NS) // FRAME_NS).tolist()


def test_countdown_then_pre_roll_then_all_until_stopped(tmp_path: Path, scene: Scene) -> None:
    scene.tick(100)
    scene.recording.start(tmp_path / "a.mcap", RecordingConfig(countdown_s=2, pre_roll_s=1), scene.time_s)
    assert scene.recording.countdown_s(scene.time_s) == 2
    scene.tick(50)
    assert scene.recording.state == "countdown"
    scene.tick(10)
    assert scene.recording.state == "recording"
    done = scene.recording.stop()
    assert done is not None
    path = done.path
    assert done == Recorded(tmp_path / "a.mcap", 35, 1, 34 * 0.04, START_NS + 150 * FRAME_NS, 1)
    assert scene.recording.state == "idle"
    assert seqs_of(path) == list(range(125, 160))
    notes = read_take(path).notes
    assert int(notes[START_TIME]) == START_NS + 150 * FRAME_NS
    assert notes[START_FRAME] == "1"
    scene.tick(5)
    assert seqs_of(path) == list(range(125, 160))


def test_punching_in_and_out_with_the_playback(tmp_path: Path, scene: Scene) -> None:
    config = RecordingConfig(countdown_s=0, pre_roll_s=0.2, punch_in=20, punch_out=29)
    scene.recording.start(tmp_path / "a.mcap", config, scene.time_s)
    scene.tick(30)
    assert scene.recording.state == "armed"
    scene.playing = True
    scene.tick(60)
    assert [done.path for done in scene.ended] == [tmp_path / "a.mcap"]
    assert scene.recording.state == "idle"
    assert seqs_of(scene.ended[0].path) == list(range(30 + 19 - 5, 30 + 29 + 1))
    notes = read_take(scene.ended[0].path).notes
    assert notes[START_FRAME] == "20"
    assert int(notes[START_TIME]) == START_NS + (30 + 19) * FRAME_NS


def test_stopping_the_playback_ends_a_punched_take(tmp_path: Path, scene: Scene) -> None:
    config = RecordingConfig(countdown_s=0, punch_in=5, punch_out=500)
    scene.recording.start(tmp_path / "a.mcap", config, scene.time_s)
    scene.playing = True
    scene.tick(20)
    scene.playing = False
    scene.tick(2)
    assert [done.path for done in scene.ended] == [tmp_path / "a.mcap"]


def test_stopping_before_the_beginning_leaves_no_file(tmp_path: Path, scene: Scene) -> None:
    scene.recording.start(tmp_path / "a.mcap", RecordingConfig(), scene.time_s)
    scene.tick(3)
    assert scene.recording.stop() is None
    assert not list(tmp_path.iterdir())


def test_one_take_at_a_time_and_none_over_another(tmp_path: Path, scene: Scene) -> None:
    (tmp_path / "a.mcap").write_bytes(b"dear")
    scene.recording.start(tmp_path / "a.mcap", RecordingConfig(countdown_s=0), scene.time_s)
    with pytest.raises(AddonError, match="already"):
        scene.recording.start(tmp_path / "b.mcap", RecordingConfig(), scene.time_s)
    with pytest.raises(TakeError, match="choose another name"):
        scene.tick()
    assert scene.recording.state == "idle"
    assert (tmp_path / "a.mcap").read_bytes() == b"dear"


def test_pre_roll_does_not_grow(scene: Scene) -> None:
    scene.recording.config = RecordingConfig(pre_roll_s=0.4)
    scene.tick(500)
    assert len(scene.recording._recent) <= 11


def test_settings_are_checked() -> None:
    with pytest.raises(AddonError, match="countdown_s must be 0 to 60"):
        RecordingConfig(countdown_s=-1)
