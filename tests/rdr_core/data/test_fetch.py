"""Files from a real server that fails in the ways servers do."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from rdr_core.data import fetch as module
from rdr_core.data.fetch import TRIES, fetch, is_url
from rdr_core.errors import DataError

CONTENT = bytes(range(256)) * 10_000
LIMIT = len(CONTENT)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.001)


@pytest.fixture
def file(web: Any) -> str:
    (web.folder / "file.bin").write_bytes(CONTENT)
    return web.url + "file.bin"


@pytest.mark.parametrize("failures", [[], [503], [0, 0], [429, 0, 500]])
def test_it_comes_in_the_end(failures: list[int], web: Any, file: str, tmp_path: Path) -> None:
    web.failures += failures
    fetch(file, tmp_path / "here.bin", LIMIT, hashlib.sha256(CONTENT).hexdigest())
    assert (tmp_path / "here.bin").read_bytes() == CONTENT
    assert len(web.requests) == len(failures) + 1


@pytest.mark.parametrize(
    ("failures", "requests", "message"),
    [([404], 1, "HTTP Error 404"), ([403], 1, "HTTP Error 403"), ([503] * 9, TRIES, "503"), ([0] * 9, TRIES, "bytes")],
)
def test_it_does_not_come(
    failures: list[int], requests: int, message: str, web: Any, file: str, tmp_path: Path
) -> None:
    web.failures += failures
    with pytest.raises(DataError, match=rf"file\.bin: cannot be read \(.*{message}"):
        fetch(file, tmp_path / "x" / "here.bin", LIMIT)
    assert len(web.requests) == requests
    assert not list((tmp_path / "x").iterdir())


def test_more_than_allowed(file: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"larger than {LIMIT - 1} bytes"):
        fetch(file, tmp_path / "here.bin", LIMIT - 1)
    assert not list(tmp_path.glob("*here*"))


def test_other_content(web: Any, file: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not that of the manifest"):
        fetch(file, tmp_path / "here.bin", LIMIT, "0" * 64)
    assert len(web.requests) == TRIES
    assert not list(tmp_path.glob("*here*"))


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        fetch("http://127.0.0.1:9/x", tmp_path / "x", LIMIT)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "pipe:cat", "x.tar", ""])
def test_nothing_else_is_read(url: str, tmp_path: Path) -> None:
    assert not is_url(url)
    with pytest.raises(DataError, match="only http and https"):
        fetch(url, tmp_path / "x", LIMIT)
