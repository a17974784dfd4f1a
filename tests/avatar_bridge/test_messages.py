from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_bridge.errors import WireError
from avatar_bridge.messages import FaceFrame, Hello
from rdr_core.types import FacePrediction, Pose, TrackedFace

MakeFrame = Callable[..., FaceFrame]


def tracked_face(euler_rad: tuple[float, float, float] = (0.0, 0.0, 0.0), **changes: Any) -> TrackedFace:
    pose = Pose(np.array(euler_rad, np.float32), np.array([100, 120, 0], np.float32), 11.0)
    shape = np.linspace(0, 200, 136, dtype=np.float32).reshape(68, 2)
    values = {
        "shape": shape,
        "projected_shape": shape + 1,
        "landmarks_3d": np.zeros((68, 3), np.float32),
        "pose": pose,
        "alpha_exp": np.linspace(0, 1, 46, dtype=np.float32),
        "alpha_id": np.zeros(50, np.float32),
        "confidence": 0.5,
    }
    return TrackedFace(3, True, FacePrediction(**(values | changes)), 4.0)


def frame_of(face: TrackedFace, **changes: Any) -> FaceFrame:
    return FaceFrame.from_tracked_face(
        face, session="s", seq=7, capture_time_ns=9, source_size_px=(640, 480), **changes
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("session", "", "1 to 64"),
        ("session", "a\nb", "printable"),
        ("session", "\ud800", "printable"),
        ("session", 5, "text"),
        ("seq", -1, "seq"),
        ("seq", 2**64, "seq"),
        ("seq", True, "integer"),
        ("seq", 1.0, "integer"),
        ("face_id", -1, "face_id"),
        ("capture_time_ns", 2**63, "capture_time_ns"),
        ("publish_time_ns", None, "publish_time_ns"),
        ("source_size_px", (0, 480), "1..65535"),
        ("source_size_px", (640, 65536), "1..65535"),
        ("source_size_px", (640,), "width and height"),
        ("source_size_px", 640, "width and height"),
        ("tracked", 1, "true or false"),
        ("confidence", 1.01, "confidence"),
        ("confidence", float("nan"), "confidence"),
        ("confidence", True, "number"),
        ("alpha_exp", [0.5] * 45, "45 values"),
        ("alpha_exp", [0.5] * 45 + ["0.5"], "numbers"),
        ("alpha_exp", [0.5] * 45 + [True], "numbers"),
        ("alpha_exp", [0.5] * 45 + [1.001], "alpha_exp"),
        ("alpha_exp", np.full(46, np.nan), "finite"),
        ("alpha_exp", np.zeros((2, 23)), "shape"),
        ("alpha_exp", np.zeros(46, bool), "bool"),
        ("alpha_exp", {"EyeClose_L": 1.0}, "list of 46"),
        ("quaternion", [0.0, 0.0, 0.0, 0.0], "length 1"),
        ("quaternion", [1.0, 0.1, 0.0, 0.0], "length 1"),
        ("quaternion", [2.0, 0.0, 0.0, 0.0], "quaternion"),
        ("euler_rad", [3.15, 0.0, 0.0], "euler_rad"),
        ("translation_px", [0.0, 0.0, float("inf")], "translation_px"),
        ("translation_px", [0.0, 0.0, 1e300], "translation_px"),
        ("scale_px_per_cm", 0.0, "over 0"),
        ("scale_px_per_cm", 1e-60, "over 0"),
        ("scale_px_per_cm", -1.0, "scale_px_per_cm"),
        ("scale_px_per_cm", "12", "number"),
        ("landmarks_px", [[0.0, 0.0]] * 67, "67 values"),
        ("landmarks_px", [[0.0, 0.0]] * 67 + [[0.0]], "1 values"),
        ("landmarks_px", [[0.0, 0.0]] * 67 + [[0.0, float("nan")]], "finite"),
        ("user", "x" * 129, "128"),
        ("user", 4, "text"),
    ],
)
def test_a_wrong_value_is_refused_by_name(make_frame: MakeFrame, field: str, value: Any, said: str) -> None:
    with pytest.raises(WireError, match=said) as caught:
        make_frame(**{field: value})
    assert field in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_limits_themselves_are_allowed(make_frame: MakeFrame) -> None:
    frame = make_frame(
        seq=2**64 - 1,
        capture_time_ns=0,
        publish_time_ns=2**63 - 1,
        euler_rad=[np.pi, -np.pi, 0],
        source_size_px=[1, 65535],
    )
    assert frame.seq == 2**64 - 1
    assert frame.source_size_px == (1, 65535)
    assert make_frame(tracked=False, scale_px_per_cm=0).scale_px_per_cm == 0


