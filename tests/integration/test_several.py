"""`rdr track` of several sources: a process each, heard by name over real sockets, none in the way of another."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avatar_bridge.capture import VideoSource
from avatar_bridge.find_source import find_source
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.recording import read_take
from avatar_bridge.subscriber import Subscriber
from avatar_bridge.video_writer import VideoWriter

PATIENCE_S = 60.0
Rdr = Callable[..., "subprocess.CompletedProcess[str]"]
StartRdr = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def left_clip(long_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The long clip of another size, seen by another camera as it were."""
    path = tmp_path_factory.mktemp("left") / "left.mp4"
    with VideoWriter(path, 25) as video:
        for frame in VideoSource(long_clip):
            video.write(frame.image_bgr[:, :280], frame.capture_time_ns)
    return path


@pytest.fixture
def endpoint() -> str:
    """Return an endpoint whose port and the three after it are free."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            for other in range(port + 1, port + 4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", other))
        except (OSError, OverflowError):
            continue
        return f"tcp://127.0.0.1:{port}"


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def workers(parent: int) -> list[int]:
    """Return the processes of a parent's sources, in the order they were started."""
    columns = [word for column in ("pid=", "ppid=", "args=") for word in ("-o", column)]
    listed = subprocess.run(["ps", "-eww", *columns], capture_output=True, text=True, check=True).stdout
    rows = (line.split(None, 2) for line in listed.splitlines())
    return sorted(int(pid) for pid, ppid, args in rows if int(ppid) == parent and "spawn_main" in args)


def frames_of(stream: Subscriber, count: int) -> Iterator[FaceFrame]:
    end = time.monotonic() + PATIENCE_S
    while count > 0:
        assert time.monotonic() < end
        for message in stream.poll(100):
            if isinstance(message, FaceFrame) and count > 0:
                count -= 1
                yield message


def test_each_is_heard_by_its_name(
    rdr: Rdr, start_rdr: StartRdr, long_clip: Path, left_clip: Path, tmp_path: Path, endpoint: str
) -> None:
    take, heard = tmp_path / "take.mcap", tmp_path / "heard.mcap"
    options = ("--endpoint", endpoint, "--record", take)
    tracker = start_rdr("track", f"front={long_clip}", f"left={left_clip}", *options)
    done = rdr("record", heard, "--source", "left", "--endpoint", endpoint, "--wait", PATIENCE_S, "--seconds", 1)
    assert (done.returncode, done.stderr) == (0, "")
    found = {name: find_source(name, endpoint, PATIENCE_S) for name in ("front", "left")}
    assert found["front"] == endpoint != found["left"]
    refused = rdr("record", tmp_path / "no.mcap", "--source", "right", "--endpoint", endpoint, "--wait", 1)
    assert refused.returncode == 1
    assert f"there is: front on {endpoint}, left on {found['left']}" in refused.stderr
    tracker.send_signal(signal.SIGINT)
    code, out, err = finished(tracker)
    assert (code, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines()} == {"[front]", "[left]"}

    messages = list(read_take(heard))
    assert {message.source for message in messages if isinstance(message, Hello)} == {"left"}
    frames = [message for message in messages if isinstance(message, FaceFrame)]
    assert {frame.source_size_px for frame in frames} == {(280, 288)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heard.mcap", "take_front.mcap", "take_left.mcap"]
    own = {name: list(read_take(tmp_path / f"take_{name}.mcap").frames()) for name in ("front", "left")}
    assert {frame.source_size_px for frame in own["front"]} == {(320, 288)}
    first = own["left"].index(frames[0])
    assert frames == own["left"][first : first + len(frames)]
    starts_ns = [frames[0].capture_time_ns for frames in own.values()]
    assert abs(starts_ns[0] - starts_ns[1]) < 10e9  # one clock for all


def test_one_that_dies_is_named_and_the_others_go_on(
    start_rdr: StartRdr, long_clip: Path, left_clip: Path, tmp_path: Path, endpoint: str
) -> None:
    tracker = start_rdr("track", f"front={long_clip}", f"left={left_clip}", "none=99", "--endpoint", endpoint)
    with Subscriber(find_source("front", endpoint, PATIENCE_S)) as front:
        find_source("left", endpoint, PATIENCE_S)
        list(frames_of(front, 3))
        os.kill(workers(tracker.pid)[1], signal.SIGKILL)
        time.sleep(0.5)
        list(frames_of(front, 15))
        assert tracker.poll() is None
    tracker.send_signal(signal.SIGINT)
    code, out, err = finished(tracker)
    assert code == 1
    assert "[none] error: no camera 99" in out
    lines = err.splitlines()
    assert sorted(lines[:2]) == [
        "error: left was killed (signal 9); the others go on",
        "error: none ended with an error; the others go on",
    ]
    assert lines[2:] == ["error: 2 of 3 sources failed, as was said before: none, left"]
    assert "[front] smoothing normal" in out


def test_names_must_differ(rdr: Rdr, clip: Path) -> None:
    done = rdr("track", f"a={clip}", f"a={clip}")
    assert done.returncode == 1
    assert done.stderr == "error: two sources have the name a: give each its own, as in front=0 left=1\n"
