"""The crop: point maps and pixels agree, also where the picture is shrunk first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdr_core.data.crop import Crop, crop_from_box, crop_from_landmarks, transform_points
from rdr_core.errors import DataError

CROPS = st.builds(
    Crop,
    st.tuples(st.floats(-500, 3000), st.floats(-500, 3000)).map(lambda c: np.array(c, np.float32)),
    st.floats(2, 4000),
    st.sampled_from([64, 128, 256]),
    st.floats(-np.pi, np.pi),
)
POINTS = np.array([[0, 0], [640, 480], [-20, 1000.5], [333.25, 77]], np.float32)


@given(CROPS)
def test_points_there_and_back(crop: Crop) -> None:
    back = crop.points_to_image(crop.points_to_crop(POINTS))
    np.testing.assert_allclose(back, POINTS, atol=0.02 + 1e-6 * np.abs(crop.center_px).max() * crop.scale)


@given(CROPS)
def test_center_and_scale(crop: Crop) -> None:
    np.testing.assert_allclose(crop.points_to_crop(crop.center_px), np.full(2, crop.size / 2), atol=0.1)
    ends = crop.points_to_image(np.array([[0, 0], [crop.size, 0], [crop.size, crop.size]], np.float32))
    np.testing.assert_allclose(np.linalg.norm(np.diff(ends, axis=0), axis=1), crop.side_px, rtol=1e-3)
    across = ends[1] - ends[0]
    assert np.cos(np.arctan2(across[1], across[0]) - crop.roll_rad) > 0.999  # clockwise in the image, y down


def blob(points: np.ndarray, sigma: float, width: int, height: int) -> np.ndarray:
    """Picture of one soft white dot per point, centres of pixels at .5."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    light = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)) for px, py in points)
    return np.repeat((255 * np.clip(light, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def centroid(picture: np.ndarray) -> np.ndarray:
    light = picture[..., 0].astype(np.float64)
    light[light < 20] = 0
    x, y = np.meshgrid(np.arange(light.shape[1]) + 0.5, np.arange(light.shape[0]) + 0.5)
    return np.array([(light * x).sum(), (light * y).sum()]) / light.sum()


@pytest.mark.parametrize("roll", [0.0, 0.4, -2.5])
@pytest.mark.parametrize("side", [40.0, 64.0, 100.0, 127.9, 128.1, 260.0, 333.0])
def test_warp_puts_a_dot_where_points_to_crop_says(side: float, roll: float) -> None:
    """From 1.6 times enlarged to 5 times shrunk, turned: to a tenth of a crop pixel."""
    center = np.array([211.3, 187.7], np.float32)
    crop = Crop(center, side, 64, roll)
    dot = center + side * np.array([0.17, -0.11])
    picture = blob(dot[None], sigma=max(2.0, 0.03 * side), width=420, height=380)
    np.testing.assert_allclose(centroid(crop.warp(picture)), crop.points_to_crop(dot), atol=0.12)


@pytest.mark.parametrize("side", [300.0, 700.0])
def test_shrunk_crops_beyond_the_border(side: float) -> None:
    """The region that is averaged first is cut at the border: its offset must not move the picture."""
    dot = np.array([37.4, 21.9])
    crop = Crop(np.array([10.0, 30.0], np.float32), side, 64, 0.3)
    picture = blob(dot[None], sigma=0.02 * side, width=400, height=300)
    found = crop.warp(picture)
    light = found[..., 0].astype(float)
    x, y = np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5)
    peak = np.array([x.ravel()[light.argmax()], y.ravel()[light.argmax()]])
    np.testing.assert_allclose(peak, crop.points_to_crop(dot), atol=0.8)


def test_shrinking_does_not_alias() -> None:
    """A chequerboard of single pixels becomes grey, not a pattern."""
    picture = np.indices((400, 400)).sum(axis=0) % 2 * np.uint8(255)
    picture = np.repeat(picture[..., None], 3, axis=2).astype(np.uint8)
    crop = Crop(np.array([200, 200], np.float32), 390, 64)
    inner = crop.warp(picture)[4:-4, 4:-4]
    assert np.abs(inner.astype(int) - 127).max() < 20


def test_outside_of_the_picture_is_black() -> None:
    picture = np.full((50, 60, 3), 200, np.uint8)
    assert not Crop(np.array([5000, 5000], np.float32), 100, 64).warp(picture).any()
    assert not Crop(np.array([-5000, 20], np.float32), 4000, 64).warp(picture).any()
    half = Crop(np.array([0, 25], np.float32), 40, 64).warp(picture)
    assert not half[:, :30].any()
    assert (half[10:-10, 34:] == 200).all()
    assert half.shape == (64, 64, 3)


@given(st.floats(-np.pi, np.pi), st.floats(0.1, 5))
def test_crop_around_landmarks_holds_them(roll: float, size: float) -> None:
    points = np.random.default_rng(0).uniform(-60, 60, (68, 2)).astype(np.float32) * np.float32(size) + 300
    crop = crop_from_landmarks(points, 128, roll)
    inside = crop.points_to_crop(points)
    extent = inside.max(axis=0) - inside.min(axis=0)
    assert extent.max() == pytest.approx(128 / 1.4, abs=0.05)
    np.testing.assert_allclose((inside.max(axis=0) + inside.min(axis=0)) / 2, [64, 64], atol=0.05)


def test_crop_around_a_box() -> None:
    crop = crop_from_box(np.array([10, 20, 110, 70]), 128)
    assert crop.center_px.tolist() == [60, 45]
    assert crop.side_px == pytest.approx(140)
    same = crop_from_landmarks(np.array([[10, 20], [110, 70]], np.float32), 128)
    assert same.side_px == pytest.approx(140)


@pytest.mark.parametrize("box", [[0, 0, 0, 5], [5, 5, 1, 9], [0, 0, np.nan, 5], [0, 0, np.inf, 5], [1, 2, 3], []])
def test_absurd_boxes(box: list[float]) -> None:
    with pytest.raises(DataError, match="a box needs four finite numbers"):
        crop_from_box(np.array(box), 128)


@pytest.mark.parametrize(("center", "side"), [((np.nan, 0), 9.0), ((0, 0), 1.0), ((0, 0), np.inf), ((0, 0), np.nan)])
def test_absurd_crops(center: tuple[float, float], side: float) -> None:
    with pytest.raises(DataError, match="a crop needs a finite centre"):
        Crop(np.array(center, np.float32), side, 128)


def test_transform_points_by_hand() -> None:
    affine = np.array([[2, 0, 10], [0, 3, -1]], np.float32)
    assert transform_points(affine, np.array([[1, 1], [0, 2]], np.float32)).tolist() == [[12, 2], [10, 5]]
