"""Many videos: in parallel, gone on with, and as whole as one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avatar_bridge.offline.config import OfflineConfig
from avatar_bridge.offline.folder import left_of, track_all
from avatar_bridge.offline.receipt import Receipt
from avatar_bridge.offline.task import VideoTask, find_tasks
from avatar_bridge.recording import read_take
from rdr_core.data.engines import Engine, Processes, ThisProcess

CONFIG = OfflineConfig()


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory, write_video: Any, face_pictures: Any, uneven_ms: Any) -> Path:
    """A folder with two good videos and one that is none."""
    folder = tmp_path_factory.mktemp("shoot")
    write_video(folder / "anna.mp4", uneven_ms, face_pictures, "aac")
    write_video(folder / "ben.mkv", range(0, 480, 40), face_pictures)
    (folder / "noise.mov").write_bytes(b"noise" * 1000)
    return folder


def run(
    tasks: list[VideoTask], engine: Engine, progress: Callable[[int], object] = lambda frames: None
) -> dict[str, Receipt]:
    with closing(track_all(tasks, CONFIG, CONFIG.fingerprint(), engine, progress)) as receipts:
        return {receipt.name: receipt for receipt in receipts}


@pytest.mark.parametrize("engine", [ThisProcess(), Processes(2)])
def test_a_folder_is_tracked_and_gone_on_with(shoot: Path, tmp_path: Path, engine: Engine) -> None:
    tasks, frames = find_tasks([str(shoot)], tmp_path), list[int]()
    receipts = run(tasks, engine, frames.append)
    assert {name: receipt.state for name, receipt in receipts.items()} == {
        "anna": "tracked",
        "ben": "tracked",
        "noise": "failed",
    }
    assert sum(frames) == receipts["anna"].frames + receipts["ben"].frames == 24
    left, done = left_of(tasks, CONFIG.fingerprint())
    assert [task.name for task in left] == ["noise"]
    assert {receipt.name: receipt for receipt in done} == {name: receipts[name] for name in ("anna", "ben")}
    assert left_of(tasks, replace(CONFIG, max_faces=2).fingerprint()) == (tasks, [])


def test_every_engine_finds_the_same(shoot: Path, tmp_path: Path) -> None:
    for engine in (ThisProcess(), Processes(1)):
        run(find_tasks([str(shoot)], tmp_path / type(engine).__name__), engine)
    for name in ("anna.mcap", "ben.mcap"):
        one, other = (read_take(tmp_path / engine / name) for engine in ("ThisProcess", "Processes"))
        assert list(one.frames()) == list(other.frames())
        assert list(one.frames("raw")) == list(other.frames("raw"))


class Deadly:
    """An engine whose processes die of one video, as often as it is tried."""

    def __init__(self, victim: str) -> None:
        self.victim, self.deaths = victim, 0

    def run(
        self, work: Callable[[Any], Any], waiting: deque[Any], progress: Callable[[int], object]
    ) -> Generator[tuple[Any, Any], None, None]:
        while waiting:
            task = waiting.popleft()
            if task.name == self.victim:
                self.deaths += 1
                task.workshop.mkdir(parents=True, exist_ok=True)
                yield task, None
            else:
                yield task, work(task)


def test_a_video_that_kills_its_process_is_named(shoot: Path, tmp_path: Path) -> None:
    engine = Deadly("anna")
    receipts = run(find_tasks([str(shoot)], tmp_path), engine)
    assert engine.deaths == 2
    assert receipts["anna"].state == "failed"
    assert "died 2 times" in receipts["anna"].problem
    assert receipts["ben"].state == "tracked"
    assert not list(tmp_path.glob(".*"))


def test_an_early_end_leaves_nothing_half_done(shoot: Path, tmp_path: Path) -> None:
    tasks = find_tasks([str(shoot)], tmp_path)

    def interrupt(frames: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tasks, Processes(2), interrupt)
    assert not list(tmp_path.glob(".*"))
    assert left_of(tasks, CONFIG.fingerprint())[0]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Engine]:
    import warnings

    from rdr_core.data.engines import RayCluster

    ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield RayCluster()
    ray.shutdown()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # Ray's own
def test_a_ray_cluster_finds_the_same(cluster: Engine, shoot: Path, tmp_path: Path) -> None:
    here, there = find_tasks([str(shoot)], tmp_path / "here"), find_tasks([str(shoot)], tmp_path / "there")
    receipts = run(there, cluster)
    assert {name: receipt.state for name, receipt in receipts.items()} == {
        "anna": "tracked",
        "ben": "tracked",
        "noise": "failed",
    }
    run(here, ThisProcess())
    for name in ("anna.mcap", "ben.mcap"):
        assert list(read_take(tmp_path / "here" / name).frames()) == list(read_take(tmp_path / "there" / name).frames())
    assert (tmp_path / "here" / "anna.wav").read_bytes() == (tmp_path / "there" / "anna.wav").read_bytes()
    assert [task.name for task in left_of(there, CONFIG.fingerprint())[0]] == ["noise"]
