from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.codec import _STREAM, _decode, encode
from avatar_bridge.errors import WireError
from avatar_bridge.fake import FakeFace
from avatar_bridge.frame_reader import read_frame
from avatar_bridge.messages import FaceFrame, Hello

GOLDEN = Path(__file__).parents[1] / "golden" / "wire_v1.json"
FRAME: dict[str, Any] = msgpack.unpackb(encode(FakeFace().frame("a session", 7, 5, 0.4)))
NUMBERS = st.one_of(
    st.floats(width=32), st.floats(), st.integers(-(2**63), 2**64 - 1), st.booleans(), st.none(), st.text(max_size=3)
)
JSON = st.recursive(NUMBERS, lambda inner: st.lists(inner, max_size=4), max_leaves=8)


def by_value(payload: bytes) -> FaceFrame | None:
    """What the other way, value by value, makes of it."""
    try:
        message = _decode(payload, _STREAM)
    except WireError:
        return None
    return message if isinstance(message, FaceFrame) else None


def test_frames_are_taken_and_equal_those_read_value_by_value() -> None:
    payloads = [bytes.fromhex(case["hex"]) for case in json.loads(GOLDEN.read_text(encoding="utf-8"))["messages"]]
    payloads += [encode(FakeFace().frame("s", n, n, n / 9)) for n in range(40)]
    frames = [frame for payload in payloads if (frame := read_frame(payload)) is not None]
    assert len(frames) >= 41
    slowly = [by_value(payload) for payload in payloads]
    assert frames == [frame for frame in slowly if frame is not None]
    assert not frames[0].alpha_exp.flags.writeable


def test_other_messages_are_left_to_others() -> None:
    assert read_frame(encode(Hello(session="s"))) is None
    for payload in (b"", b"\x80", b"\xff" * 9, encode(Hello(session="s"))[:-3], b"\x91" * 5000):
        assert read_frame(payload) is None


@pytest.mark.parametrize("name", sorted(FRAME))
@given(data=st.data())
def test_what_is_taken_is_right(name: str, data: st.DataObject) -> None:
    value = data.draw(JSON)
    if isinstance(FRAME[name], list) and data.draw(st.booleans()):
        value = list(FRAME[name])
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(JSON)
    payload = msgpack.packb(FRAME | {name: value})
    taken = read_frame(payload)
    assert taken is None or taken == by_value(payload)


@pytest.mark.parametrize("name", ["alpha_exp", "quaternion", "euler_rad", "translation_px"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e7])
def test_numbers_that_are_none_are_not_taken(name: str, number: float, make_frame: Callable[..., FaceFrame]) -> None:
    wire = msgpack.unpackb(encode(make_frame()))
    for place in range(len(wire[name])):
        values = list(wire[name])
        values[place] = number
        assert read_frame(msgpack.packb(wire | {name: values}, use_single_float=True)) is None
