"""What is put before faces: how often, in its place, and hiding what it covers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdr_core.errors import ConfigError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_OUTER, MIRROR
from rdr_core.synthesis.camera import HeadPlacement, face_middle, sample_pose
from rdr_core.synthesis.expressions import sample_expression
from rdr_core.synthesis.head_frame import HeadFrame, sample_color, sample_skin
from rdr_core.synthesis.occluders import OTHERS, OccluderConfig, occluder, sample_occluders
from rdr_core.synthesis.surface import Material, Surface
from rdr_core.synthesis.worn import glasses
from rdr_core.types import Float32

SEEDS = st.integers(0, 2**32 - 1)


def posed_landmarks(seed: int) -> tuple[Float32, HeadPlacement]:
    """Return the landmarks of a random head of a random expression and pose, view frame."""
    model = default_face_model()
    rng = np.random.default_rng(seed)
    alpha_id = (model.identity_mean + model.identity_std * rng.normal(size=model.n_identity)).astype(np.float32)
    neutral, offsets = model.landmark_tensor.contract_identity(alpha_id)
    face = neutral + np.tensordot(sample_expression(rng), offsets, axes=1)
    placement = HeadPlacement(sample_pose(rng), face_middle(model))
    return placement.points(face)[model.topology.landmarks_in_subset], placement


@given(SEEDS)
def test_head_frame_turns_with_the_head(seed: int) -> None:
    landmarks, placement = posed_landmarks(seed)
    head = HeadFrame.of(landmarks)
    np.testing.assert_allclose(head.axes @ head.axes.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(head.axes) == pytest.approx(1, abs=1e-4)
    cosine = np.trace(head.axes @ placement.rotation) - 1
    assert cosine > 2 * np.cos(np.radians(8))  # a lopsided identity has no exact straight ahead
    np.testing.assert_allclose(head.landmarks[MIRROR] * [-1, 1, 1], head.landmarks, atol=1e-5)
    assert 5.5 < head.half_width_cm < 9.5
    assert head.eye[0] > 2
    assert head.eye[2] > 3


def check(surface: Surface) -> None:
    """Say what is wrong with a surface that a renderer could not draw."""
    count = len(surface.vertices)
    for array in (surface.vertices, surface.normals):
        assert array.shape == (count, 3)
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1, atol=1e-3)
    assert surface.triangles.dtype == np.int32
    assert surface.triangles.min() >= 0
    assert surface.triangles.max() == count - 1
    assert surface.tint.shape == (3,)
    assert surface.tint.min() >= 0
    assert surface.tint.max() <= 0.9
    assert 0 <= surface.roughness <= 1
    assert surface.opacity == 1 or surface.material == Material.LENS


@pytest.mark.parametrize("name", ["glasses", *OTHERS])
def test_every_thing_can_be_drawn_and_is_near_the_head(name: str) -> None:
    for seed in range(12):
        landmarks, _ = posed_landmarks(seed)
        head, rng = HeadFrame.of(landmarks), np.random.default_rng(seed)
        surfaces = glasses(rng, head) if name == "glasses" else occluder(name, rng, head)
        assert 1 <= len(surfaces) <= 4
        for surface in surfaces:
            check(surface)
        nearest = min(
            np.linalg.norm(surface.vertices - point, axis=1).min() for surface in surfaces for point in landmarks
        )
        assert nearest < 12
        assert sum(len(surface.vertices) for surface in surfaces) < 1500  # streamed with every picture


def in_head(surface: Surface, head: HeadFrame) -> Float32:
    return (surface.vertices - head.origin) @ head.axes.T


@given(SEEDS)
@settings(max_examples=30)
def test_glasses_sit_before_the_eyes_and_on_the_ears(seed: int) -> None:
    landmarks, _ = posed_landmarks(seed)
    head = HeadFrame.of(landmarks)
    frame, lenses = (in_head(surface, head) for surface in glasses(np.random.default_rng(seed), head))
    for eye in (EYE_LEFT, EYE_RIGHT):
        points = head.landmarks[eye]
        near = lenses[np.sign(lenses[:, 0]) == np.sign(points[0, 0])]
        assert (near.min(axis=0)[:2] < points.min(axis=0)[:2] + 0.4).all()
        assert (near.max(axis=0)[:2] > points.max(axis=0)[:2] - 0.4).all()
        assert near[:, 2].min() > points[:, 2].max() - 0.6  # bent back only at the temples
        assert (
            near[np.linalg.norm(near[:, :2] - points.mean(axis=0)[:2], axis=1).argmin(), 2] > points[:, 2].max() + 0.3
        )
    assert frame[:, 2].min() < -4  # behind the ears' front edges
    assert np.abs(frame[:, 0]).max() < head.half_width_cm + 2
    np.testing.assert_allclose(frame[:, 0].max(), -frame[:, 0].min(), atol=0.2)


def test_mask_is_before_the_mouth_and_below_the_eyes() -> None:
    for seed in range(10):
        landmarks, _ = posed_landmarks(seed)
        head = HeadFrame.of(landmarks)
        cloth = in_head(occluder("mask", np.random.default_rng(seed), head)[0], head)
        for point in head.landmarks[LIPS_OUTER]:
            beside = cloth[np.linalg.norm(cloth[:, :2] - point[:2], axis=1).argsort()[:3]]
            assert beside[:, 2].max() > point[2] - 0.3
        assert cloth[:, 1].max() < head.eye[1]


def test_shares(face_model: DynamicExpressionModel) -> None:
    landmarks = HeadPlacement(np.zeros(3), face_middle(face_model)).points(
        face_model.face()[face_model.topology.landmarks]
    )
    rng = np.random.default_rng(1)
    drawn = [sample_occluders(rng, landmarks) for _ in range(600)]
    worn = np.array([any(surface.material == Material.LENS for surface in surfaces) for surfaces in drawn])
    something = np.array([bool(surfaces) for surfaces in drawn])
    assert worn.mean() == pytest.approx(0.25, abs=0.06)
    assert something.mean() == pytest.approx(1 - 0.75 * 0.88, abs=0.06)
    opacity = np.array([s.opacity for surfaces in drawn for s in surfaces if s.material == Material.LENS])
    assert 0.08 < (opacity > 0.5).mean() < 0.38
    assert not any(sample_occluders(rng, landmarks, OccluderConfig(0, 0)) for _ in range(20))
    assert all(len(sample_occluders(rng, landmarks, OccluderConfig(1, 1))) >= 3 for _ in range(20))
    assert sum(OTHERS.values()) == pytest.approx(1)


def test_repeatable_and_in_the_persons_skin() -> None:
    landmarks, _ = posed_landmarks(3)
    always, skin = OccluderConfig(1, 1), np.array([0.3, 0.2, 0.1])
    hands = 0
    for seed in range(20):
        first, second = (sample_occluders(np.random.default_rng(seed), landmarks, always, skin) for _ in range(2))
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.vertices, other.vertices)
            np.testing.assert_array_equal(one.tint, other.tint)
        flesh = [surface for surface in first if surface.material == Material.SKIN]
        hands += len(flesh)
        assert all(np.allclose(surface.tint, skin) for surface in flesh)
    assert hands > 5


def test_colors_are_linear_rgb() -> None:
    rng = np.random.default_rng(0)
    colors = np.stack([sample_color(rng) for _ in range(300)])
    skins = np.stack([sample_skin(rng) for _ in range(300)])
    assert colors.min() >= 0
    assert colors.max() <= 0.9
    assert skins.max() < 0.8
    assert (skins[:, 0] > skins[:, 2]).all()


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="shares"):
        OccluderConfig(glasses=1.2)
    with pytest.raises(ConfigError, match="68"):
        sample_occluders(np.random.default_rng(0), np.zeros((5, 3), np.float32))
