"""Which face takes whose place."""

from __future__ import annotations

from collections.abc import Callable

from avatar_bridge.messages import FaceFrame
from avatar_bridge.places import Places

MakeFrame = Callable[..., FaceFrame]
HOUR = 90_000  # in frames, 25 of them a second


def test_faces_keep_their_places(make_frame: MakeFrame) -> None:
    places = Places()
    assert [places.of(make_frame(n, face_id=7 - n % 2)) for n in range(200)] == [0, 1] * 100


def test_where_there_is_one_place_others_have_none(make_frame: MakeFrame) -> None:
    places = Places(1)
    assert [places.of(make_frame(n, face_id=n % 2)) for n in range(200)] == [0, None] * 100


def test_who_comes_takes_the_place_of_who_left(make_frame: MakeFrame) -> None:
    places = Places(1)
    assert places.of(make_frame(0, face_id=0)) == 0
    assert places.of(make_frame(50, face_id=1)) is None, "not seen for two seconds, and no longer"
    assert places.of(make_frame(51, face_id=1, tracked=False)) is None, "somebody who is not there either"
    assert places.of(make_frame(51, face_id=1)) == 0
    assert places.of(make_frame(52, face_id=0)) is None


def test_the_same_face_after_a_clock_was_set_or_a_sender_started_again(make_frame: MakeFrame) -> None:
    places = Places(1)
    assert places.of(make_frame(2 * HOUR, face_id=0)) == 0
    assert places.of(make_frame(3 * HOUR, face_id=1)) == 0
    assert places.of(make_frame(2 * HOUR, face_id=2)) == 0
    assert places.of(make_frame(2 * HOUR + 1, face_id=0, session="another")) == 0


def test_a_long_session_has_few_places(make_frame: MakeFrame) -> None:
    places = Places()
    assert {places.of(make_frame(60 * n + k, face_id=2 * n + k)) for n in range(500) for k in (0, 1)} == {0, 1}
