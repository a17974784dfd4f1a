"""Sets: found by manifest, folder, pattern and address; licences; what verification notices; shards of the web."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from rdr_core.data import fetch as fetch_module
from rdr_core.data.shard import Member, read_shard
from rdr_core.data.shard_manifest import ShardManifest, union_of_licences
from rdr_core.data.shard_set import ShardSet, Spool
from rdr_core.errors import DataError


def keys_of(found: ShardSet, spool: Spool | None = None) -> list[str]:
    keys = []
    for file in found.files:
        with file.open(spool) as shard:
            keys += [shard.sample(index).key for index in range(len(shard))]
    return keys


def test_ways_to_name_a_set(write_set: Any, members: list[Member], tmp_path: Path) -> None:
    manifest = write_set(tmp_path)
    expected = [key for key, *_ in members]
    for pattern in (manifest, tmp_path, f"{tmp_path}/*.tar", f"{tmp_path}/drawn-00000[012].tar"):
        found = ShardSet.open(str(pattern))
        assert (found.samples, found.faces, len(found.files)) == (12, 10, 3)
        assert keys_of(found) == expected
    assert keys_of(ShardSet.open(f"{tmp_path}/drawn-000001.tar")) == expected[5:9]
    assert keys_of(ShardSet.open([f"{tmp_path}/drawn-000002.tar", str(manifest)])) == expected[9:] + expected[:9]


def test_several_sets(write_set: Any, tmp_path: Path) -> None:
    write_set(tmp_path / "a", "one", licence="open")
    write_set(tmp_path / "b", "two", (2, 2), licence="research-only")
    both = ShardSet.open([str(tmp_path / "a"), str(tmp_path / "b")])
    assert [manifest.name for manifest in both.manifests] == ["one", "two"]
    assert (both.samples, both.licence) == (16, "research-only")
    assert ShardSet.open(str(tmp_path / "a")).licence == "open"


@pytest.mark.parametrize(
    ("licences", "union"),
    [
        (["open", "open"], "open"),
        (["open", "research-only"], "research-only"),
        (["mine", "research-only"], "research-only"),
        (["open", "mine"], "mine"),
        (["mine", "hers", "open"], "hers + mine"),
        ([], "research-only"),
    ],
)
def test_union_of_licences(licences: list[str], union: str) -> None:
    assert union_of_licences(licences) == union


def test_unfinished_shards_are_left_out(write_set: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_set(tmp_path)
    (tmp_path / "drawn-000003.tar").write_bytes(b"half")
    (tmp_path / ".drawn-000004.part.tar").write_bytes(b"being written")
    with caplog.at_level(logging.WARNING):
        assert ShardSet.open(str(tmp_path)).samples == 12
    assert "drawn-000003.tar: not recorded in drawn.json" in caplog.text


def test_what_is_no_set(write_set: Any, tmp_path: Path) -> None:
    for pattern, message in {
        "none/*.tar": "no shards here",
        "none.json": "no such manifest of shards",
        "http://127.0.0.1:9/x.tar": "give the address of NAME.json",
    }.items():
        with pytest.raises(DataError, match=message):
            ShardSet.open(pattern if pattern.startswith("http") else str(tmp_path / pattern))
    (tmp_path / "other.tar").write_bytes(b"")
    with pytest.raises(DataError, match=r"other\.tar: shards are named NAME-000000\.tar"):
        ShardSet.open(str(tmp_path))
    (tmp_path / "other.tar").rename(tmp_path / "lonely-000000.tar")
    with pytest.raises(DataError, match=r"lonely\.json: no such manifest"):
        ShardSet.open(str(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": "9"},
        {"config": []},
        {"seed": "x"},
        {"shards": [{"file": "../../etc/x.tar", "samples": 1, "faces": 1, "bytes": 1, "sha256": "0" * 64}]},
        {"shards": [{"file": "http://x/y.tar", "samples": 1, "faces": 1, "bytes": 1, "sha256": "0" * 64}]},
        {"shards": [{"file": "x.tar", "samples": -1, "faces": 0, "bytes": 1, "sha256": "0" * 64}]},
        {"shards": [{"file": "x.tar", "samples": 1, "faces": 2, "bytes": 1, "sha256": "0" * 64}]},
        {"shards": [{"file": "x.tar", "samples": 1.5, "faces": 1, "bytes": 1, "sha256": "0" * 64}]},
        {"shards": [{"file": "x.tar", "samples": 1, "faces": 1, "bytes": 1, "sha256": "../x"}]},
        {"shards": [{"file": "x.tar"}]},
        {"shards": 3},
    ],
)
def test_a_manifest_is_not_trusted(change: dict[str, Any], write_set: Any, tmp_path: Path) -> None:
    path = write_set(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=r"drawn\.json: not a manifest of shards") as caught:
        ShardManifest.load(path)
    assert "\n" not in str(caught.value)


def test_verification(write_set: Any, tmp_path: Path) -> None:
    """One flipped bit of a picture, a shard cut short, a shard that is gone."""
    write_set(tmp_path)
    found = ShardSet.open(str(tmp_path))
    assert [list(file.problems()) for file in found.files] == [[], [], []]
    first, second, third = (Path(file.where) for file in found.files)
    content = bytearray(first.read_bytes())
    content[5000] ^= 1
    first.write_bytes(content)
    second.write_bytes(second.read_bytes()[:-2000])
    third.unlink()
    problems = [list(file.problems()) for file in found.files]
    assert problems[0] == [f"{first}: its content is not that of the manifest (SHA-256)"]
    assert len(problems[1]) == 1
    assert "is not the shard that its manifest records" in problems[1][0] or "cut short" in problems[1][0]
    assert "no shard that can be read" in problems[2][0]


def test_shards_of_the_web(write_set: Any, members: list[Member], web: Any, tmp_path: Path) -> None:
    write_set(web.folder / "sets")
    found = ShardSet.open(f"{web.url}sets/drawn.json")
    spool = Spool(tmp_path, keep=2)
    web.failures += [0]
    assert keys_of(found, spool) == [key for key, *_ in members]
    assert len(list(tmp_path.glob("*.tar"))) == 2  # the oldest went
    assert not list(tmp_path.glob("*.lock"))
    asked = len(web.requests)
    keys_of(ShardSet.open(f"{web.url}sets/drawn.json"), Spool(tmp_path, keep=4))
    assert len(web.requests) == asked + 2  # the manifest, and the shard that had gone
    assert [s.key for s in read_shard(f"{web.url}sets/drawn-000001.tar")] == [key for key, *_ in members[5:9]]


def test_several_readers_fetch_a_shard_once(write_set: Any, web: Any, tmp_path: Path) -> None:
    write_set(web.folder)
    found = ShardSet.open(f"{web.url}drawn.json")
    threads = [threading.Thread(target=keys_of, args=(found, Spool(tmp_path, keep=8))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(web.requests) == ["/drawn-000000.tar", "/drawn-000001.tar", "/drawn-000002.tar", "/drawn.json"]


def test_a_shard_of_the_web_that_was_changed(
    write_set: Any, web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "_FIRST_PAUSE_S", 0.001)
    write_set(web.folder)
    found = ShardSet.open(f"{web.url}drawn.json")
    tar = web.folder / "drawn-000000.tar"
    tar.write_bytes(tar.read_bytes()[::-1])
    with pytest.raises(DataError, match=r"drawn-000000\.tar: cannot be read \(its content is not that"):
        found.files[0].open(Spool(tmp_path, keep=2))
    assert not [path for path in tmp_path.iterdir() if path != web.folder]
