from __future__ import annotations

import numpy as np

from avatar_bridge.codec import decode, encode
from avatar_bridge.fake import FakeFace, shown_in_sweep
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES


def alphas(face: FakeFace, times_s: np.ndarray) -> np.ndarray:
    return np.stack([face.frame("s", n, n, float(time_s)).alpha_exp for n, time_s in enumerate(times_s)])


def test_it_acts_with_the_whole_face_and_smoothly() -> None:
    track = alphas(FakeFace(), np.arange(0, 40, 1 / 60))
    moved = {name for name, most in zip(BLENDSHAPE_NAMES, track.max(axis=0), strict=True) if most > 0.2}
    assert {"JawOpen", "MouthSmile_L", "MouthSmile_R", "EyeClose_L", "EyeClose_R", "BrowInnerUp", "BrowDown_L"} <= moved
    assert track[:, 0].max() > 0.95
    assert np.abs(np.diff(track, axis=0)).max() < 0.3


def test_two_faces_differ_and_each_is_repeatable() -> None:
    times = np.arange(0, 4, 0.2)
    assert np.array_equal(alphas(FakeFace(0), times), alphas(FakeFace(0), times))
    assert not np.allclose(alphas(FakeFace(0), times), alphas(FakeFace(1), times))


def test_a_sweep_shows_every_shape_alone() -> None:
    track = alphas(FakeFace(sweep=True), np.arange(46) + 0.5)
    assert np.allclose(track, np.eye(46), atol=1e-6)
    assert shown_in_sweep(45.9) == BLENDSHAPE_NAMES[45]


def test_its_frames_go_over_the_wire_and_look_like_a_face() -> None:
    for seconds in (0.0, 3.3, 17.8):
        frame = FakeFace().frame("s", 1, 2, seconds)
        assert decode(encode(frame)) == frame
        assert frame.landmarks_px is not None
        left_eye, right_eye, chin = (
            frame.landmarks_px[rows].mean(axis=0) for rows in (slice(42, 48), slice(36, 42), slice(8, 9))
        )
        assert left_eye[0] - right_eye[0] > 40
        assert chin[1] - left_eye[1] > 60
