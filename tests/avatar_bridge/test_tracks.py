from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avatar_bridge.errors import ConvertError, RecordingError
from avatar_bridge.messages import FaceFrame, Hello
from avatar_bridge.recording import Recorder
from avatar_bridge.retarget import Entry, ShapeMapping
from avatar_bridge.tracks import FaceTrack, read_tracks
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES, MIRROR_EXPRESSION
from rdr_core.geometry.rotation import matrix_from_euler, quaternion_from_euler
from rdr_core.geometry.weak_perspective import project

MakeFrame = Callable[..., FaceFrame]
MakeTrack = Callable[..., FaceTrack]


def record(path: Path, frames: list[FaceFrame]) -> None:
    with Recorder(path, session="test") as take:
        take.write(Hello(session="test"))
        for frame in frames:
            take.write(frame)


def test_a_take_becomes_arrays(tmp_path: Path, make_frame: MakeFrame) -> None:
    frames = [make_frame(seq, tracked=seq != 4, landmarks_px=None) for seq in range(10)]
    record(tmp_path / "t.mcap", frames)
    (track,) = read_tracks(tmp_path / "t.mcap")
    assert track.names == BLENDSHAPE_NAMES
    assert track.time_ns.tolist() == [frame.capture_time_ns for frame in frames]
    np.testing.assert_array_equal(track.weights, [frame.alpha_exp for frame in frames])
    np.testing.assert_array_equal(track.translation_px, [frame.translation_px for frame in frames])
    assert track.tracked.tolist() == [seq != 4 for seq in range(10)]
    assert track.landmarks_px is None
    np.testing.assert_allclose(track.seconds, 0.04 * np.arange(10))
    assert track.rate_hz == pytest.approx(25)


def test_faces_and_sessions_are_kept_apart(tmp_path: Path, make_frame: MakeFrame) -> None:
    frames = [make_frame(seq, face_id=seq % 2) for seq in range(2, 12)] + [make_frame(12), make_frame(13)]
    frames += [make_frame(seq, session="later", face_id=1) for seq in range(20, 24)]
    record(tmp_path / "t.mcap", frames)
    tracks = read_tracks(tmp_path / "t.mcap")
    assert [(t.session, t.face_id, len(t)) for t in tracks] == [("test", 0, 7), ("test", 1, 5), ("later", 1, 4)]
    assert {track.origin_ns for track in tracks} == {frames[0].capture_time_ns}
    assert tracks[2].seconds[0] == pytest.approx(0.04 * 18)


def test_late_and_repeated_frames_are_put_in_order(tmp_path: Path, make_frame: MakeFrame) -> None:
    again = make_frame(2, confidence=0.1)
    record(tmp_path / "t.mcap", [make_frame(seq) for seq in (0, 2, 1)] + [again, make_frame(3)])
    (track,) = read_tracks(tmp_path / "t.mcap")
    np.testing.assert_allclose(track.seconds, [0, 0.04, 0.08, 0.12])
    assert track.confidence.tolist() == [0.75] * 4


def test_progress_is_told(tmp_path: Path, make_frame: MakeFrame) -> None:
    record(tmp_path / "t.mcap", [make_frame(seq, landmarks_px=None) for seq in range(1200)])
    told: list[int] = []
    read_tracks(tmp_path / "t.mcap", told.append)
    assert told == [500, 1000]


def test_takes_without_a_face_are_one_line(tmp_path: Path) -> None:
    record(tmp_path / "t.mcap", [])
    with pytest.raises(ConvertError, match="has no face in it"):
        read_tracks(tmp_path / "t.mcap")
    with pytest.raises(RecordingError, match="cannot open"):
        read_tracks(tmp_path / "missing.mcap")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weights": np.zeros((60, 45))}, "weights of a track must have shape"),
        ({"weights": np.full((60, 46), np.nan)}, "weights of a track must hold numbers"),
        ({"euler_rad": np.full((60, 3), 4.0)}, "euler_rad of a track must hold numbers in -3.14159..3.14159, got 4"),
        ({"quaternion": np.full((60, 4), 0.6)}, "of length 1"),
        ({"tracked": np.ones(60)}, "tracked of a track must have shape"),
        ({"time_ns": np.arange(60)[::-1].copy()}, "times of a track must rise"),
        ({"time_ns": np.zeros(0, int)}, "1 to 10000000 frames, got 0"),
        ({"time_ns": np.arange(60.0)}, "time_ns of a track must have shape"),
        ({"names": ("JawOpen",) * 46}, "differ from each other"),
        ({"landmarks_px": [1]}, "got list"),
    ],
)
def test_no_other_track_can_be_made(make_track: MakeTrack, change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConvertError, match=says):
        make_track(**change)


