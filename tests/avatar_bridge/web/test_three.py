"""three.js: fetched once, and only what is expected."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from avatar_bridge.errors import WebError
from avatar_bridge.web import three as module
from avatar_bridge.web.three import FILES, VERSION, three_folder, unpack


def test_what_the_page_asks_for_is_there(three: Path) -> None:
    assert {str(path.relative_to(three)) for path in three.rglob("*") if path.is_file()} == set(FILES)
    assert "MIT" in (three / "LICENSE").read_text()
    assert "../utils/BufferGeometryUtils.js" in (three / "addons/loaders/GLTFLoader.js").read_text()
    assert "./three.core.js" in (three / "three.module.js").read_text()
    assert three_folder() == three


def test_another_package_is_refused() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("package/build/three.module.js"))
    with pytest.raises(WebError, match=f"what npm fetched is not three {VERSION}"):
        unpack(buffer.getvalue())


def test_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WebError, match=r"there is no npm: install npm .* rdr web --fetch"):
        three_folder(tmp_path / "cache")


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for npm")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no such registry >&2; exit 1", r"npm cannot fetch three.js \(no such registry\)"),
        (f"echo something > three-{VERSION}.tgz", "what npm fetched is not three"),
    ],
)
def test_a_fetch_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setattr(module.shutil, "which", lambda name: str(npm))
    with pytest.raises(WebError, match=said):
        three_folder(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
