from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avatar_bridge.convert.bvh import is_even, write_bvh
from avatar_bridge.errors import ConvertError
from avatar_bridge.resample import at_times, resample
from avatar_bridge.tracks import FaceTrack
from rdr_core.geometry.rotation import matrix_from_euler, quaternion_from_euler

MakeTrack = Callable[..., FaceTrack]


def turn(axis: str, degrees: float) -> np.ndarray:
    """A right-handed rotation about an axis, as BVH defines its channels."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return {
        "X": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "Y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "Z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


def test_another_reader_finds_position_and_rotation(make_track: MakeTrack, tmp_path: Path) -> None:
    bvh = pytest.importorskip("bvh")
    track = resample(make_track(100), 30)
    write_bvh(tmp_path / "head.bvh", track)
    read = bvh.Bvh((tmp_path / "head.bvh").read_text())
    assert read.get_joints_names() == ["Head"]
    assert read.nframes == len(track)
    assert read.frame_time == pytest.approx(1 / 30, abs=1e-9)
    channels = read.joint_channels("Head")
    assert channels == ["Xposition", "Yposition", "Zposition", "Yrotation", "Xrotation", "Zrotation"]
    rows = np.array(read.frames_joint_channels("Head", channels))
    np.testing.assert_allclose(rows[:, :3], track.position_cm, atol=1e-6)
    for row, euler in zip(rows, track.euler_rad.astype(float), strict=True):
        rotation = np.eye(3)
        for channel, degrees in zip(channels[3:], row[3:], strict=True):
            rotation = rotation @ turn(channel[0], degrees)
        np.testing.assert_allclose(rotation, matrix_from_euler(euler), atol=1e-6)


def test_uneven_tracks_are_resampled_by_time(make_track: MakeTrack, tmp_path: Path) -> None:
    bvh = pytest.importorskip("bvh")
    track = make_track(100)
    assert not is_even(track)
    write_bvh(tmp_path / "head.bvh", track)
    read = bvh.Bvh((tmp_path / "head.bvh").read_text())
    times = track.origin_ns + np.round(np.arange(read.nframes) * read.frame_time * 1e9).astype(np.int64)
    assert times[-1] == pytest.approx(track.time_ns[-1], abs=1.1e9 / track.rate_hz)
    found = np.array(read.frames_joint_channels("Head", ["Yrotation"]))[:, 0]
    np.testing.assert_allclose(found, np.degrees(at_times(track, times).euler_rad[:, 1]), atol=1e-3)


def test_angles_do_not_jump(make_track: MakeTrack, tmp_path: Path) -> None:
    bvh = pytest.importorskip("bvh")
    euler = np.zeros((60, 3))
    euler[:, 1] = np.linspace(2.5, 4.0, 60)
    euler = (euler + np.pi) % (2 * np.pi) - np.pi
    track = make_track(60, euler_rad=euler.astype(np.float32), quaternion=quaternion_from_euler(euler))
    write_bvh(tmp_path / "head.bvh", track)
    found = np.array(bvh.Bvh((tmp_path / "head.bvh").read_text()).frames_joint_channels("Head", ["Yrotation"]))
    assert np.abs(np.diff(found[:, 0])).max() < 5


def test_a_single_frame_is_no_motion(make_track: MakeTrack, tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="two frames at least"):
        write_bvh(tmp_path / "head.bvh", make_track(1))
    assert not list(tmp_path.iterdir())
