"""One tar: what is packed is read, equal samples make equal bytes, and what is broken is named."""

from __future__ import annotations

import io
import logging
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdr_core.data.shard import NO_FACE, Member, Shard, pack_shard, read_shard
from rdr_core.errors import DataError


@pytest.fixture
def packed(members: list[Member], tmp_path: Path) -> Path:
    path = tmp_path / "set-000000.tar"
    assert pack_shard(path, members) == (12, 10)
    return path


def tar_of(path: Path, contents: Iterable[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in contents:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_round_trip(packed: Path, members: list[Member]) -> None:
    for sample, (key, jpeg, label) in zip(read_shard(packed), members, strict=True):
        assert (sample.key, sample.jpeg) == (key, jpeg)
        assert sample.image().shape == (128, 128, 3)
        if label is None:
            assert sample.label is None
        else:
            assert sample.label is not None
            np.testing.assert_allclose(sample.label.shape, label.shape, atol=1e-3)
            assert sample.label.source == "drawn"


def test_samples_are_read_in_any_order(packed: Path, members: list[Member]) -> None:
    with Shard(packed) as shard:
        assert len(shard) == 12
        for index in (11, 0, 5, 5, 7):
            assert shard.sample(index).key == members[index][0]
            assert (shard.label(index) is None) == (members[index][2] is None)


def test_equal_samples_make_equal_bytes(packed: Path, members: list[Member], tmp_path: Path) -> None:
    pack_shard(tmp_path / "again.tar", iter(members))
    assert (tmp_path / "again.tar").read_bytes() == packed.read_bytes()
    with tarfile.open(packed) as tar:
        facts = {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode, m.type) for m in tar}
    assert facts == {(0, 0, 0, "", "", 0o644, tarfile.REGTYPE)}


def test_webdataset_reads_it(packed: Path, members: list[Member]) -> None:
    from webdataset.tariterators import group_by_keys, tar_file_expander

    with packed.open("rb") as stream:
        samples = list(group_by_keys(tar_file_expander([{"url": str(packed), "stream": stream}])))
    assert [(s["__key__"], s["jpg"]) for s in samples] == [(key, jpeg) for key, jpeg, _ in members]
    assert samples[5]["json"] == NO_FACE


@pytest.mark.parametrize("key", ["", "a/b", "../a", "a.b", "a b", "ä", "a" * 91])
def test_keys(key: str, members: list[Member], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="keys are up to 90 of"):
        pack_shard(tmp_path / "x.tar", [(key, *members[0][1:])])
    assert not list(tmp_path.iterdir())


def test_what_is_not_packed(members: list[Member], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="used once, got 'face-000'"):
        pack_shard(tmp_path / "x.tar", [members[0], members[0]])
    with pytest.raises(DataError, match=r"x\.tar/a: needs a JPEG"):
        pack_shard(tmp_path / "x.tar", [("a", b"\x89PNG", None)])
    assert not list(tmp_path.iterdir())


def test_no_shard(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tar: no shard that can be read \(No such file"):
        Shard(tmp_path / "none.tar")
    for content in (b"", b"PK\x03\x04" + bytes(2000), b"x" * 512):
        (tmp_path / "x.tar").write_bytes(content)
        with pytest.raises(DataError, match=r"x\.tar: (not a whole tar|the tar is damaged)"):
            list(read_shard(tmp_path / "x.tar"))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_tar_cut_short_is_never_taken_for_whole(packed: Path, share: float) -> None:
    """Its whole samples can still be read, as they were."""
    content = packed.read_bytes()
    with tarfile.open(packed) as tar:
        end = [member.offset_data + member.size for member in tar][-1]
    kept = int(share * (end + 512))  # the last kilobytes of a tar are padding
    cut = packed.with_name("cut.tar")
    cut.write_bytes(content[:kept])
    with pytest.raises(DataError, match=r"cut\.tar: "):
        list(read_shard(cut))
    whole, found = list(read_shard(packed)), list(read_shard(cut, "skip"))
    assert [(s.key, s.jpeg) for s in found] == [(s.key, s.jpeg) for s in whole[: len(found)]]
    assert len(found) >= share * 12 - 2


def test_a_damaged_header_is_not_the_end(packed: Path) -> None:
    """Python's tarfile would end there without a word."""
    content = bytearray(packed.read_bytes())
    with tarfile.open(packed) as tar:
        offset = tar.getmember("face-004.jpg").offset
    content[offset + 130] ^= 0xFF
    packed.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged or cut short after face-003\.json"):
        Shard(packed)
    assert len(list(read_shard(packed, "skip"))) == 4


def test_broken_parts_are_named(members: list[Member], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, jpeg, label = members[0]
    assert label is not None
    good = label.to_json()
    parts = [("a.jpg", jpeg), ("a.json", good), ("b.jpg", jpeg), ("b.json", b'{"face":true}'), ("c.jpg", b"\xff\xd8")]
    path = tar_of(tmp_path / "x.tar", [*parts, ("c.json", good), ("d.jpg", jpeg), ("d.json", good)])
    with pytest.raises(DataError, match=r"x\.tar/b\.json: not a face label"):
        list(read_shard(path))
    with caplog.at_level(logging.WARNING):
        found = list(read_shard(path, "skip"))
    assert [sample.key for sample in found] == ["a", "c", "d"]
    assert "x.tar/b.json" in caplog.text
    with pytest.raises(DataError, match=r"x\.tar/c\.jpg: not a picture"):
        found[1].image()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.jpg"], "a has no picture or no label"),
        (["a.jpg", "a.json", "a.jpg"], r"'a\.jpg' is cut short, too large, there twice"),
        (["a.jpg", "a.json", "../b.jpg"], r"member '\.\./b\.jpg'"),
        (["a.jpg", "a.json", "a.pyd"], r"member 'a\.pyd'"),
    ],
)
def test_what_does_not_belong(names: list[str], message: str, members: list[Member], tmp_path: Path) -> None:
    contents = {"jpg": members[0][1], "json": NO_FACE, "pyd": b"\x80\x04."}
    path = tar_of(tmp_path / "x.tar", [(name, contents[name.rpartition(".")[2]]) for name in names])
    with pytest.raises(DataError, match=message):
        Shard(path)


def test_links_and_lies_about_sizes(members: list[Member], tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    link = tarfile.TarInfo("a.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    huge = tarfile.TarInfo("a.jpg")
    huge.size = 1 << 40
    for member in (link, huge):
        path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
        with pytest.raises(DataError, match=r"member 'a\.jpg' is cut short|not a whole tar"):
            Shard(path)
