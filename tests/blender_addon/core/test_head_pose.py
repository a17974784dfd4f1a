from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import AddonError
from blender_addon.core.head_pose import (
    HeadConfig,
    HeadPose,
    HeadRest,
    euler_from_quaternion,
    head_pose,
    model_to_rig,
    quaternions_from_euler,
    rest_of,
)
from blender_addon.core.protocol import FaceFrame
from blender_addon.core.quaternions import matrix_from_quaternion

from .conftest import frame_of

ANGLES = st.tuples(st.floats(-1.4, 1.4), st.floats(-3, 3), st.floats(-3, 3))


def turned(pitch: float = 0, yaw: float = 0, roll: float = 0, **changes: object) -> FaceFrame:
    quaternion = quaternions_from_euler(np.array([pitch, yaw, roll])).tolist()
    return frame_of(0, **({"quaternion": quaternion} | changes))


def rotated(pose: HeadPose, vector: tuple[float, float, float]) -> np.ndarray:
    found: np.ndarray = np.array(matrix_from_quaternion(pose.quaternion)) @ vector
    return found


FORWARD, UP, LEFT = (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)
"""Of a character in Blender that looks along -Y."""


def test_yaw_looks_to_the_characters_left_pitch_up_roll_leans_to_its_left() -> None:
    rest, config = HeadRest(), HeadConfig()
    assert rotated(head_pose(turned(yaw=0.3), rest, config), FORWARD)[0] == pytest.approx(math.sin(0.3), abs=1e-6)
    assert rotated(head_pose(turned(pitch=0.3), rest, config), FORWARD)[2] == pytest.approx(math.sin(0.3), abs=1e-6)
    assert rotated(head_pose(turned(roll=0.3), rest, config), UP)[0] == pytest.approx(math.sin(0.3), abs=1e-6)


@pytest.mark.parametrize(("forward", "up"), [("-Y", "Z"), ("Y", "Z"), ("Z", "Y"), ("X", "Z"), ("-Z", "-X")])
def test_any_axes_are_a_rotation_and_look_forward(forward: str, up: str) -> None:
    axes = model_to_rig(forward, up)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)
    pose = head_pose(turned(yaw=0.4), HeadRest(), HeadConfig(forward=forward, up=up))
    looks = rotated(pose, tuple((axes @ [0, 0, 1]).tolist()))
    np.testing.assert_allclose(looks, math.sin(0.4) * axes[:, 0] + math.cos(0.4) * axes[:, 2], atol=1e-6)


def test_axes_that_are_none() -> None:
    with pytest.raises(AddonError, match="different axes"):
        HeadConfig(forward="-Y", up="Y")
    with pytest.raises(AddonError, match="one of X"):
        HeadConfig(forward="W")


@given(ANGLES)
def test_euler_angles_there_and_back(angles: tuple[float, float, float]) -> None:
    quaternion = quaternions_from_euler(np.array(angles))
    np.testing.assert_allclose(euler_from_quaternion(quaternion.tolist()), angles, atol=1e-6)


@given(ANGLES)
def test_our_euler_angles_are_the_programs(angles: tuple[float, float, float]) -> None:
    rotation = pytest.importorskip("rdr_core.geometry.rotation", reason="the tracker's program is not installed here")
    np.testing.assert_allclose(
        quaternions_from_euler(np.array(angles)), rotation.quaternion_from_euler(np.array(angles)), atol=1e-12
    )


@given(ANGLES)
def test_at_rest_nothing_moves(angles: tuple[float, float, float]) -> None:
    frame = turned(*angles, translation_px=[100.0, 50.0, 0.0])
    config = HeadConfig(gains=(0.5, 2.0, 1.0), depth_gain=1, scale_gain=1)
    pose = head_pose(frame, rest_of(frame), config)
    np.testing.assert_allclose(abs(pose.quaternion[0]), 1, atol=1e-5)
    np.testing.assert_allclose(pose.location_cm, 0, atol=1e-4)
    assert pose.scale == pytest.approx(1)


def test_a_turn_from_an_oblique_rest_is_about_the_heads_own_axis() -> None:
    rest = turned(pitch=-0.4)  # the camera stands below: the head seems to look down
    looks = turned(pitch=-0.4, yaw=0.3)
    own = head_pose(looks, rest_of(rest), HeadConfig())
    assert abs(rotated(own, UP)[2]) > 0.95


def test_gains() -> None:
    frame = turned(pitch=0.1, yaw=0.2, roll=0.3)
    half = head_pose(frame, HeadRest(), HeadConfig(gains=(1.0, 0.5, 0.0)))
    same = head_pose(turned(pitch=0.1, yaw=0.1), HeadRest(), HeadConfig())
    np.testing.assert_allclose(half.quaternion, same.quaternion, atol=1e-6)


def test_position_depth_and_scale() -> None:
    rest = rest_of(frame_of(0, translation_px=[320.0, 240.0, 0.0], scale_px_per_cm=10.0))
    moved = frame_of(1, translation_px=[420.0, 140.0, 0.0], scale_px_per_cm=20.0)
    pose = head_pose(moved, rest, HeadConfig(depth_gain=1, distance_cm=60, scale_gain=0.5))
    np.testing.assert_allclose(pose.location_cm, [5, -30, 5], atol=1e-6)  # left, toward the camera, up
    assert pose.scale == pytest.approx(1.5)
    still = head_pose(moved, rest, HeadConfig(position_gain=0))
    assert (still.location_cm, still.scale) == ((0, 0, 0), 1)
    lost = frame_of(2, tracked=False, scale_px_per_cm=0.0)
    assert head_pose(lost, rest, HeadConfig(depth_gain=1, scale_gain=1)).scale == 1


def test_fading_goes_to_rest_along_the_same_turn(make_frame: Callable[..., FaceFrame]) -> None:
    pose = HeadPose((math.cos(0.4), math.sin(0.4), 0, 0), (2.0, 4.0, 6.0), 1.5)
    half = pose.faded(0.5)
    np.testing.assert_allclose(half.quaternion, [math.cos(0.2), math.sin(0.2), 0, 0], atol=1e-9)
    assert (half.location_cm, half.scale) == ((1, 2, 3), 1.25)
    assert pose.faded(0).quaternion == (1, 0, 0, 0)
    assert pose.faded(1) is pose
