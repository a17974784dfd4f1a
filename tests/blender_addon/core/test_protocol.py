from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blender_addon.core.errors import WireError
from blender_addon.core.protocol import MAX_MESSAGE_BYTES, FaceFrame, Hello, Message, decode
from blender_addon.core.shapes import SHAPE_NAMES

GOLDEN = Path(__file__).parents[2] / "golden" / "wire_v1.json"
CASES: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["messages"]


def values_of(message: Any) -> dict[str, Any]:
    """Return a message of either side as plain JSON values."""
    values = {name: getattr(message, name) for name in message.__dataclass_fields__}
    values = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items() if v is not None}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def read_by_the_sender(payload: bytes) -> dict[str, Any] | str:
    """Return what the sender's own codec makes of bytes: values, or why they are no message."""
    codec = pytest.importorskip("avatar_bridge.codec", reason="the sender's program is not installed here")
    from avatar_bridge.errors import WireError as TheirWireError

    try:
        return values_of(codec.decode(payload))
    except TheirWireError as error:
        return str(error)


def read_here(payload: bytes) -> dict[str, Any] | str:
    try:
        return values_of(decode(payload))
    except WireError as error:
        return str(error)


def alike(payload: bytes) -> bool:
    """Whether both sides read the same, or both refuse."""
    theirs, ours = read_by_the_sender(payload), read_here(payload)
    return isinstance(theirs, str) and isinstance(ours, str) if isinstance(theirs, str) else theirs == ours


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_golden_bytes(case: dict[str, Any]) -> None:
    assert values_of(decode(bytes.fromhex(case["hex"]))) == case["values"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_sender_reads_the_same(case: dict[str, Any]) -> None:
    assert alike(bytes.fromhex(case["hex"]))


def golden(name: str, **changes: Any) -> bytes:
    wire = msgpack.unpackb(bytes.fromhex(next(case["hex"] for case in CASES if case["name"] == name)))
    payload: bytes = msgpack.packb(wire | changes, use_single_float=True)
    return payload


def frame_of(payload: bytes) -> FaceFrame:
    message: Message = decode(payload)
    assert isinstance(message, FaceFrame)
    return message


def test_unknown_keys_and_whole_numbers_pass() -> None:
    frame = frame_of(golden("frame", iris=[1, {"a": None}], scale_px_per_cm=12, user=None))
    assert frame.scale_px_per_cm == 12.0
    assert frame.user is None
    assert not frame.alpha_exp.flags.writeable


def test_hello_names_the_shapes() -> None:
    hello = decode(golden("hello"))
    assert isinstance(hello, Hello)
    assert hello.blendshape_names == SHAPE_NAMES
    assert decode(msgpack.packb({"v": 1, "kind": "hello", "session": "s"})).session == "s"


@pytest.mark.parametrize("version", [2, 0, "1", 1.0, True, None])
def test_another_version_is_refused_and_both_are_named(version: Any) -> None:
    with pytest.raises(WireError, match=rf"version {version!r}, this add-on 1: update the older one"):
        decode(golden("frame", v=version))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "body_frame"}, "kind"),
        ({"kind": ["hello"]}, "kind"),
        ({"seq": True}, "seq"),
        ({"seq": -1}, "seq"),
        ({"tracked": 1}, "tracked"),
        ({"session": ""}, "session"),
        ({"session": "a\nb"}, "session"),
        ({"source_size_px": [0, 480]}, "source_size_px"),
        ({"source_size_px": 640}, "source_size_px"),
        ({"confidence": 1.5}, "confidence"),
        ({"scale_px_per_cm": 0}, "scale_px_per_cm"),
        ({"scale_px_per_cm": "1.0"}, "scale_px_per_cm"),
        ({"alpha_exp": [float("nan")] * 46}, "alpha_exp"),
        ({"alpha_exp": [None] * 46}, "alpha_exp"),
        ({"alpha_exp": [0.0] * 45}, "alpha_exp"),
        ({"alpha_exp": b"\0" * 46}, "alpha_exp"),
        ({"quaternion": [1.0, 1.0, 0.0, 0.0]}, "quaternion"),
        ({"euler_rad": [0.0, 4.0, 0.0]}, "euler_rad"),
        ({"translation_px": [float("inf"), 0.0, 0.0]}, "translation_px"),
        ({"landmarks_px": [[0.0, 0.0, 0.0]] * 68}, "landmarks_px"),
        ({"user": 5}, "user"),
    ],
)
def test_a_wrong_field_is_refused(changes: dict[str, Any], said: str) -> None:
    payload = golden("frame", **changes)
    with pytest.raises(WireError, match=said):
        decode(payload)
    assert alike(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"hello",
        b"\x81\xa1v",
        b"\x81\x90\x01",
        b"\xdf\xff\xff\xff\xff",
        b"\x91" * 5000,
        b"\x81\xa1v" * 5000,
        b"\xd6\xff\xff\xff\xff\xff",
        msgpack.packb([1, 2, 3]),
        msgpack.packb({"v": 1, "kind": "hello", "session": "x" * 5000}),
        b"\0" * (MAX_MESSAGE_BYTES + 1),
    ],
)
def test_garbage_is_one_line_of_wire_error(payload: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode(payload)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(CASES), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_messages_are_read_as_the_sender_reads_them(
    case: dict[str, Any], damage: list[tuple[int, int]]
) -> None:
    payload = bytearray.fromhex(case["hex"])
    for place, value in damage:
        payload[place % len(payload)] = value
    assert alike(bytes(payload))


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(CASES), st.integers(0, 100), JSON_LIKE)
def test_any_value_in_any_field_is_read_as_the_sender_reads_it(case: dict[str, Any], field: int, value: Any) -> None:
    wire = msgpack.unpackb(bytes.fromhex(case["hex"]))
    wire[sorted(wire)[field % len(wire)]] = value
    assert alike(msgpack.packb(wire))