def test_a_part_is_cut_out(make_track: MakeTrack) -> None:
    track = make_track()
    part = track.cut(0.5, 1.0)
    assert part.origin_ns == track.origin_ns + 500_000_000
    assert 0 <= part.seconds[0] < 0.05
    assert 0.45 < part.seconds[-1] <= 0.5
    kept = (track.seconds >= 0.5) & (track.seconds <= 1.0)
    np.testing.assert_array_equal(part.weights, track.weights[kept])
    assert len(track.cut(None, 0.1)) < 6
    with pytest.raises(ConvertError, match=r"face 3 has no frame from 90 to the end s: it was seen from 0\.00 to"):
        track.cut(90, None)


def test_a_mirrored_track_is_what_a_mirrored_picture_shows(make_track: MakeTrack) -> None:
    track = make_track()
    mirror = track.mirrored()
    np.testing.assert_array_equal(mirror.weights, track.weights[:, MIRROR_EXPRESSION])
    point = np.array([[1.0, 2.0, 3.0]])
    flipped = point * [-1, 1, 1]
    for frame in (0, 30):
        shown = project(point, *camera(track, frame))[0, :2]
        in_mirror = project(flipped, *camera(mirror, frame))[0, :2]
        np.testing.assert_allclose(in_mirror, [640 - shown[0], shown[1]], atol=1e-3)
    np.testing.assert_allclose(mirror.quaternion, quaternion_from_euler(mirror.euler_rad), atol=1e-6)
    again = mirror.mirrored()
    for name in ("weights", "euler_rad", "quaternion", "translation_px", "landmarks_px"):
        np.testing.assert_allclose(getattr(again, name), getattr(track, name), atol=1e-3)
    assert track.landmarks_px is not None
    assert mirror.landmarks_px is not None
    np.testing.assert_allclose(mirror.landmarks_px[:, 0, 0], 640 - track.landmarks_px[:, 16, 0], atol=1e-3)


def camera(track: FaceTrack, frame: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return track.euler_rad[frame].astype(float), track.translation_px[frame], np.array(track.scale_px_per_cm[frame])


def test_shapes_without_a_twin_stay_in_a_mirror(make_track: MakeTrack) -> None:
    track = make_track(names=("blink_Left", "jaw"), weights=np.random.default_rng(0).random((60, 2), np.float32))
    np.testing.assert_array_equal(track.mirrored().weights, track.weights)


def test_the_position_is_in_the_axes_of_the_model(make_track: MakeTrack) -> None:
    track = make_track(translation_px=np.tile(np.array([420.0, 140, 0], np.float32), (60, 1)))
    np.testing.assert_allclose(track.position_cm[:, 0], 100 / track.scale_px_per_cm, rtol=1e-5)
    np.testing.assert_allclose(track.position_cm[:, 1], 100 / track.scale_px_per_cm, rtol=1e-5)
    unseen = replace(track, scale_px_per_cm=np.zeros(60, np.float32))
    assert not unseen.position_cm.any()


def test_retargeting_renames_and_keeps_the_rest(make_track: MakeTrack) -> None:
    track = make_track()
    jaw = track.retargeted(ShapeMapping(("jaw", "none"), (Entry("JawOpen", "jaw", gain=0.5),)))
    assert jaw.names == ("jaw", "none")
    np.testing.assert_allclose(jaw.weights[:, 0], track.weights[:, BLENDSHAPE_NAMES.index("JawOpen")] / 2, atol=1e-6)
    assert jaw.euler_rad is track.euler_rad


def test_quaternions_of_the_fixture_are_the_rotation(make_track: MakeTrack) -> None:
    track = make_track()
    w, x, y, z = track.quaternion[7]
    column = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
    np.testing.assert_allclose(matrix_from_euler(track.euler_rad[7].astype(float))[:, 2], column, atol=1e-6)
