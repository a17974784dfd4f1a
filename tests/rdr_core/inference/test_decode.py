"""From crop units to image pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.crop import Crop
from rdr_core.errors import DataError
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.geometry.weak_perspective import project
from rdr_core.inference.decode import decode, in_floats, in_pairs, network_input, to_image

CROPS = st.builds(
    Crop,
    st.tuples(st.floats(0, 600), st.floats(0, 400)).map(lambda c: np.array(c, np.float32)),
    st.floats(20, 900),
    st.just(64),
    st.floats(-3.1, 3.1),
)


def outputs_of(euler: np.ndarray, crop: Crop) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What a perfect network would say of the mean face at a pose in the crop, and its landmarks, crop units."""
    model = default_face_model()
    points = model.face()[model.topology.landmarks].astype(np.float64)
    pose = np.array([*euler, 0.5, 0.45, 0.0, 0.04])
    placed = project(points, pose[:3], pose[3:5], pose[6])
    shapes = np.stack([placed[:, :2] + 1, placed[:, :2]])[None]  # the last step counts
    return {
        "shapes": shapes.astype(np.float32),
        "projected_shapes": shapes.astype(np.float32) + 0.01,
        "landmarks_3d": placed[None].astype(np.float32),
        "pose": pose[None].astype(np.float32),
        "alpha_exp": np.linspace(0, 1, 46, dtype=np.float32)[None],
        "alpha_id": np.ones((1, 50), np.float32),
        "confidence": np.array([0.75], np.float32),
    }, placed


@given(CROPS, st.tuples(st.floats(-0.6, 0.6), st.floats(-1.2, 1.2), st.floats(-0.6, 0.6)).map(np.array))
def test_pose_and_landmarks_agree_in_the_picture(crop: Crop, euler: np.ndarray) -> None:
    """The model posed by the decoded pose lands on the decoded landmarks, in a crop of any turn and size."""
    outputs, placed = outputs_of(euler, crop)
    (face,) = decode(outputs, [crop])
    np.testing.assert_allclose(face.shape, crop.points_to_image(placed[:, :2] * 64), atol=0.05)
    model = default_face_model()
    points = model.face()[model.topology.landmarks].astype(np.float64)
    again = project(
        points, face.pose.euler_rad.astype(np.float64), face.pose.translation_px, np.float64(face.pose.scale_px_per_cm)
    )
    assert np.abs(again - face.landmarks_3d).max() < 0.002 * crop.side_px + 0.05
    np.testing.assert_allclose(face.landmarks_3d[:, :2], face.shape, atol=0.01)
    assert face.confidence == 0.75
    assert face.pose.translation_px[2] == 0
    assert face.projected_shape.shape == (68, 2)


def test_each_crop_its_own_face() -> None:
    crops = [Crop(np.array([100.0, 100.0], np.float32), 64.0, 64), Crop(np.array([300.0, 50.0], np.float32), 128.0, 64)]
    one, _ = outputs_of(np.zeros(3), crops[0])
    both = {name: np.concatenate([value, value]) for name, value in one.items()}
    first, second = decode(both, crops)
    np.testing.assert_allclose(second.shape - [300, 50], 2 * (first.shape - [100, 100]), atol=1e-2)
    assert second.pose.scale_px_per_cm == pytest.approx(2 * first.pose.scale_px_per_cm)


@pytest.mark.parametrize("count", [1, 3])
def test_floats_are_rgb_in_0_to_1(count: int) -> None:
    picture = np.full((80, 80, 3), (0, 51, 255), np.uint8)  # BGR
    crop = Crop(np.array([40.0, 40.0], np.float32), 40.0, 64)
    batch = in_floats(network_input(picture, [crop] * count))
    assert batch.shape == (count, 3, 64, 64)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[-1, :, 32, 32], [1, 0.2, 0], atol=1e-6)


def test_input_is_the_warped_crop() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    crop = Crop(np.array([50.0, 40.0], np.float32), 70.0, 64, 0.5)
    expected = crop.warp(picture)
    for crops in ([crop], [crop, crop]):
        batch = network_input(picture, crops)
        assert batch.dtype == np.uint8
        np.testing.assert_array_equal(batch, np.stack([expected] * len(crops)))
        np.testing.assert_allclose(in_floats(batch)[-1], expected[..., ::-1].transpose(2, 0, 1) / 255, atol=1e-6)


def test_pairs_are_the_same_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3)).astype(np.uint8)
    pairs = in_pairs(pixels)
    assert pairs.shape == (2, 6, 4, 8)
    assert pairs.dtype == np.uint8
    np.testing.assert_array_equal(pairs.reshape(2, 6, 8, 4)[..., :3], pixels)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
    ],
)
def test_what_is_no_picture(picture: np.ndarray) -> None:
    with pytest.raises(DataError, match="a picture must be"):
        network_input(picture, [Crop(np.array([2.0, 2.0], np.float32), 4.0, 64)])


def test_to_image_corners() -> None:
    crop = Crop(np.array([50.0, 40.0], np.float32), 20.0, 64)
    np.testing.assert_allclose(to_image(np.array([[0.0, 0.0], [1.0, 1.0]]), crop), [[40, 30], [60, 50]], atol=1e-4)
