from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from avatar_bridge.cli import main
from avatar_bridge.messages import FaceFrame
from avatar_bridge.publisher import Publisher
from avatar_bridge.subscriber import Subscriber


def free_endpoint() -> str:
    with Publisher("tcp://127.0.0.1:*") as publisher:
        return publisher.endpoint


def test_a_receiver_sees_the_face() -> None:
    endpoint = free_endpoint()
    command = [
        sys.executable,
        "-m",
        "avatar_bridge.cli",
        "fake",
        "--endpoint",
        endpoint,
        "--faces",
        "2",
        "--rate",
        "100",
    ]
    with subprocess.Popen([*command, "--seconds", "60"], stdout=subprocess.PIPE) as process:
        with Subscriber(endpoint) as stream:
            seen: list[FaceFrame] = []
            while len(seen) < 40:
                seen += [message for message in stream.poll(20_000) if isinstance(message, FaceFrame)]
            assert stream.hello is not None
            assert (stream.hello.rate_hz, stream.hello.faces) == (100, 2)
        process.terminate()
    assert {frame.face_id for frame in seen} == {0, 1}
    assert [frame.seq for frame in seen] == list(range(seen[0].seq, seen[0].seq + len(seen)))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--rate", "0"], "--rate must be"),
        (["--faces", "99"], "--faces must be"),
        (["--endpoint", "tcp://0.0.0.0:5570"], "rdr keys"),
    ],
)
def test_bad_input(
    arguments: list[str],
    error: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["fake", *arguments]) == 1
    assert error in capsys.readouterr().err
