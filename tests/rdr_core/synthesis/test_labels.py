"""Labels of rendered heads: exact under weak perspective, near under a pinhole, and what hides what."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdr_core.data.label import FaceLabel
from rdr_core.errors import DataError
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, combine, default_face_model
from rdr_core.fitting.contour import visible_landmarks
from rdr_core.geometry.weak_perspective import project
from rdr_core.landmarks import BROW_LEFT, EYE_LEFT, EYE_RIGHT, INNER, JAW, LIPS_INNER, LIPS_OUTER, NOSE_BRIDGE
from rdr_core.synthesis.camera import CameraConfig, HeadPlacement, face_middle, sample_camera, sample_pose
from rdr_core.synthesis.head_frame import HeadFrame
from rdr_core.synthesis.labels import DepthPicture, label_of, residual_statistics
from rdr_core.synthesis.normals import normal_gather, vertex_normals
from rdr_core.synthesis.shapes import box
from rdr_core.synthesis.surface import Camera, Lighting, Material, Surface
from rdr_core.synthesis.worn import glasses
from rdr_core.types import Float32

SIZE = 160
SEEDS = st.integers(0, 2**32 - 1)


def sample_label(seed: int, pinhole: float) -> tuple[FaceLabel, HeadPlacement, Camera]:
    """Label a random head, far from the mean, of a random expression."""
    model = default_face_model()
    rng = np.random.default_rng(seed)
    alpha_id = (model.identity_mean + model.identity_std * rng.normal(size=model.n_identity)).astype(np.float32)
    alpha_exp = (rng.random(model.n_expressions) ** 5).astype(np.float32)
    placement = HeadPlacement(sample_pose(rng), face_middle(model))
    landmarks = placement.points(model.landmark_tensor.contract_identity(alpha_id)[0])[
        model.topology.landmarks_in_subset
    ]
    camera = sample_camera(rng, SIZE, landmarks, CameraConfig(pinhole=pinhole))
    return label_of(model, alpha_id, alpha_exp, placement, camera), placement, camera


def projection_of(label: FaceLabel) -> Float32:
    """Project Q* alone: (n, 3) x, y, depth, px, from the numbers of the label."""
    model = default_face_model()
    face = combine(*model.landmark_tensor.contract_identity(label.alpha_id), label.alpha_exp)
    return project(face, label.euler_rad, label.translation_px, np.float64(label.scale_px_per_cm))


def projected_shape_of(label: FaceLabel) -> Float32:
    """Return S_p (68, 2) of Q* alone."""
    topology = default_face_model().topology
    points = projection_of(label)
    face = combine(*default_face_model().landmark_tensor.contract_identity(label.alpha_id), label.alpha_exp)
    return visible_landmarks(topology, face, label.euler_rad).on(points)[:, :2]


@given(SEEDS)
def test_projecting_the_written_label_gives_its_landmarks(seed: int) -> None:
    label, *_ = sample_label(seed, pinhole=0)
    read = FaceLabel.from_json(label.to_json())
    np.testing.assert_allclose(projected_shape_of(read), read.shape, atol=0.05)
    np.testing.assert_allclose(projected_shape_of(label), label.shape, atol=0.01)
    own = projection_of(label)[default_face_model().topology.own_in_subset]
    np.testing.assert_allclose(own, label.landmarks_3d, atol=0.05)
    np.testing.assert_array_equal(label.shape, label.projected_shape)
    assert label.residual == 0


@given(SEEDS)
@settings(max_examples=30)
def test_pinhole_keeps_the_person_and_fits_the_pose(seed: int) -> None:
    label, placement, camera = sample_label(seed, pinhole=1)
    label.check("label")
    model = default_face_model()
    face = combine(*model.landmark_tensor.contract_identity(label.alpha_id), label.alpha_exp)
    seen = camera.project(placement.points(face))
    np.testing.assert_allclose(label.shape[INNER], seen[model.topology.landmarks_in_subset[INNER]], atol=1e-3)
    np.testing.assert_allclose(label.landmarks_3d[:, :2], seen[model.topology.own_in_subset], atol=1e-3)
    np.testing.assert_allclose(label.projected_shape, projected_shape_of(label), atol=0.01)
    width, height = np.ptp(label.shape, axis=0)
    gap = np.linalg.norm(label.projected_shape - label.shape, axis=1).mean()
    assert label.residual == pytest.approx(gap / np.sqrt(width * height), rel=1e-4)
    assert 0 < label.residual < 0.08


def test_fitted_pose_comes_nearer_than_the_true_one() -> None:
    squares = np.zeros(2)
    for seed in range(20):
        label, placement, _ = sample_label(seed, pinhole=1)
        true = projected_shape_of(FaceLabel(**{**vars(label), "euler_rad": np.asarray(placement.euler_rad)}))
        for k, shape in enumerate((label.projected_shape, true)):
            off = shape - label.shape
            squares[k] += ((off - off.mean(axis=0)) ** 2).sum()
    assert squares[0] < 0.98 * squares[1]


@pytest.mark.parametrize("yaw_deg", [0, 35, 80])
def test_residual_falls_with_distance(face_model: DynamicExpressionModel, yaw_deg: float) -> None:
    placement = HeadPlacement(np.radians([8.0, yaw_deg, -10.0]), face_middle(face_model))
    person = face_model.identity_mean, np.zeros(46, np.float32)
    residuals = [
        label_of(face_model, *person, placement, Camera(SIZE, 5.0, (80.0, 80.0), distance)).residual
        for distance in (25.0, 50.0, 100.0, 400.0, 4000.0)
    ]
    assert all(near > 1.5 * far for near, far in pairwise(residuals))
    assert residuals[-1] < 5e-4


def test_contour_is_what_the_camera_sees(face_model: DynamicExpressionModel) -> None:
    """A near camera sees less of the cheeks, so that the outline lies nearer to the nose."""
    placement = HeadPlacement(np.zeros(3), face_middle(face_model))
    person = face_model.identity_mean, np.zeros(46, np.float32)
    outlines = {}
    for distance in (30.0, float("inf")):
        camera = Camera(SIZE, 5.0, (80.0, 80.0), distance)
        label = label_of(face_model, *person, placement, camera)
        vertices = camera.project(placement.points(face_model.face(*person)))
        lines = vertices[face_model.topology.lines]
        outlines[distance] = label.shape[JAW]
        widest = lines[2, :, 0].min()  # the leftmost vertex of the subject's right cheek at the ear's height
        assert label.shape[2, 0] == pytest.approx(widest, abs=1.0)
    assert np.abs(outlines[30.0] - outlines[float("inf")]).max() > 2


def depth_of(vertices_view: Float32, triangles: np.ndarray, camera: Camera) -> Float32:
    """Return a z-buffer (SIZE, SIZE), cm: the nearest triangle at each pixel's centre."""
    depth = np.full((SIZE, SIZE), -np.inf, np.float32)
    corners, z = camera.project(vertices_view)[triangles].astype(np.float64), vertices_view[triangles, 2]
    a, b, c = (corners[:, k] for k in range(3))
    edges = np.stack([b - a, c - a], axis=-1)
    usable = np.abs(np.linalg.det(edges)) > 1e-9
    corners, z, inverse = corners[usable], z[usable], np.linalg.inv(edges[usable])
    lower, upper = (np.floor(f(corners, axis=1)).astype(int) for f in (np.min, np.max))
    for offset in np.ndindex(*(upper - lower).max(axis=0) + 1):  # one pixel of every triangle's box at a time
        pixel = lower + offset
        weight = np.einsum("tij,tj->ti", inverse, pixel + 0.5 - corners[:, 0])
        inside = (weight >= 0).all(axis=1) & (weight.sum(axis=1) <= 1) & ((pixel >= 0) & (pixel < SIZE)).all(axis=1)
        nearer = z[:, 0] + ((z[:, 1:] - z[:, :1]) * weight).sum(axis=1)
        np.maximum.at(depth, (pixel[inside, 1], pixel[inside, 0]), nearer[inside].astype(np.float32))
    return depth


