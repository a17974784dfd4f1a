"""Environments: what a panorama's light becomes, and that every use of it agrees on where it comes from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdr_core.errors import AssetError
from rdr_core.synthesis.environment import (
    REFLECTION_PX,
    Environments,
    harmonics,
    octahedral_directions,
    sphere_grid,
    turn_y,
)
from rdr_core.types import Float32

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
H, W = 32, 64


def environment_of(radiance: Float32, panorama: Path = Path("none.jpg")) -> Environments:
    return Environments.of_radiance(("test",), radiance[None].astype(np.float32), (panorama,))


def patch(direction: tuple[float, float, float], within_deg: float, high: float = 3.0, low: float = 0.5) -> Float32:
    """(H, W, 3) panorama, brighter within an angle of a direction."""
    grid, _ = sphere_grid(H, W)
    towards = np.array(direction) / np.linalg.norm(direction)
    bright = grid @ towards > np.cos(np.radians(within_deg))
    return np.repeat(np.where(bright, high, low)[..., None], 3, axis=-1).astype(np.float32)


def test_sphere_grid_covers_the_sphere_and_looks_ahead_in_the_middle() -> None:
    directions, weights = sphere_grid(H, W)
    assert weights.sum() == pytest.approx(4 * np.pi, rel=1e-5)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose((directions * weights[..., None]).sum(axis=(0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(
        directions[H // 2 - 1 : H // 2 + 1, W // 2 - 1 : W // 2 + 1].mean((0, 1)), [0, 0, -1], atol=0.01
    )
    assert directions[H // 2, 3 * W // 4, 0] > 0.99  # columns run to the right
    assert directions[0, 0, 1] > 0.99  # rows run down


def test_harmonics_are_orthonormal() -> None:
    directions, weights = sphere_grid(128, 256)
    basis = harmonics(directions).reshape(-1, 9)
    np.testing.assert_allclose(basis.T @ (basis * weights.reshape(-1, 1)), np.eye(9), atol=2e-3)


def test_even_light_is_even_everywhere() -> None:
    environment = environment_of(np.full((H, W, 3), 7.0))
    normals = octahedral_directions(9)
    np.testing.assert_allclose(harmonics(normals) @ environment.irradiance[0], 1, atol=1e-3)
    np.testing.assert_allclose(environment.reflections, 1, atol=1e-3)
    np.testing.assert_array_equal(environment.lamp_colors, 0)


def test_irradiance_is_lamberts_integral() -> None:
    environment = environment_of(patch((0.5, 1.0, 0.3), 50))
    directions, weights = sphere_grid(H, W)
    normals = octahedral_directions(7).reshape(-1, 3)
    cosine = np.maximum(normals @ directions.reshape(-1, 3).T, 0)
    exact = cosine * weights.ravel() @ environment.radiance[0].reshape(-1, 3) / np.pi
    got = harmonics(normals) @ environment.irradiance[0]
    assert got.min() > 0
    np.testing.assert_allclose(got, exact, atol=0.12 * exact.max())  # the second order, and its window


@settings(max_examples=15)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1))
def test_reflections_have_their_light_where_it_comes_from(x: float, y: float, z: float) -> None:
    if np.hypot(np.hypot(x, y), z) < 0.1:
        return
    environment = environment_of(patch((x, y, z), 25))
    grid = octahedral_directions(REFLECTION_PX)
    towards = np.array([x, y, z]) / np.linalg.norm([x, y, z])
    for layer in environment.reflections[0]:
        light = layer @ LUMINANCE
        center = (grid * np.where(light > 0.8 * light.max(), light, 0)[..., None]).sum(axis=(0, 1))
        assert center @ towards / np.linalg.norm(center) > np.cos(np.radians(14))


def test_rougher_reflections_are_softer() -> None:
    layers = environment_of(patch((0, 1, 0), 20)).reflections[0] @ LUMINANCE
    contrast = layers.max(axis=(1, 2)) / layers.min(axis=(1, 2))
    assert (np.diff(contrast) < 0).all()


def test_octahedral_edges_meet() -> None:
    directions = octahedral_directions(REFLECTION_PX)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1, atol=1e-6)
    for edge in (directions[0], directions[-1], directions[:, 0], directions[:, -1]):
        np.testing.assert_allclose(edge, edge[::-1], atol=1e-6)  # else a seam would show


def test_the_strongest_lamp_is_taken_out() -> None:
    radiance = np.ones((H, W, 3), np.float32)
    row, column = 8, 40
    radiance[row, column] = [900.0, 700.0, 500.0]
    environment = environment_of(radiance)
    directions, weights = sphere_grid(H, W)
    direction, color = environment.lamp(0, 0.0)
    np.testing.assert_allclose(direction, directions[row, column], atol=1e-3)
    luminance = environment.radiance[0] @ LUMINANCE
    assert luminance.max() < 0.02 * 700
    assert (luminance * weights).sum() / (4 * np.pi) == pytest.approx(1, rel=1e-3)
    # what was taken out, relative to what is left, is the lamp
    total = (radiance @ LUMINANCE * weights).sum()
    rest_scale = luminance[0, 0] / 1.0
    assert color @ LUMINANCE == pytest.approx(total * rest_scale - 4 * np.pi, rel=1e-2)
    assert color[0] > color[2]


@given(st.floats(-4, 4), st.floats(-1, 1))
def test_turning_agrees_between_lamp_and_backdrop(yaw: float, place: float) -> None:
    size, fov = 64, 1.0
    angle = 0.8 * place * fov / 2  # where the lamp shall be seen after the turn, to the right
    source = angle + yaw
    radiance = np.ones((H, W, 3), np.float32)
    panorama = np.zeros((64, 512, 3), np.uint8)
    column = ((source / (2 * np.pi) + 0.5) % 1) * 512
    x = np.abs((np.arange(512) + 0.5 - column + 256) % 512 - 256)
    panorama[:, x < 3] = 255
    radiance[H // 2, int(column / 512 * W)] = 2000
    environment = environment_of(radiance)
    environment._pictures[0] = panorama
    picture = environment.backdrop(0, yaw, size, fov, blur=0.0).astype(float).mean(axis=(0, 2))
    seen = (picture * (np.arange(size) + 0.5)).sum() / picture.sum()
    assert seen == pytest.approx(size / 2 * (1 + np.tan(angle) / np.tan(fov / 2)), abs=1.0)
    direction, _ = environment.lamp(0, yaw)
    assert np.arctan2(direction[0], -direction[2]) == pytest.approx(angle, abs=2 * np.pi / W)


def test_turning_is_a_rotation_about_the_vertical() -> None:
    np.testing.assert_allclose(turn_y(np.array([0, 0, -1.0]), np.pi / 2), [-1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(turn_y(np.array([0.3, 0.4, -0.5]), 2 * np.pi), [0.3, 0.4, -0.5], atol=1e-6)


def test_blur_spreads_a_point_over_its_radius_and_keeps_the_light(tmp_path: Path) -> None:
    panorama = np.full((512, 1024, 3), 60, np.uint8)
    panorama[253:259, 509:515] = 255
    path = tmp_path / "panorama.png"
    cv2.imwrite(str(path), panorama)
    environment = environment_of(np.ones((H, W, 3)), path)
    sharp, soft = (environment.backdrop(0, 0.0, 160, 0.6, blur)[..., 1].astype(float) for blur in (0.0, 0.06))
    assert sharp.max() > soft.max() > sharp.min() + 10
    width = (soft > (soft.max() + soft.min()) / 2)[80].sum()
    assert 2 * 0.06 * 160 - 3 <= width <= 2 * 0.06 * 160 + 6
    brighter = environment.backdrop(0, 0.0, 160, 0.6, 0.06, gain=2.0)[..., 1]
    assert brighter.mean() > 1.2 * soft.mean()


def test_large_blurred_backdrops_have_the_size_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "panorama.jpg"
    cv2.imwrite(str(path), np.full((64, 128, 3), 128, np.uint8))
    picture = environment_of(np.ones((H, W, 3)), path).backdrop(0, 1.0, 400, 0.7, 0.05)
    assert picture.shape == (400, 400, 3)
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - 128).max() <= 2  # untouched but for the blur


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"no environments that can be read"):
        Environments.load(tmp_path)
    with pytest.raises(AssetError, match="finite, not negative"):
        environment_of(np.full((H, W, 3), np.nan))
    with pytest.raises(AssetError, match=r"need \(E, H, W, 3\)"):
        Environments.of_radiance(("a", "b"), np.ones((1, H, W, 3)), (Path("a"),))
    environment = environment_of(np.ones((H, W, 3)), tmp_path / "gone.jpg")
    with pytest.raises(AssetError, match=r"gone\.jpg: no panorama"):
        environment.backdrop(0, 0.0, 64)
    with pytest.raises(AssetError, match="0 < fov < 3"):
        environment.backdrop(0, 0.0, 64, fov_rad=4.0)


def test_measured_environments(rdr_data: Path) -> None:
    environments = Environments.load(rdr_data / "face_model")
    assert len(environments) == 28
    directions, _ = sphere_grid(*environments.radiance.shape[1:3])
    meadow = environments.radiance[environments.names.index("noon_grass")]
    sky, grass = meadow[directions[..., 1] > 0.5].mean(axis=0), meadow[directions[..., 1] < -0.3].mean(axis=0)
    assert sky[2] > 1.2 * sky[0]  # blue: red comes first
    assert grass[1] > 1.2 * grass[2]
    names = dict(zip(environments.names, environments.lamp_directions, strict=True))
    assert names["noon_grass"][1] > 0.9  # the sun at noon
    # the pictures and the light show the same place, turned the same way
    for index in (environments.names.index(name) for name in ("autoshop_01", "vestibule", "chinese_garden")):
        light = np.log(environments.radiance[index] @ LUMINANCE + 0.05)
        seen = cv2.resize(environments._panorama(index), (256, 128), interpolation=cv2.INTER_AREA) @ LUMINANCE
        assert np.corrcoef(light.ravel(), np.log(seen + 5).ravel())[0, 1] > 0.7
