from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_bridge.codec import MAX_MESSAGE_BYTES, decode, encode
from avatar_bridge.errors import WireError
from avatar_bridge.messages import FaceFrame, Hello, Message

MakeFrame = Callable[..., FaceFrame]
GOLDEN = Path(__file__).parents[1] / "golden" / "wire_v1.json"
CASES: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["messages"]


def values_of(message: Message) -> dict[str, Any]:
    """Return a message as plain JSON values, floats as single precision has them."""
    values = {name: getattr(message, name) for name in message.__dataclass_fields__}
    values = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items() if v is not None}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_golden_bytes(case: dict[str, Any]) -> None:
    payload = bytes.fromhex(case["hex"])
    message = decode(payload)
    assert values_of(message) == case["values"]
    assert encode(message) == payload


@given(
    alpha_exp=hnp.arrays(np.float32, 46, elements=st.floats(0, 1, width=32)),
    euler_rad=hnp.arrays(np.float32, 3, elements=st.floats(-3, 3, width=32)),
    translation_px=hnp.arrays(np.float32, 3, elements=st.floats(-1e6, 1e6, width=32)),
    landmarks_px=st.none() | hnp.arrays(np.float64, (68, 2), elements=st.floats(-1e6, 1e6)),
    quaternion=hnp.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.01),
    numbers=st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1)),
    scale_px_per_cm=st.floats(1e-3, 1e6),
    confidence=st.floats(0, 1),
    tracked=st.booleans(),
    session=st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=64),
    user=st.none() | st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=128),
)
def test_round_trip_of_frames(quaternion: np.ndarray, numbers: tuple[int, int, int], **values: Any) -> None:
    seq, face_id, time_ns = numbers
    frame = FaceFrame(
        seq=seq,
        face_id=face_id,
        capture_time_ns=time_ns,
        publish_time_ns=time_ns,
        source_size_px=(65535, 1),
        quaternion=quaternion / np.linalg.norm(quaternion),
        **values,
    )
    assert decode(encode(frame)) == frame


def test_round_trip_of_hello() -> None:
    hello = Hello(
        session="s",
        publish_time_ns=5,
        versions={"rdr-live": "0.1.0"},
        rate_hz=29.97,
        faces=2,
        user="Ängström",
        source="left",
    )
    assert decode(encode(hello)) == hello
    assert decode(encode(Hello(session="s"))) == Hello(session="s")


def test_bytes_are_a_msgpack_map_of_single_floats(make_frame: MakeFrame) -> None:
    wire = msgpack.unpackb(encode(make_frame(landmarks_px=None)))
    assert (wire["v"], wire["kind"]) == (1, "face_frame")
    assert "landmarks_px" not in wire
    assert "user" not in wire
    assert encode(make_frame()).count(struct.pack(">Bf", 0xCA, 12.5)) >= 1
    assert len(encode(make_frame(landmarks_px=None))) < 600
    assert len(encode(make_frame())) < 1400


def changed(frame: FaceFrame, **changes: Any) -> bytes:
    payload: bytes = msgpack.packb(msgpack.unpackb(encode(frame)) | changes)
    return payload


def test_unknown_keys_are_ignored_and_whole_numbers_are_numbers(make_frame: MakeFrame) -> None:
    payload = changed(make_frame(), iris=[1, {"a": None}], scale_px_per_cm=12, translation_px=[1, 2, 0], user=None)
    assert decode(payload) == make_frame(scale_px_per_cm=12.0, translation_px=[1.0, 2.0, 0.0])


@pytest.mark.parametrize("version", [2, 0, "1", 1.0, True, None])
def test_another_version_is_refused_and_both_are_named(make_frame: MakeFrame, version: Any) -> None:
    with pytest.raises(WireError, match=rf"version {version!r}, this program 1"):
        decode(changed(make_frame(), v=version))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "body_frame"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": ["face_frame"]}, "kind"),
        ({"kind": "hello", "blendshape_names": None}, "blendshape_names"),
        ({"kind": "hello", "versions": {"a": ["b"]}}, "versions"),
        ({"seq": True}, "seq"),
        ({"scale_px_per_cm": "1.0"}, "scale_px_per_cm"),
        ({"alpha_exp": [float("nan")] * 46}, "alpha_exp"),
        ({"alpha_exp": b"\0" * 46}, "alpha_exp"),
        ({"landmarks_px": [0.0] * 136}, "landmarks_px"),
    ],
)
def test_a_wrong_field_is_refused(make_frame: MakeFrame, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(WireError, match=said):
        decode(changed(make_frame(), **changes))


def test_missing_fields_are_named(make_frame: MakeFrame) -> None:
    wire = msgpack.unpackb(encode(make_frame()))
    del wire["seq"], wire["quaternion"]
    with pytest.raises(WireError, match="face_frame lacks seq, quaternion"):
        decode(msgpack.packb(wire))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x80\x80",
        b"hello",
        b"\xa2\xff\xfe",
        b"\x81\xa1v",
        b"\x81\xc0\x01",
        b"\x81\x90\x01",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 5000,
        b"\x81\xa1v" * 5000,
        b"\xd6\xff\xff\xff\xff\xff",
        b"\xc7\x0c\xff" + b"\xff" * 12,
        msgpack.packb([1, 2, 3]),
        msgpack.packb({"v": 1, "kind": "hello", "session": "x" * 5000}),
        msgpack.packb({"v": 1, "kind": "face_frame", "alpha_exp": [0.0] * 2000}),
        b"\0" * (MAX_MESSAGE_BYTES + 1),
    ],
)
def test_garbage_is_one_line_of_wire_error(payload: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode(payload)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(payload: bytes) -> None:
    with pytest.raises(WireError):
        decode(payload)


@settings(max_examples=300)
@given(st.data())
def test_damaged_messages_raise_nothing_else(data: st.DataObject) -> None:
    payload = bytearray.fromhex(data.draw(st.sampled_from(CASES))["hex"])
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    payload = payload[: data.draw(st.integers(0, len(payload)))] if data.draw(st.booleans()) else payload
    try:
        message = decode(bytes(payload))
    except WireError:
        return
    assert decode(encode(message)) == message  # a message that got through is a whole one


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.data())
def test_any_value_in_any_field_raises_nothing_else(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(CASES))
    wire = msgpack.unpackb(bytes.fromhex(case["hex"]))
    wire[data.draw(st.sampled_from(sorted(wire)))] = data.draw(JSON_LIKE)
    try:
        message = decode(msgpack.packb(wire))
    except WireError:
        return
    assert decode(encode(message)) == message
