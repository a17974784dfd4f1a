"""`rdr replay` as a process, heard over a real socket; its keys over a real pseudo-terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from avatar_bridge.cli import main
from avatar_bridge.messages import FaceFrame
from avatar_bridge.publisher import Publisher
from avatar_bridge.recording import Recorder
from avatar_bridge.subscriber import Subscriber

MakeFrame = Callable[..., FaceFrame]
PATIENCE_S = 60.0


@pytest.fixture
def take(tmp_path: Path, make_frame: MakeFrame) -> Path:
    """Return a take of 20 s."""
    path = tmp_path / "take.mcap"
    with Recorder(path, "test") as recorder:
        for seq in range(501):
            recorder.write(make_frame(seq, translation_px=[seq, 0, 0]))
    return path


@pytest.fixture
def endpoint() -> str:
    with Publisher("tcp://127.0.0.1:*") as publisher:
        return publisher.endpoint


@contextmanager
def replaying(
    take: Path, endpoint: str, *arguments: str, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "avatar_bridge.cli", "replay", str(take), "--endpoint", endpoint, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def receive(stream: Subscriber, count: int) -> list[int]:
    """Return which frames of the take came, once there are so many."""
    frames: list[FaceFrame] = []
    end = time.monotonic() + PATIENCE_S
    while len(frames) < count:
        assert time.monotonic() < end
        frames += [message for message in stream.poll(200) if isinstance(message, FaceFrame)]
    return [round(float(frame.translation_px[0])) for frame in frames]


def test_it_waits_for_a_receiver_plays_and_ends(take: Path, endpoint: str) -> None:
    with replaying(take, endpoint, "--wait", "--seek", "10", "--end", "11.96", "--speed", "4") as process:
        with Subscriber(endpoint) as stream:
            assert receive(stream, 50) == list(range(250, 300))
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("replayed 50 frames of take.mcap in ")


def test_ctrl_c_ends_it_cleanly(take: Path, endpoint: str) -> None:
    with replaying(take, endpoint, "--wait", "--loop", "--end", "0.16", "--speed", "10") as process:
        with Subscriber(endpoint) as stream:
            assert receive(stream, 23)[:23] == [seq % 5 for seq in range(23)]
            assert stream.hello is not None
            assert stream.hello.versions["replay of rdr-live"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("replayed ")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_keys(take: Path, endpoint: str) -> None:
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    script = (  # the terminal becomes the process's own, as a shell would see to
        "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "from avatar_bridge.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "replay", str(take), "--endpoint", endpoint, "--wait", "--speed", "2"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            with Subscriber(endpoint) as stream:
                receive(stream, 5)
                os.write(ours, b" ")
                time.sleep(0.5)
                stream.poll(0)
                assert not [m for m in stream.poll(700) if isinstance(m, FaceFrame)]  # held
                os.write(ours, b"\x1b[C\x1b[C ")
                assert receive(stream, 10)[-1] >= 250
                os.write(ours, b"q")
                out, err = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, "")
    assert out.startswith("replayed ")
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--speed", "0"], "speed must be"),
        (["--start", "30"], "ends after 20.00 s"),
        (["--start", "3", "--end", "2"], "before the end"),
        (["--topic", "raw"], "no raw frames"),
        (["--endpoint", "tcp://0.0.0.0:5570"], "rdr keys"),
    ],
)
def test_errors_are_one_line(
    take: Path,
    arguments: list[str],
    error: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["replay", str(take), *arguments]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 1
    assert error in err[0]


def test_no_such_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "none.mcap")]) == 1
    assert "cannot open the take" in capsys.readouterr().err
