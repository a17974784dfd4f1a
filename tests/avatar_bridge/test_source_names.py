from __future__ import annotations

from pathlib import Path

import pytest

from avatar_bridge.errors import BridgeError, StreamError
from avatar_bridge.source_names import check_name, endpoint_of, named_sources, source_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (None, "0")),
        ("front=0", ("front", "0")),
        ("left-2=camera:1", ("left-2", "camera:1")),
        ("a=b=c.mp4", ("a", "b=c.mp4")),
        ("clips/a.mp4", (None, "clips/a.mp4")),
    ],
)
def test_a_name_comes_first(text: str, expected: tuple[str | None, str]) -> None:
    assert source_of(text) == expected


def test_a_file_is_a_file_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "take=3.mp4"
    path.touch()
    assert source_of(str(path)) == (None, str(path))
    assert named_sources([f"front={path}", str(path)]) == {"front": str(path), "take_3": str(path)}


@pytest.mark.parametrize("name", ["", "a b", "-a", "../a", "a/b", "x" * 33, "ä", "a\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BridgeError, match="a source's name must be"):
        check_name(name)
    with pytest.raises(BridgeError, match="a source's name must be"):
        source_of(f"{name}=0")


def test_sources_without_a_name_have_their_own() -> None:
    assert named_sources(["0", "1", "shoot/anna.mp4"]) == {"0": "0", "1": "1", "anna": "shoot/anna.mp4"}
    assert named_sources(["camera:0", "..."]) == {"camera_0": "camera:0", "source": "..."}
    with pytest.raises(BridgeError, match=r"two sources have the name a: .*front=0 left=1"):
        named_sources(["x/a.mp4", "y/a.mp4"])


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        ("tcp://127.0.0.1:5570", "tcp://127.0.0.1:5572", "tcp://127.0.0.1:5574"),
        ("tcp://[::1]:70", "tcp://[::1]:72", "tcp://[::1]:74"),
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
        ("ipc:///tmp/face", "ipc:///tmp/face.1", "ipc:///tmp/face.2"),
    ],
)
def test_each_source_has_its_place(first: str, second: str, third: str) -> None:
    assert [endpoint_of(first, number) for number in range(3)] == [first, second, third]


def test_ports_end() -> None:
    with pytest.raises(StreamError, match="no port 65536 for source 2"):
        endpoint_of("tcp://127.0.0.1:65534", 1)
    with pytest.raises(StreamError, match="an endpoint must be"):
        endpoint_of("face", 1)