def look(model: DynamicExpressionModel, euler_deg: list[float], cover: Any = None) -> FaceLabel:
    """Label the mean head turned; `cover` may put something before it in the depth picture."""
    placement = HeadPlacement(np.radians(euler_deg), face_middle(model))
    camera = Camera(SIZE, 5.0, (80.0, 80.0), 60.0)
    depth = depth_of(placement.points(model.face()), model.topology.triangles, camera)
    owner = np.isfinite(depth).astype(np.uint8)
    if cover is not None:
        cover(depth, owner)
    picture = DepthPicture(depth, owner, head=[1])
    return label_of(model, model.identity_mean, np.zeros(46, np.float32), placement, camera, picture)


def test_frontal_face_shows_everything(face_model: DynamicExpressionModel) -> None:
    visible = look(face_model, [0, 0, 0]).visible
    assert visible[EYE_LEFT].all()
    assert visible[EYE_RIGHT].all()
    assert visible[INNER].mean() > 0.95
    assert visible[JAW].mean() > 0.5  # on the very edge of the head, where a pixel decides


@pytest.mark.parametrize(("yaw", "near", "far"), [(80, EYE_RIGHT, EYE_LEFT), (-80, EYE_LEFT, EYE_RIGHT)])
def test_profile_hides_the_far_eye(
    face_model: DynamicExpressionModel, yaw: float, near: np.ndarray, far: np.ndarray
) -> None:
    visible = look(face_model, [0, yaw, 0]).visible
    assert visible[near][[0, 1, 2, 4, 5]].all() or visible[near][[1, 2, 3, 4, 5]].all()
    assert not visible[far].any()
    assert visible[NOSE_BRIDGE].mean() > 0.7


