"""Writing shards: repeatable whatever the number of processes, whole or not at all, resumed after any end."""

from __future__ import annotations

import json
import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rdr_core.data.shard import Member, Shard
from rdr_core.data.shard_manifest import ShardManifest, sha256_of
from rdr_core.data.shards import write_shards
from rdr_core.errors import ConfigError, DataError

FACTS: dict[str, Any] = {
    "generator": "rdr test",
    "config": {"size_px": 128, "poses": (1, 2)},
    "seed": 3,
    "licence": "open",
    "sources": ["drawn"],
}
SLOW = """
import os, sys, time
from pathlib import Path
from rdr_core.data.shard import read_shard
from rdr_core.data.shards import write_shards

def samples(number):
    Path(sys.argv[2], f"pid-{os.getpid()}").touch()
    for sample in read_shard(Path(sys.argv[3])):
        time.sleep(float(sys.argv[4]))
        yield f"{number}-{sample.key}", sample.jpeg, sample.label

if __name__ == "__main__":
    try:
        write_shards(Path(sys.argv[1]), "slow", samples, 6, generator="g", config={}, seed=0, licence="open", jobs=2)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def parts(members: list[Member]) -> Callable[[int], list[Member]]:
    """Samples of four shards, in a form that another process can be sent."""
    return partial(operator.getitem, [members[n : n + 3] for n in range(0, 12, 3)])


def test_the_same_bytes_from_any_number_of_processes(parts: Any, tmp_path: Path) -> None:
    made = {1: 0, 2: 0}

    def count(jobs: int, samples: int) -> None:
        made[jobs] += samples

    for jobs in made:
        write_shards(tmp_path / str(jobs), "s", parts, 4, **FACTS, jobs=jobs, progress=partial(count, jobs))
    assert made == {1: 12, 2: 12}
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")
    assert list(files_of(tmp_path / "1")) == [*(f"s-00000{n}.tar" for n in range(4)), "s.json"]


def test_manifest(parts: Any, tmp_path: Path) -> None:
    manifest = write_shards(tmp_path, "s", parts, 4, **FACTS)
    assert ShardManifest.load(tmp_path / "s.json") == manifest
    row = json.loads((tmp_path / "s.json").read_text())
    assert (row["samples"], row["faces"], row["licence"], row["seed"]) == (12, 10, "open", 3)
    assert row["config"] == {"size_px": 128, "poses": [1, 2]}
    assert row["bytes"] == sum(path.stat().st_size for path in tmp_path.glob("*.tar"))
    for shard in manifest.shards:
        assert sha256_of(tmp_path / shard.file) == shard.sha256


def test_what_is_recorded_is_not_made_again(parts: Any, tmp_path: Path) -> None:
    """A larger set adds to a smaller one; a shard that is gone or was changed is made again."""
    write_shards(tmp_path, "s", parts, 2, **FACTS)
    asked: list[int] = []

    def watched(number: int) -> list[Member]:
        asked.append(number)
        return parts(number)

    write_shards(tmp_path, "s", watched, 4, **FACTS)
    assert asked == [2, 3]
    before = files_of(tmp_path)
    (tmp_path / "s-000001.tar").unlink()
    changed = bytearray(before["s-000003.tar"])
    changed[700] ^= 1
    (tmp_path / "s-000003.tar").write_bytes(changed)
    write_shards(tmp_path, "s", watched, 4, **FACTS)
    assert asked == [2, 3, 1, 3]
    assert files_of(tmp_path) == before


@pytest.mark.parametrize("change", [{"seed": 4}, {"config": {}}, {"licence": "research-only"}, {"generator": "x"}])
def test_another_set_of_that_name(change: dict[str, Any], parts: Any, tmp_path: Path) -> None:
    write_shards(tmp_path, "s", parts, 1, **FACTS)
    before = files_of(tmp_path)
    with pytest.raises(ConfigError, match=f"holds shards 's' made with another {next(iter(change))}: give another"):
        write_shards(tmp_path, "s", parts, 2, **FACTS | change)
    assert files_of(tmp_path) == before


def test_stop_leaves_whole_shards(parts: Any, tmp_path: Path) -> None:
    for jobs in (1, 2):
        answers = iter([False, False, *[True] * 9])
        folder = tmp_path / str(jobs)
        manifest = write_shards(folder, "s", parts, 4, **FACTS, jobs=jobs, stop=partial(next, answers))
        assert [shard.file for shard in manifest.shards] == ["s-000000.tar", "s-000001.tar"]
        assert len(list(folder.glob("*.tar"))) == 2


def test_a_failing_sample_leaves_nothing_half_written(members: list[Member], tmp_path: Path) -> None:
    bad = partial(operator.getitem, [members[:3], [members[3], ("no.dots", *members[4][1:])], members[6:9]])
    for jobs in (1, 2):
        with pytest.raises(DataError, match=r"s-000001\.tar: keys are"):
            write_shards(tmp_path, "s", bad, 3, **FACTS, jobs=jobs)
        recorded = {shard.file for shard in ShardManifest.load(tmp_path / "s.json").shards}
        assert "s-000000.tar" in recorded
        assert {path.name for path in tmp_path.glob("*.tar")} >= recorded
        assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("wrong", [{"name": "a/b"}, {"name": ""}, {"n_shards": 0}, {"jobs": 0}])
def test_configuration(wrong: dict[str, Any], parts: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shards need a name"):
        write_shards(tmp_path, **{"name": "s", "samples_of_shard": parts, "n_shards": 1} | FACTS | wrong)
    assert not list(tmp_path.iterdir())


class Slow:
    """A program that writes six shards in two processes, slowly; run in a session of its own."""

    def __init__(self, tmp_path: Path, write_set: Any) -> None:
        self.out, self.pids = tmp_path / "out", tmp_path / "pids"
        self.pids.mkdir()
        self.script = tmp_path / "slow.py"
        self.script.write_text(SLOW)
        write_set(tmp_path / "source", counts=(4,))
        self.source = tmp_path / "source" / "drawn-000000.tar"

    def start(self, pause_s: float) -> subprocess.Popen[str]:
        command = [self.script, self.out, self.pids, self.source, pause_s]
        return subprocess.Popen(
            [sys.executable, *map(str, command)], stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def wait_for_shards(self, count: int) -> None:
        """Until so many are there and one is recorded: workers write them, and who started the workers records them."""
        while len(list(self.out.glob("slow-*.tar"))) < count or not self.recorded():
            time.sleep(0.02)
        time.sleep(0.1)  # into the midst of the next ones

    def recorded(self) -> bool:
        manifest = self.out / "slow.json"
        return manifest.exists() and bool(ShardManifest.load(manifest).shards)

    def living(self) -> list[int]:
        pids = [int(path.name.removeprefix("pid-")) for path in self.pids.iterdir()]
        assert pids
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    def wait_for_the_end_of_its_processes(self) -> None:
        deadline = time.monotonic() + 20
        while self.living():
            assert time.monotonic() < deadline, "processes outlive the program"
            time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_killed_or_stopped_and_started_again(end: int, tmp_path: Path, write_set: Any) -> None:
    """What is there is whole; what was recorded is kept; at the end the bytes are those of an undisturbed run."""
    slow = Slow(tmp_path, write_set)
    with slow.start(0.1) as run:
        slow.wait_for_shards(2)
        if end == signal.SIGINT:
            os.killpg(run.pid, signal.SIGINT)  # as a terminal does
            assert run.wait() == 130
            assert run.stderr is not None
            assert run.stderr.read() == ""
            assert not list(slow.out.glob(".*"))
        else:
            run.kill()
            run.wait()
    slow.wait_for_the_end_of_its_processes()
    kept = {}
    for shard in ShardManifest.load(slow.out / "slow.json").shards:
        kept[shard.file] = (slow.out / shard.file).stat().st_mtime_ns
    assert 1 <= len(kept) < 6
    for path in slow.out.glob("slow-*.tar"):
        with Shard(path) as shard:
            assert len(shard) == 4
    with slow.start(0) as run:
        assert run.wait() == 0
    assert {name: (slow.out / name).stat().st_mtime_ns for name in kept} == kept
    resumed, slow.out = files_of(slow.out), tmp_path / "undisturbed"
    with slow.start(0) as run:
        assert run.wait() == 0
    assert resumed == files_of(slow.out)


@pytest.mark.skipif(sys.platform != "linux", reason="kills a process")
def test_a_process_that_dies_is_said_in_one_line(parts: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a process that made a shard died"):
        write_shards(tmp_path, "s", partial(os._exit), 2, **FACTS, jobs=2)
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
