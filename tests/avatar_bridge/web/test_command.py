"""`rdr web`: what is refused, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_bridge.cli.main import main
from avatar_bridge.web import three as module


def says(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["web", *arguments]) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    return error


def test_bad_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--port must be 0 (any that is free) to 65535, got 70000" in says(capsys, "--port", "70000")
    assert "--token must have at least 16 characters, got 5" in says(capsys, "--token", "short")


@pytest.mark.usefixtures("three")
def test_bad_avatars_and_addresses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "none.glb" in says(capsys, "--avatar", str(tmp_path / "none.glb"))
    assert "cannot serve on 203.0.113.7 port 8700" in says(capsys, "--bind", "203.0.113.7")


def test_no_npm(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path)
    assert "run rdr web --fetch once while online" in says(capsys)


def test_fetch_says_where(capsys: pytest.CaptureFixture[str], three: Path) -> None:
    assert main(["web", "--fetch"]) == 0
    assert capsys.readouterr().out == f"three.js {module.VERSION} is in {three}\n"
