from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.convert.take_file import write_take
from avatar_bridge.errors import ConvertError
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.recording import read_take
from avatar_bridge.tracks import FaceTrack, read_tracks

MakeTrack = Callable[..., FaceTrack]
MakeFrame = Callable[..., FaceFrame]


def test_a_track_becomes_a_take_and_back(make_track: MakeTrack, tmp_path: Path) -> None:
    track = make_track(user="anna")
    write_take(tmp_path / "new" / "t.mcap", track)
    messages = list(read_take(tmp_path / "new" / "t.mcap"))
    assert isinstance(messages[0], Hello)
    assert messages[0].rate_hz == pytest.approx(track.rate_hz, rel=1e-6)
    assert [m.seq for m in messages if isinstance(m, FaceFrame)] == list(range(60))
    (back,) = read_tracks(tmp_path / "new" / "t.mcap")
    assert (back.names, back.face_id, back.session, back.user) == (track.names, 3, "test", "anna")
    for name in ("time_ns", "weights", "euler_rad", "translation_px", "scale_px_per_cm", "tracked", "landmarks_px"):
        np.testing.assert_array_equal(getattr(back, name), getattr(track, name), err_msg=name)
    np.testing.assert_allclose(back.quaternion, track.quaternion, atol=1e-6)


def test_a_take_is_never_replaced(make_track: MakeTrack, tmp_path: Path) -> None:
    path = tmp_path / "t.mcap"
    write_take(path, make_track(3))
    before = path.read_bytes()
    with pytest.raises(ConvertError, match="there already, and a take is never replaced"):
        write_take(path, make_track(5))
    assert path.read_bytes() == before


def test_what_a_take_cannot_hold_is_one_line(make_track: MakeTrack, tmp_path: Path) -> None:
    other = make_track(3, names=("a",), weights=np.zeros((3, 1), np.float32))
    with pytest.raises(ConvertError, match="leave --names and --mapping away"):
        write_take(tmp_path / "t.mcap", other)
    track = make_track(3)
    lost = replace(track, scale_px_per_cm=np.zeros(3, np.float32))
    with pytest.raises(ConvertError, match="frame 0 is none that a take can hold: scale_px_per_cm") as caught:
        write_take(tmp_path / "u.mcap", lost)
    assert "\n" not in str(caught.value)
    overdone = replace(track, weights=1.5 * np.ones((3, 46), np.float32))
    write_take(tmp_path / "v.mcap", overdone)
    assert (read_tracks(tmp_path / "v.mcap")[0].weights == 1).all()


def test_what_is_broken_off_leaves_nothing(make_track: MakeTrack, tmp_path: Path) -> None:
    def stop(frames: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_take(tmp_path / "t.mcap", make_track(5), stop)
    assert not list(tmp_path.iterdir())