def test_a_frame_cannot_be_changed(make_frame: MakeFrame) -> None:
    alpha_exp = np.zeros(46)
    frame = make_frame(alpha_exp=alpha_exp)
    alpha_exp[0] = 1
    assert frame.alpha_exp[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        frame.alpha_exp[0] = 1
    with pytest.raises(FrozenInstanceError):
        frame.seq = 2  # type: ignore[misc]


def test_equality_looks_at_every_value(make_frame: MakeFrame) -> None:
    assert make_frame() == make_frame()
    assert make_frame() != make_frame(user="anna")
    assert make_frame() != make_frame(landmarks_px=None)
    assert make_frame() != make_frame(alpha_exp=np.zeros(46))
    assert make_frame() != "frame"


def test_quaternion_is_normalised_once(make_frame: MakeFrame) -> None:
    frame = make_frame(quaternion=np.array([0.5, 0.5, 0.5, 0.5]) * 1.0008)
    np.testing.assert_allclose(frame.quaternion, 0.5, atol=1e-7)
    assert np.array_equal(replace(frame, seq=1).quaternion, frame.quaternion)


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 1e-2))
def test_normalising_again_changes_nothing(quaternion: list[float]) -> None:
    unit = np.array(quaternion) / np.linalg.norm(quaternion) * 1.0005
    frame = frame_of(tracked_face())
    once = replace(frame, quaternion=unit)
    assert replace(once, seq=1) == replace(once, seq=1, quaternion=once.quaternion.tolist())


@pytest.mark.parametrize(
    ("euler_rad", "nose", "crown"),
    [
        # Where +z (out of the face) and +y (up) go: +x is the subject's left, that is the right of the image.
        ((0.0, 0.0, 0.0), (0, 0, 1), (0, 1, 0)),
        ((0.0, np.pi / 2, 0.0), (1, 0, 0), (0, 1, 0)),
        ((np.pi / 4, 0.0, 0.0), (0, np.sqrt(0.5), np.sqrt(0.5)), (0, np.sqrt(0.5), -np.sqrt(0.5))),
        ((0.0, 0.0, np.pi / 2), (0, 0, 1), (1, 0, 0)),
        ((np.pi / 4, np.pi / 2, 0.0), (np.sqrt(0.5), np.sqrt(0.5), 0), (-np.sqrt(0.5), np.sqrt(0.5), 0)),
    ],
)
def test_quaternion_follows_the_signs_of_the_angles(
    euler_rad: tuple[float, float, float], nose: tuple[float, ...], crown: tuple[float, ...]
) -> None:
    w, x, y, z = frame_of(tracked_face(euler_rad)).quaternion.astype(float)
    third = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
    second = [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)]
    np.testing.assert_allclose(third, nose, atol=1e-6)
    np.testing.assert_allclose(second, crown, atol=1e-6)


def test_from_tracked_face_takes_everything_over() -> None:
    face = tracked_face((0.1, 0.2, 0.3))
    frame = frame_of(face, user="anna")
    assert (frame.face_id, frame.seq, frame.tracked, frame.confidence, frame.user) == (3, 7, True, 0.5, "anna")
    assert (frame.capture_time_ns, frame.publish_time_ns, frame.source_size_px) == (9, 0, (640, 480))
    np.testing.assert_array_equal(frame.alpha_exp, face.prediction.alpha_exp)
    np.testing.assert_array_equal(frame.landmarks_px, face.prediction.shape)
    np.testing.assert_array_equal(frame.translation_px, face.prediction.pose.translation_px)
    np.testing.assert_allclose(frame.euler_rad, [0.1, 0.2, 0.3], rtol=1e-6)
    assert frame_of(face, with_landmarks=False).landmarks_px is None


def test_from_tracked_face_wraps_angles_and_clips_rounding() -> None:
    frame = frame_of(tracked_face((0.0, 2 * np.pi + 0.1, -3.5), alpha_exp=np.full(46, 1 + 1e-6), confidence=1 + 1e-9))
    np.testing.assert_allclose(frame.euler_rad, [0.0, 0.1, 2 * np.pi - 3.5], atol=1e-6)
    assert frame.alpha_exp.max() == 1
    assert frame.confidence == 1


def test_from_tracked_face_refuses_what_is_no_number() -> None:
    with pytest.raises(WireError, match="alpha_exp"):
        frame_of(tracked_face(alpha_exp=np.full(46, np.nan, np.float32)))
    with pytest.raises(WireError, match=r"quaternion|euler"):
        frame_of(tracked_face((np.nan, 0.0, 0.0)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session", ""),
        ("blendshape_names", ("a",) * 46),
        ("blendshape_names", ("a",)),
        ("blendshape_names", "EyeClose_L"),
        ("versions", {"a": 1}),
        ("versions", {str(i): "1" for i in range(33)}),
        ("versions", ["a"]),
        ("rate_hz", -1.0),
        ("rate_hz", float("inf")),
        ("faces", 65),
        ("faces", True),
        ("axes", None),
        ("units", "x" * 513),
        ("source", ""),
        ("source", "x" * 65),
        ("source", 1),
    ],
)
def test_a_wrong_hello_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(WireError, match=field):
        Hello(**({"session": "s"} | {field: value}))
