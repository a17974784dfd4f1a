"""Engines: the same answers from everywhere, death named and survived, nothing left behind."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rdr_core.data.engines import Engine, Processes, RayCluster, ThisProcess
from rdr_core.errors import ConfigError, DataError

WORK = """
import os, signal, time
from rdr_core.data.engines import report
from rdr_core.errors import DataError

def work(chunk):
    if isinstance(chunk, int):
        for _ in range(chunk):
            report(2)
    if chunk == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if chunk == "fail":
        raise DataError("no such face")
    if chunk == "sleep":
        time.sleep(600)
    return chunk, os.getpid(), os.environ.get("OMP_NUM_THREADS")
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """A function that other processes can import."""
    (tmp_path / "rdr_test_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.reload(importlib.import_module("rdr_test_work")).work


def answers(engine: Engine, work: Callable[[Any], Any], chunks: list[Any]) -> dict[Any, Any]:
    with closing(engine.run(work, deque(chunks))) as results:
        return dict(results)


@pytest.mark.parametrize("engine", [ThisProcess(), Processes(1), Processes(2)])
def test_each_chunk_is_answered_once(engine: Engine, work: Callable[[Any], Any]) -> None:
    found = answers(engine, work, list(range(20)))
    assert [found[number][0] for number in range(20)] == list(range(20))
    pids = {pid for _, pid, _ in found.values()}
    if isinstance(engine, Processes):
        assert os.getpid() not in pids
        assert len(pids) <= engine.count
        assert {threads for *_, threads in found.values()} == {"1"}


@pytest.mark.parametrize("engine", [ThisProcess(), Processes(2)])
def test_reports_of_the_work_arrive(engine: Engine, work: Callable[[Any], Any]) -> None:
    heard: list[int] = []
    with closing(
        engine.run(work, deque([3, 0, 5, "die" if isinstance(engine, Processes) else 1]), heard.append)
    ) as run:
        done = dict(run)
    assert len(done) == 4
    assert sum(heard) == 2 * (3 + 5 + isinstance(engine, ThisProcess))


def test_no_work_starts_nothing(work: Callable[[Any], Any]) -> None:
    assert answers(Processes(2), work, []) == {}


@pytest.mark.parametrize("count", [1, 2])
def test_a_process_that_dies_costs_its_own_chunk(count: int, work: Callable[[Any], Any]) -> None:
    found = answers(Processes(count), work, [0, "die", 1, 2, 3])
    assert found.pop("die") is None
    assert {chunk: answer for chunk, (answer, *_) in found.items()} == {0: 0, 1: 1, 2: 2, 3: 3}


def test_work_can_be_put_back(work: Callable[[Any], Any]) -> None:
    waiting, seen = deque(["die", 1]), []
    with closing(Processes(1).run(work, waiting)) as results:
        for chunk, result in results:
            seen.append((chunk, result is None))
            if result is None:
                waiting.append(7)
    assert seen == [("die", True), (1, False), (7, False)]


def test_errors_of_the_work_pass_through(work: Callable[[Any], Any]) -> None:
    with pytest.raises(DataError, match="no such face") as caught:
        answers(Processes(2), work, ["fail", 1, 2])
    assert "rdr_test_work.py" in caught.value.__notes__[0]  # where it happened, there
    assert not multiprocessing.active_children()


def test_processes_end_with_the_iterator(work: Callable[[Any], Any]) -> None:
    with closing(Processes(2).run(work, deque(["sleep", 1, "sleep"]))) as results:
        assert next(results)[0] == 1
        assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()


def test_ctrl_c_is_not_for_the_processes(work: Callable[[Any], Any]) -> None:
    with closing(Processes(1).run(work, deque([0, 1]))) as results:
        _, (_, pid, _) = next(results)
        os.kill(pid, signal.SIGINT)
        assert next(results) == (1, (1, pid, "1"))


def test_numbers_of_processes() -> None:
    for engine in (Processes, RayCluster):
        with pytest.raises(ConfigError, match="-1"):
            engine(count=-1)


def test_ray_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="install the extra `cluster`"):
        answers(RayCluster(), str, [1])
