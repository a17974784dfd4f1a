"""`rdr` itself: finding commands, help, and how errors and interrupts end."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import tyro

from avatar_bridge.cli import main as exported
from avatar_bridge.cli.main import COMMANDS, INTERRUPTED, SUMMARIES, main
from avatar_bridge.errors import StreamError
from rdr_core import __version__
from rdr_core.errors import DataError


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "avatar_bridge.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_command() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(COMMANDS) == set(SUMMARIES)
    for name, summary in SUMMARIES.items():
        assert f"  {name:12}{summary}" in done.stdout
    assert run().returncode == 2  # a command is missing, but what there is gets said
    assert run().stdout == done.stdout


def test_installed_name() -> None:
    rdr = os.path.join(os.path.dirname(sys.executable), "rdr")
    if not os.path.exists(rdr):
        pytest.skip("the program is not installed in this environment, only its folder is on the path")
    done = subprocess.run([rdr, "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, f"rdr-live {__version__}\n")


def test_unknown_command() -> None:
    done = run("trakc", "0")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [f"error: no command 'trakc'; there are {', '.join(COMMANDS)}"]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert f"usage: rdr {command}" in printed.out
    assert "Examples:" in printed.out
    assert f"rdr {command}" in printed.out.split("Examples:")[1]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_options_are_explained(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """tyro finds each option's text in the docstring; a line that it does not understand shows up here."""
    with pytest.raises(SystemExit):
        main([command, "live", "--help"] if command == "train" else [command, "--help"])
    assert "Args:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["demo"], ["track", "0"], ["preview"], ["record", "a.mcap"], ["avatar"]], ids=lambda value: value[0]
)
def test_wrong_options(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--no-such-option", "1"])
    assert ended.value.code == 2
    assert "no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("faces.json: is empty"), 1, "error: faces.json: is empty"),
        (StreamError("port 5570 is in use"), 1, "error: port 5570 is in use"),
        (
            PermissionError(13, "Permission denied", "/root/x"),
            1,
            "error: /root/x: Permission denied; choose another place or make room",
        ),
        (
            OSError(28, "No space left on device"),
            1,
            "error: No space left on device; choose another place or make room",
        ),
        (KeyboardInterrupt(), INTERRUPTED, "stopped"),
    ],
)
def test_errors_are_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(tyro, "cli", fail)
    assert main(["record", "x.mcap"]) == code
    assert capsys.readouterr().err.splitlines() == [line]


def test_mistakes_of_the_program_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(tyro, "cli", fail)
    with pytest.raises(ZeroDivisionError):
        exported(["record", "x.mcap"])


def test_a_reader_that_leaves_is_no_error() -> None:
    """`rdr track --help | head -1`: no traceback."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-u", "-m", "avatar_bridge.cli", "record", "--help"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(write)
    assert "Traceback" not in done.stderr
