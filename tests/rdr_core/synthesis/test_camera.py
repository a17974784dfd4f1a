"""Sampled poses and cameras: how often, how far, and whether the face is in the picture."""

from __future__ import annotations

import numpy as np
import pytest

from rdr_core.errors import ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.weak_perspective import fit_pose
from rdr_core.landmarks import MIRROR
from rdr_core.synthesis.camera import CameraConfig, HeadPlacement, face_middle, sample_camera, sample_pose
from rdr_core.synthesis.surface import Camera
from rdr_core.types import Float32

SIZE = 160


@pytest.fixture(scope="module")
def poses() -> Float32:
    rng = np.random.default_rng(1)
    return np.degrees(np.stack([sample_pose(rng) for _ in range(6000)]))


@pytest.fixture(scope="module")
def heads(face_model: DynamicExpressionModel) -> list[Float32]:
    """Return the landmarks of one head in 300 poses, view frame."""
    rng = np.random.default_rng(2)
    landmarks = face_model.face()[face_model.topology.landmarks]
    pivot = face_middle(face_model)
    return [HeadPlacement(sample_pose(rng), pivot).points(landmarks) for _ in range(300)]


def test_yaw_is_spread_as_stated(poses: Float32) -> None:
    yaw = np.abs(poses[:, 1])
    shares = np.histogram(yaw, [0, 20, 45, 75, 90.01])[0] / len(yaw)
    np.testing.assert_allclose(shares, [0.35, 0.25, 0.25, 0.15], atol=0.03)
    assert abs((poses[:, 1] > 0).mean() - 0.5) < 0.03


def test_pitch_and_roll_are_mostly_small_with_a_tail(poses: Float32) -> None:
    pitch, roll = np.abs(poses[:, 0]), np.abs(poses[:, 2])
    assert max(pitch.max(), roll.max()) <= 45
    assert max(np.median(pitch), np.median(roll)) < 12
    assert 0.02 < (pitch > 30).mean() < 0.15
    assert 0.02 < (roll > 30).mean() < 0.15


def test_pitch_shrinks_toward_profile(poses: Float32) -> None:
    frontal = np.abs(poses[:, 1]) < 20
    profile = np.abs(poses[:, 1]) > 75
    assert np.abs(poses[profile, 0]).max() < 45 * 0.75
    assert poses[profile, 0].std() < 0.85 * poses[frontal, 0].std()


def test_heads_turn_no_further_than_asked_and_the_default_draws_what_it_drew() -> None:
    rng = np.random.default_rng(5)
    yaw = np.degrees([abs(sample_pose(rng, 40.0)[1]) for _ in range(500)])
    assert 35 < yaw.max() <= 40
    first, second = sample_pose(np.random.default_rng(3)), sample_pose(np.random.default_rng(3), 90.0)
    np.testing.assert_array_equal(first, second)


def test_pose_is_repeatable() -> None:
    first, second = (sample_pose(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32


def test_head_turns_about_the_middle_of_the_face(face_model: DynamicExpressionModel) -> None:
    pivot = face_middle(face_model)
    landmarks = face_model.face()[face_model.topology.landmarks]
    placement = HeadPlacement(np.radians([10.0, 30.0, -20.0]), pivot)
    np.testing.assert_allclose(placement.points(pivot), 0, atol=1e-6)
    placed = placement.points(landmarks)
    np.testing.assert_allclose(np.linalg.norm(placed, axis=1), np.linalg.norm(landmarks - pivot, axis=1), atol=1e-4)
    assert np.abs(landmarks[MIRROR] * [-1, 1, 1] - landmarks).max() < 0.1  # so that the pivot may lie in the mid plane
    nose = placement.points(landmarks[30]) - placement.points(landmarks[27])
    np.testing.assert_allclose(placement.directions(landmarks[30] - landmarks[27]), nose, atol=1e-5)


@pytest.mark.parametrize("yaw_deg", [-90, -40, 0, 60, 90])
def test_near_camera_sees_the_pose_that_was_meant(face_model: DynamicExpressionModel, yaw_deg: float) -> None:
    landmarks = face_model.face()[face_model.topology.landmarks]
    meant = np.radians([5.0, yaw_deg, 10.0])
    placed = HeadPlacement(meant, face_middle(face_model)).points(landmarks)
    apparent, *_ = fit_pose(landmarks, Camera(SIZE, 5.0, (80.0, 80.0), 30.0).project(placed))
    assert np.degrees(np.abs(apparent - meant)).max() < 6


def test_face_is_framed_with_room(heads: list[Float32]) -> None:
    rng = np.random.default_rng(4)
    sides, centers = [], []
    for landmarks in heads:
        seen = sample_camera(rng, SIZE, landmarks).project(landmarks)
        assert seen.min() > 0.1 * SIZE
        assert seen.max() < 0.9 * SIZE
        sides.append(np.ptp(seen, axis=0).max())
        centers.append((seen.min(axis=0) + seen.max(axis=0)) / 2)
    assert np.median(sides) == pytest.approx(SIZE / 1.9, rel=0.03)
    assert np.std(centers) > 0.015 * SIZE
    assert np.abs(np.mean(centers, axis=0) - SIZE / 2).max() < 0.01 * SIZE


def test_distances(heads: list[Float32]) -> None:
    rng = np.random.default_rng(5)
    distances = np.array([sample_camera(rng, SIZE, head).distance_cm for head in heads * 5])
    near = distances[np.isfinite(distances)]
    assert len(near) / len(distances) == pytest.approx(0.7, abs=0.04)
    assert near.min() >= 25
    assert near.max() <= 120
    assert np.median(near) == pytest.approx(55, rel=0.06)
    assert 0.05 < (near < 35).mean() < 0.2


@pytest.mark.parametrize("pinhole", [0.0, 1.0])
def test_share_of_pinholes_is_a_choice(heads: list[Float32], pinhole: float) -> None:
    rng = np.random.default_rng(6)
    cameras = [sample_camera(rng, SIZE, head, CameraConfig(pinhole=pinhole)) for head in heads[:20]]
    assert all(np.isfinite(camera.distance_cm) == bool(pinhole) for camera in cameras)


@pytest.mark.parametrize(
    "options",
    [
        {"pinhole": 1.1},
        {"nearest_cm": 10},
        {"nearest_cm": 200},
        {"usual_cm": 20},
        {"room": 0.9},
        {"room_std": -1},
        {"shift_std": -0.1},
    ],
)
def test_impossible_cameras_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        CameraConfig(**options)


def test_needs_68_points() -> None:
    with pytest.raises(ConfigError, match="68"):
        sample_camera(np.random.default_rng(0), SIZE, np.zeros((5, 3), np.float32))
