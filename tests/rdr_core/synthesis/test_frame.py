"""The matrices of a frame: a clip space that agrees with the camera, and a lamp that sees what it lights."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.synthesis.frame import FRAME_BYTES, clip_from_view, frame_block, lamp_from_view
from rdr_core.synthesis.surface import Camera, Lighting, Material, Surface

cameras = st.builds(
    Camera,
    size_px=st.sampled_from([64, 160, 513]),
    scale_px_per_cm=st.floats(2, 40),
    center_px=st.tuples(st.floats(-20, 600), st.floats(-20, 600)),
    distance_cm=st.one_of(st.just(float("inf")), st.floats(25, 200)),
)


@given(cameras, st.integers(0, 2**32 - 1))
def test_clip_space_agrees_with_the_camera(camera: Camera, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-18, 18, (40, 3))
    matrix = clip_from_view(camera, 20.0, -30.0).astype(np.float64)
    clip = np.pad(points, ((0, 0), (0, 1)), constant_values=1) @ matrix.T
    assert (clip[:, 3] > 0).all()
    device = clip[:, :3] / clip[:, 3:]
    picture = (device[:, :2] + 1) / 2 * camera.size_px  # the framebuffer's rows are the picture's, from the top
    np.testing.assert_allclose(picture, camera.project(points), atol=2e-3 * max(1, np.abs(picture).max() / 500))
    assert (np.abs(device[:, 2]) < 1).all()
    nearer = np.argsort(-points[:, 2])
    assert (np.diff(device[nearer, 2]) >= 0).all()  # GL's depth grows away from the viewer


def test_the_depth_range_is_used_whole() -> None:
    for distance in (float("inf"), 60.0):
        matrix = clip_from_view(Camera(64, 4.0, (32, 32), distance), 10.0, -25.0)
        ends = matrix @ np.array([[0, 0, 10, 1], [0, 0, -25, 1]], float).T
        np.testing.assert_allclose(ends[2] / ends[3], [-1, 1], atol=1e-5)


def test_all_behind_the_camera_is_no_error() -> None:
    assert np.isfinite(clip_from_view(Camera(64, 4.0, (32, 32), 30.0), 80.0, 50.0)).all()


@given(st.integers(0, 2**32 - 1))
def test_the_lamp_sees_the_receivers_nearest_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(3)
    direction /= np.linalg.norm(direction)
    points = rng.uniform(-20, 20, (50, 3))
    receivers = points[:20] * 0.5
    matrix, per_cm = lamp_from_view(points, receivers, direction)
    to_map = np.pad(receivers, ((0, 0), (0, 1)), constant_values=1) @ matrix.T.astype(float)
    assert to_map[:, :2].min() > 0
    assert to_map[:, :2].max() < 1
    depth = (np.pad(points, ((0, 0), (0, 1)), constant_values=1) @ matrix.T.astype(float))[:, 2]
    assert depth.min() >= 0
    assert depth.max() <= 1
    assert (np.diff(depth[np.argsort(-points @ direction)]) >= -1e-6).all()
    lengths = np.linalg.norm(matrix[:2, :3].astype(float), axis=1)
    np.testing.assert_allclose(lengths, per_cm, rtol=1e-5)  # square, so that shadows are as soft both ways


def test_the_block_has_the_size_that_the_shaders_expect() -> None:
    triangle = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    surface = Surface(Material.SKIN, triangle, triangle, np.array([[0, 1, 2]], np.int32))
    lighting = Lighting(0, 0.3, 1.0, np.array([0, 0, 1], np.float32), np.ones(3, np.float32))
    block = frame_block([surface], Camera(64, 4.0, (32, 32)), lighting, np.ones((9, 3), np.float32), 2)
    assert len(block) == FRAME_BYTES
    assert np.isfinite(np.frombuffer(block, np.float32)).all()