def test_hand_before_the_mouth_hides_it(face_model: DynamicExpressionModel) -> None:
    clear = look(face_model, [0, 0, 0])
    mouth = clear.shape[LIPS_OUTER]
    (left, top), (right, bottom) = (mouth.min(axis=0) - 3).astype(int), (mouth.max(axis=0) + 4).astype(int)

    def cover(depth: Float32, owner: np.ndarray) -> None:
        depth[top:bottom, left:right] += 0.3  # a thin thing on the skin
        owner[top:bottom, left:right] = 2

    visible = look(face_model, [0, 0, 0], cover).visible
    assert not visible[LIPS_OUTER].any()
    assert not visible[LIPS_INNER].any()
    assert visible[BROW_LEFT].all()
    assert visible[EYE_LEFT].all()


def test_what_is_behind_the_head_hides_nothing(face_model: DynamicExpressionModel) -> None:
    def wall(depth: Float32, owner: np.ndarray) -> None:
        owner[~np.isfinite(depth)] = 7
        depth[~np.isfinite(depth)] = -30

    before, after = look(face_model, [0, 40, 0]), look(face_model, [0, 40, 0], wall)
    np.testing.assert_array_equal(before.visible, after.visible)


def test_renderer_and_label_agree(face_model: DynamicExpressionModel, rdr_data: Path, headless_gl: None) -> None:
    """The drawn head hides what the z-buffer says, a hand drawn before its mouth hides that, clear glasses nothing."""
    from rdr_core.synthesis.environment import Environments
    from rdr_core.synthesis.renderer import Renderer

    rng = np.random.default_rng(6)
    placement = HeadPlacement(np.radians([0, 30, 0]), face_middle(face_model))
    camera = Camera(SIZE, 5.0, (80.0, 80.0), 60.0)
    vertices, triangles = placement.points(face_model.face()), face_model.topology.triangles
    normals = vertex_normals(vertices, triangles, normal_gather(triangles, len(vertices)))
    skin = Surface(Material.SKIN, vertices, normals, triangles, tint=np.full(3, 0.4, np.float32))
    head = HeadFrame.of(vertices[face_model.topology.landmarks])
    mouth = head.landmarks[LIPS_OUTER].mean(axis=0)
    hand = head.surface(
        box(np.array([4.5, 3.0, 0.8]), 0.7).moved(np.eye(3), mouth + [0, 0, 2.5]), Material.SKIN, skin.tint
    )
    frame, lenses = glasses(rng, head)
    clear = replace(lenses, opacity=0.1)
    light = Lighting(0, 0.0, 1.0, np.array([0, 0, 1], np.float32), np.ones(3, np.float32))
    seen = {}
    with Renderer(Environments.load(rdr_data / "face_model"), SIZE) as renderer:
        for name, surfaces in {"bare": [skin], "hand": [skin, hand], "lenses": [skin, clear]}.items():
            picture = renderer.draw(surfaces, camera, light)
            depth = DepthPicture(picture.depth, picture.owner, head=[1])
            person = face_model.identity_mean, np.zeros(46, np.float32)
            seen[name] = label_of(face_model, *person, placement, camera, depth).visible
    assert (seen["bare"] == look(face_model, [0, 30, 0]).visible).mean() > 0.95
    assert not seen["hand"][LIPS_OUTER].any()
    np.testing.assert_array_equal(seen["hand"][EYE_RIGHT], seen["bare"][EYE_RIGHT])
    np.testing.assert_array_equal(seen["lenses"], seen["bare"])


def test_nothing_is_seen_outside_of_the_picture() -> None:
    picture = DepthPicture(np.full((SIZE, SIZE), -np.inf, np.float32), np.zeros((SIZE, SIZE), np.uint8), head=[1])
    points = np.full((68, 2), 80.0)
    points[:4] = [[-0.5, 80], [80, -3], [160.2, 80], [80, 1e4]]
    seen = picture.sees(points, np.zeros(68))
    assert not seen[:4].any()
    assert seen[4:].all()


def test_residual_statistics() -> None:
    labels = [sample_label(seed, pinhole=0.7)[0] for seed in range(40)]
    report = residual_statistics(labels)
    residual = np.array([label.residual for label in labels])
    assert 0.1 < report["exact"] < 0.55
    assert report["mean"] == pytest.approx(residual[residual > 0].mean())
    assert report["median"] <= report["p90"] <= report["p99"] <= report["max"] == pytest.approx(residual.max())
    exact = residual_statistics([label for label in labels if label.residual == 0])
    assert exact == {"exact": 1.0, "mean": 0.0, "median": 0.0, "p90": 0.0, "p99": 0.0, "max": 0.0}
    with pytest.raises(DataError, match="at least one"):
        residual_statistics([])
