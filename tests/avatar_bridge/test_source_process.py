"""Processes of sources: what they say arrives, Ctrl-C is theirs only when asked for, and none outlives its parent."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from avatar_bridge.source_process import Lines, SourceProcess, listen

PATIENCE_S = 30.0
WORK = """
import os, signal, sys, time

def work(given, status):
    if given["how"] == "long":
        try:
            begin(status)
            time.sleep(600)
        except KeyboardInterrupt:
            open(given["file"], "w").close()
            sys.stdout.write("finished")
            raise
    begin(status)
    if given["how"] == "fail":
        print("error: no camera", file=sys.stderr)
        return 1
    if given["how"] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return 0

def begin(status):
    print("begun", os.getpid(), flush=True)
    status("working")

def main():
    from avatar_bridge.source_process import SourceProcess, listen
    for heard in listen([SourceProcess("a", work, {"how": "long", "file": sys.argv[1]})]):
        if heard and heard[1] == "line":
            print(heard[2], flush=True)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Work that other processes can import."""
    (tmp_path / "rdr_source_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.reload(importlib.import_module("rdr_source_work"))


@pytest.fixture
def start(module: ModuleType) -> Iterator[Callable[..., SourceProcess]]:
    started: list[SourceProcess] = []

    def begin(name: str, **given: str) -> SourceProcess:
        started.append(SourceProcess(name, module.work, given))
        return started[-1]

    yield begin
    for process in started:
        process.end()


def test_each_says_how_it_goes_and_how_it_ends(start: Callable[..., SourceProcess]) -> None:
    processes = [start(how, how=how) for how in ("well", "fail", "die")]
    heard = [(message[0].name, *message[1:]) for message in listen(processes) if message]
    lines = [(name, str(what)) for name, kind, what in heard if kind == "line" and not str(what).startswith("begun")]
    assert lines == [("fail", "error: no camera")]
    assert {name for name, kind, what in heard if kind == "status" and what == "working"} >= {"well", "fail"}
    assert {name: what for name, kind, what in heard if kind == "ended"} == {
        "well": 0,
        "fail": 1,
        "die": -signal.SIGKILL,
    }


def test_it_ends_when_asked(start: Callable[..., SourceProcess], tmp_path: Path) -> None:
    process = start("a", how="long", file=str(tmp_path / "done"))
    said = []
    for message in listen([process]):
        if message and str(message[2]).startswith("begun"):
            os.kill(process.pid or 0, 0)
            assert os.getpgid(process.pid or 0) != os.getpgid(0)  # a terminal's Ctrl-C passes it by
            process.ask_to_end()
            process.ask_to_end()
        said += [message[1:]] if message else []
    assert said[-2:] == [("line", "finished"), ("ended", 0)]
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_in_order_when_its_parent_is_gone(module: ModuleType, tmp_path: Path, blow: signal.Signals) -> None:
    done = tmp_path / "done"
    parent = subprocess.Popen(
        [sys.executable, "-c", "import rdr_source_work; rdr_source_work.main()", str(done)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().split()[1])
        parent.send_signal(blow)
        parent.wait(PATIENCE_S)
        end = time.monotonic() + PATIENCE_S
        while is_running(pid):
            assert time.monotonic() < end
            time.sleep(0.02)
    assert done.exists()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_lines_are_whole() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    for text in ("one\ntw", "o\n", "", "\nthr", "ee"):
        assert lines.write(text) == len(text)
    assert said == ["one", "two", ""]
    lines.finish()
    lines.finish()
    assert said == ["one", "two", "", "three"]
    assert lines.writable()
    assert not lines.isatty()
