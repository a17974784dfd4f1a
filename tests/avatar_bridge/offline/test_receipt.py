from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.offline.receipt import RECEIPT_VERSION, Receipt, State, read_receipt

WHOLE = Receipt(
    name="day1/anna",
    video="/videos/day1/anna.mp4",
    state="tracked",
    fingerprint="ab" * 32,
    bytes=12345,
    mtime_ns=1_700_000_000_123_456_789,
    files=("anna.mcap", "anna.wav"),
    frames=75,
    frames_said=74,
    frames_with_face=60,
    faces=2,
    duration_s=2.96,
    fps_lowest=25.0,
    fps_highest=25.0,
    width=360,
    height=288,
    sound_s=2.98,
    seconds=1.5,
)


def test_it_is_the_same_when_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "anna.tracked.json"
    WHOLE.write(path)
    assert read_receipt(path) == WHOLE
    assert [other.name for other in path.parent.iterdir()] == [path.name]
    assert (WHOLE.fps, WHOLE.found_percent) == (pytest.approx(25), 80)
    assert (Receipt(name="a", video="a").fps, Receipt(name="a", video="a").found_percent) == (0, 0)


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_is_read(tmp_path: Path, state: State) -> None:
    Receipt(name="a", video="b", state=state).write(tmp_path / "a")
    assert read_receipt(tmp_path / "a") == Receipt(name="a", video="b", state=state)


@pytest.mark.parametrize(
    "change",
    [
        {"version": RECEIPT_VERSION + 1},
        {"version": None},
        {"state": "fine"},
        {"files": ["../other.mcap"]},
        {"files": ["/etc/passwd"]},
        {"files": [""]},
        {"files": "a.mcap"},
        {"files": [["a"]]},
        {"frames": "75"},
        {"frames": True},
        {"frames": 7.5},
        {"duration_s": None},
        {"duration_s": float("nan")},
        {"duration_s": float("inf")},
        {"extra": 1},
    ],
)
def test_what_is_none_is_not_believed(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "a.tracked.json"
    WHOLE.write(path)
    values = json.loads(path.read_text()) | change
    path.write_text(json.dumps(values))
    assert read_receipt(path) is None


@given(st.binary(max_size=200) | st.sampled_from([b"[]", b"{}", b"1", b"[" * 5000, b'{"version": 1}']))
def test_garbage_is_no_receipt(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.tracked.json"
    path.write_bytes(data)
    assert read_receipt(path) is None


def test_none_is_there(tmp_path: Path) -> None:
    assert read_receipt(tmp_path / "a") is None
    assert read_receipt(tmp_path) is None
