"""Pictures of plain shapes whose place, depth, light and shadow are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdr_core.errors import ConfigError, DataError
from rdr_core.synthesis.environment import Environments, sphere_grid
from rdr_core.synthesis.renderer import Picture, Renderer
from rdr_core.synthesis.surface import Camera, Lighting, Material, Surface
from rdr_core.types import Float32, UInt8

pytestmark = pytest.mark.usefixtures("headless_gl")

SIZE = 64
BLACK = np.zeros((SIZE, SIZE, 3), np.uint8)
STRAIGHT = Camera(SIZE, 3.0, (SIZE / 2, SIZE / 2))
NEAR = Camera(SIZE, 3.0, (SIZE / 2, SIZE / 2), 40.0)
QUAD = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
AHEAD = np.array([0, 0, 1], np.float32)
EVEN, FROM_RIGHT, WINDOW = range(3)


def environments() -> Environments:
    """One even light, one from the right, one small window behind the viewer's right shoulder."""
    grid, _ = sphere_grid(32, 64)
    right = np.where(grid[..., 0] > 0, 2.0, 0.1)
    window = np.where(grid @ np.array([0.6, 0, 0.8]) > 0.97, 4.0, 0.02)
    radiance = np.stack([np.ones_like(right), right, window])[..., None].repeat(3, axis=-1)
    return Environments.of_radiance(("even", "right", "window"), radiance, (Path("none.jpg"),) * 3)


@pytest.fixture(scope="module")
def renderer(headless_gl: None) -> Iterator[Renderer]:
    with Renderer(environments(), SIZE) as one:
        yield one


@pytest.fixture(scope="module")
def fine_renderer(headless_gl: None) -> Iterator[Renderer]:
    with Renderer(environments(), SIZE, samples=16) as one:
        yield one


def flat(corners: Float32, material: Material = Material.CLOTH, **more: object) -> Surface:
    """(n, 3) corners, counter-clockwise as seen from outside, of a flat convex surface."""
    corners = np.asarray(corners, np.float32)
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[1])
    normal /= np.linalg.norm(normal)
    fan = np.array([[0, i, i + 1] for i in range(1, len(corners) - 1)], np.int32)
    return Surface(material, corners, np.tile(normal, (len(corners), 1)).astype(np.float32), fan, **more)


def square(x: float, y: float, z: float, half: float, **more: object) -> Surface:
    corners = [(x - half, y - half, z), (x + half, y - half, z), (x + half, y + half, z), (x - half, y + half, z)]
    return flat(np.array(corners), **more)


def disc(center: Float32, radius: float, **more: object) -> Surface:
    angle = 2 * np.pi * np.arange(48) / 48
    around = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    return flat(center + radius * around, **more)


def light(
    environment: int = EVEN, exposure: float = 0.5, yaw: float = 0.0, lamp: float = 0.0, **more: object
) -> Lighting:
    values = {"lamp_direction": AHEAD, "lamp_softness_cm": 0.2, **more}
    return Lighting(environment, yaw, exposure, lamp_color=np.full(3, lamp, np.float32), **values)


def brightness(picture: Picture, number: int) -> float:
    return float(picture.rgb[picture.owner == number].mean())


@pytest.mark.parametrize("camera", [STRAIGHT, NEAR])
@settings(max_examples=25)
@given(x=st.floats(-6, 6), y=st.floats(-6, 6), z=st.floats(-9, 9))
def test_a_point_lands_where_the_camera_projects_it(
    fine_renderer: Renderer, camera: Camera, x: float, y: float, z: float
) -> None:
    center = np.array([x, y, z])
    picture = fine_renderer.draw([disc(center, 2.5)], camera, light(), BLACK)
    weight = picture.rgb.astype(float).mean(axis=2)
    pixels = np.arange(SIZE) + 0.5
    seen = np.array([(weight.sum(axis=0) * pixels).sum(), (weight.sum(axis=1) * pixels).sum()]) / weight.sum()
    np.testing.assert_allclose(seen, camera.project(center), atol=0.05)
    owned = np.argwhere(picture.owner == 1)[:, ::-1] + 0.5
    np.testing.assert_allclose(owned.mean(axis=0), camera.project(center), atol=0.4)  # one sample of a pixel


@pytest.mark.parametrize("camera", [STRAIGHT, NEAR])
def test_depth_is_that_of_the_surface_seen(renderer: Renderer, camera: Camera) -> None:
    corners = np.array([[-7, -5, -6], [8, -6, 2], [7, 6, 7], [-8, 7, -1.0]])
    a, b, c = corners[:3]
    corners[3] -= (
        np.cross(b - a, c - a) * ((corners[3] - a) @ np.cross(b - a, c - a)) / (np.cross(b - a, c - a) ** 2).sum()
    )
    normal = np.cross(b - a, c - a)
    picture = renderer.draw([flat(corners)], camera, light(), BLACK)
    row, column = np.nonzero(picture.owner)
    inner = (column > 4) & (column < SIZE - 4)
    assert inner.sum() > 500
    # x and y of the point seen, from its depth; it must lie on the plane
    z = picture.depth[row, column].astype(float)
    near = 1 - z / camera.distance_cm
    x = (column + 0.5 - camera.center_px[0]) / camera.scale_px_per_cm * near
    y = -(row + 0.5 - camera.center_px[1]) / camera.scale_px_per_cm * near
    distance = (np.stack([x, y, z], axis=1) - a) @ normal / np.linalg.norm(normal)
    assert np.median(np.abs(distance)) < 0.01
    assert np.quantile(np.abs(distance), 0.9) < 0.02  # pixels at the border hold fewer than all samples
    assert np.isneginf(picture.depth[picture.owner == 0]).all()


@pytest.mark.parametrize("samples", [1, 4, 9])
def test_the_mask_is_the_projected_surface(samples: int) -> None:
    corners = np.array([[-6, -7, 0], [7, -4, 3], [2, 8, -4.0]])
    with Renderer(environments(), SIZE, samples) as renderer:
        picture = renderer.draw([flat(corners)], NEAR, light(), BLACK)
    projected = NEAR.project(corners).astype(float)
    pixels = np.stack(np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5), axis=-1)
    edges = np.roll(projected, -1, axis=0) - projected
    outward = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1, keepdims=True)
    outward *= -np.sign(np.sum(outward * (projected.mean(axis=0) - projected), axis=1))[:, None]
    outside = np.einsum("rcek,ek->rce", pixels[..., None, :] - projected, outward).max(axis=-1)
    owned = picture.owner == 1
    assert owned[outside < -0.36].all()
    assert not owned[outside > 0.36].any()
    assert (picture.rgb[outside < -0.75] > 60).all()
    assert (picture.rgb[outside > 0.75] == 0).all()


def test_the_nearer_surface_hides_the_other_whatever_the_order(renderer: Renderer) -> None:
    near, far = square(1, 1, 3, 4, material=Material.MOUTH), square(0, 0, 0, 6, material=Material.OBJECT)
    for surfaces, number in (([near, far], 1), ([far, near], 2)):
        picture = renderer.draw(surfaces, STRAIGHT, light(), BLACK)
        assert (picture.owner[STRAIGHT.size_px // 2 - 6 : SIZE // 2, SIZE // 2 : SIZE // 2 + 6] == number).all()
        assert set(np.unique(picture.owner)) == {0, 1, 2}
        assert picture.depth[picture.owner == number] == pytest.approx(3.0, abs=1e-4)


def test_the_background_is_what_was_given(renderer: Renderer) -> None:
    given_picture = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    picture = renderer.draw([square(0, 0, 0, 4)], STRAIGHT, light(), given_picture)
    outside = np.ones((SIZE, SIZE), bool)
    outside[18:46, 18:46] = False
    assert (picture.owner[outside] == 0).all()
    np.testing.assert_array_equal(picture.rgb[outside], given_picture[outside])


def test_without_a_background_the_environment_is_seen() -> None:
    everywhere = environments()
    everywhere._pictures[EVEN] = np.full((64, 128, 3), (200, 120, 40), np.uint8)
    with Renderer(everywhere, SIZE) as renderer:
        picture = renderer.draw([square(0, 0, 0, 4)], STRAIGHT, light(exposure=1.0))
    assert np.abs(picture.rgb[picture.owner == 0][:50].astype(int) - (200, 120, 40)).max() <= 2


@pytest.mark.parametrize("material", [m for m in Material if m != Material.LENS])
def test_every_material_answers_to_the_light(renderer: Renderer, material: Material) -> None:
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    texture = np.full((8, 8, 3), (180, 120, 90), np.uint8)
    surface = square(0, 0, 0, 6, material=material, uv=uv, texture=texture)
    dark, ambient, bright, lamp = (
        renderer.draw([surface], STRAIGHT, lighting, BLACK)
        for lighting in (light(exposure=0.05), light(), light(exposure=1.5), light(lamp=4.0))
    )
    values = [brightness(picture, 1) for picture in (dark, ambient, bright)]
    assert values[0] + 20 < values[1] < values[2] - 20
    assert brightness(lamp, 1) > values[1] + 20
    red, green, blue = ambient.rgb[ambient.owner == 1].mean(axis=0)
    assert red > green > blue  # the texture's


def test_tint_colours_and_light_darkens(renderer: Renderer) -> None:
    tint = np.array([0.8, 0.2, 0.1], np.float32)
    plain, dim = (square(0, 0, 0, 6, tint=tint, light=np.full(4, share, np.float32)) for share in (1.0, 0.3))
    bright, dark = (renderer.draw([surface], STRAIGHT, light(), BLACK) for surface in (plain, dim))
    red, green, blue = bright.rgb[bright.owner == 1].mean(axis=0)
    assert red > green + 30 > blue + 40
    assert brightness(dark, 1) < 0.75 * brightness(bright, 1)
    again = renderer.draw([square(0, 0, 0, 6, tint=tint)], STRAIGHT, light(), BLACK)
    assert np.abs(again.rgb.astype(int) - bright.rgb).max() <= 1  # without `light` all of it arrives


def test_the_environment_lights_the_side_that_it_is_on(renderer: Renderer) -> None:
    left = flat(np.array([[-8, -6, -4], [0, -6, 0], [0, 6, 0], [-8, 6, -4.0]]))
    right = flat(np.array([[0, -6, 0], [8, -6, -4], [8, 6, -4], [0, 6, 0.0]]))
    picture = renderer.draw([left, right], STRAIGHT, light(FROM_RIGHT), BLACK)
    assert brightness(picture, 2) > brightness(picture, 1) + 30
    picture = renderer.draw([left, right], STRAIGHT, light(FROM_RIGHT, yaw=np.pi), BLACK)
    assert brightness(picture, 1) > brightness(picture, 2) + 30


def test_a_shiny_surface_mirrors_the_window(renderer: Renderer) -> None:
    """The window stands at (0.6, 0, 0.8); who looks along -z sees it where the normal is halfway to it."""
    angles = np.radians([-20.0, 0, 18.4, 40])
    seen = []
    for angle in angles:
        x, z = 5 * np.cos(angle), 5 * np.sin(angle)
        corners = np.array([[-x, -5, z], [x, -5, -z], [x, 5, -z], [-x, 5, z]])
        surface = flat(corners, material=Material.OBJECT, tint=np.full(3, 0.01, np.float32), roughness=0.1)
        seen.append(brightness(renderer.draw([surface], STRAIGHT, light(WINDOW, exposure=2.0), BLACK), 1))
    assert np.argmax(seen) == 2
    assert seen[2] > 1.5 * max(seen[0], seen[1], seen[3])


def test_a_shadow_falls_where_the_lamp_says(renderer: Renderer) -> None:
    wall = square(0, 0, -4, 10)
    blocker = square(0, 0, 0, 2, material=Material.OBJECT)
    direction = np.array([-0.6, 0, 0.8], np.float32)  # from the left: the shadow lies to the right
    lighting = light(exposure=0.2, lamp=3.0, lamp_direction=direction)
    with_it, without = (
        renderer.draw(s, STRAIGHT, lighting, BLACK).rgb.astype(float).mean(axis=2) for s in ([wall, blocker], [wall])
    )
    ratio = with_it / np.maximum(without, 1)
    # four cm in front of the wall, the blocker's shadow is moved by 4 * 0.6 / 0.8 = 3 cm
    column, row = STRAIGHT.project(np.array([3.5, 0, -4]))
    assert ratio[int(row), int(column)] < 0.75
    column, row = STRAIGHT.project(np.array([-3.5, 0, -4]))
    assert ratio[int(row), int(column)] > 0.9
    lit = renderer.draw([wall, blocker], STRAIGHT, light(exposure=0.2, lamp=0.0, lamp_direction=direction), BLACK)
    assert lit.rgb.max() < with_it.max()


def test_corners_get_less_ambient_light(renderer: Renderer) -> None:
    floor = flat(np.array([[-8, -2, 0], [8, -2, 0], [8, -2, 8], [-8, -2, 8.0]])[::-1])
    wall = square(0, 4, 0, 6.0)
    lighting = light()
    alone = renderer.draw([wall], STRAIGHT, lighting, BLACK).rgb.astype(float)
    both = renderer.draw([wall, floor], Camera(SIZE, 3.0, (32, 32), 30.0), lighting, BLACK)
    with_floor = renderer.draw([wall, square(0, -4, 3, 3.0)], STRAIGHT, lighting, BLACK).rgb.astype(float)
    near = STRAIGHT.project(np.array([0, -0.4, 0])).astype(int)
    far = STRAIGHT.project(np.array([0, 8.0, 0])).astype(int)
    assert with_floor[near[1], near[0]].mean() < 0.97 * alone[near[1], near[0]].mean()
    assert with_floor[far[1], far[0]].mean() == pytest.approx(alone[far[1], far[0]].mean(), abs=1)
    assert both.rgb.max() > 0


def test_a_clear_lens_owns_nothing_and_a_dark_one_does(renderer: Renderer) -> None:
    wall = square(0, 0, 0, 9, material=Material.CLOTH)
    plain = renderer.draw([wall], STRAIGHT, light(), BLACK)
    for opacity, owner in ((0.05, 1), (0.9, 2)):
        tint = np.full(3, 0.02, np.float32)
        lens = square(0, 0, 3, 4, material=Material.LENS, opacity=opacity, tint=tint)
        picture = renderer.draw([wall, lens], STRAIGHT, light(), BLACK)
        middle = np.s_[24:40, 24:40]
        assert (picture.owner[middle] == owner).all()
        assert picture.depth[middle] == pytest.approx(3.0 if owner == 2 else 0.0, abs=1e-4)
        change = picture.rgb[middle].mean() / plain.rgb[middle].mean()
        assert change > 0.85 if owner == 1 else change < 0.6
    hidden = square(0, 0, -3, 4, material=Material.LENS, opacity=0.9)
    np.testing.assert_array_equal(renderer.draw([wall, hidden], STRAIGHT, light(), BLACK).rgb, plain.rgb)


def test_backs_are_seen_only_of_two_sided_surfaces(renderer: Renderer) -> None:
    front = square(0, 0, 0, 5)
    turned = Surface(Material.CLOTH, front.vertices, -front.normals, front.triangles[:, ::-1].copy())
    both = Surface(Material.CLOTH, front.vertices, -front.normals, front.triangles[:, ::-1].copy(), two_sided=True)
    assert renderer.draw([turned], STRAIGHT, light(), BLACK).owner.max() == 0
    seen, expected = (renderer.draw([s], STRAIGHT, light(lamp=2.0), BLACK) for s in (both, front))
    np.testing.assert_array_equal(seen.owner, expected.owner)
    np.testing.assert_allclose(seen.rgb.astype(int), expected.rgb.astype(int), atol=2)


def test_hair_has_its_highlight_across_the_strands(renderer: Renderer) -> None:
    """A lamp above a ball: strands that run down carry a band of light, strands that run around it do not."""
    polar, around = np.meshgrid(np.linspace(0.1, np.pi - 0.1, 24), np.linspace(-1.6, 1.6, 32), indexing="ij")
    normals = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    index = np.arange(polar.size).reshape(polar.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    u, v = (around + 1.6) / 3.2, polar / np.pi
    texture = np.full((8, 8, 3), 60, np.uint8)
    direction = np.array([0, 0.6, 0.8], np.float32)
    widths = []
    for uv in (np.stack([u, v], -1), np.stack([v, u], -1)):
        ball = Surface(
            Material.HAIR, (8 * normals).reshape(-1, 3).astype(np.float32), normals.reshape(-1, 3).astype(np.float32),
            triangles.astype(np.int32), uv.reshape(-1, 2).astype(np.float32), texture,
        )  # fmt: skip
        rgb = renderer.draw([ball], STRAIGHT, light(exposure=0.1, lamp=6.0, lamp_direction=direction), BLACK).rgb
        row = rgb.astype(float).mean(axis=2)[16:30].max(axis=0)  # the brightest of each column, above the middle
        widths.append(row[32] - row[12:52].mean())
    assert widths[0] < widths[1]


def test_surfaces_may_share_arrays_and_pictures_repeat(renderer: Renderer) -> None:
    left, right = square(-5, 0, 0, 3), square(5, 0, 0, 3)
    right = Surface(right.material, right.vertices, right.normals, left.triangles)
    first = renderer.draw([left, right], STRAIGHT, light(lamp=1.0), BLACK)
    assert (first.owner[32, 17], first.owner[32, 47]) == (1, 2)
    moved = Surface(left.material, left.vertices + np.float32([0, 5, 0]), left.normals, left.triangles)
    renderer.draw([right, moved], NEAR, light(), BLACK)
    again = renderer.draw([left, right], STRAIGHT, light(lamp=1.0), BLACK)
    for name in ("rgb", "owner", "depth"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_renderers_live_side_by_side(renderer: Renderer) -> None:
    expected = renderer.draw([square(0, 0, 0, 5)], STRAIGHT, light(), BLACK)
    with Renderer(environments(), 32, samples=1) as other:
        small = other.draw([square(0, 0, 0, 5)], Camera(32, 1.5, (16, 16)), light(), BLACK[:32, :32])
        again = renderer.draw([square(0, 0, 0, 5)], STRAIGHT, light(), BLACK)
    np.testing.assert_array_equal(expected.rgb, again.rgb)
    assert small.owner.sum() == pytest.approx(expected.owner.sum() / 4, rel=0.1)


def test_textures_are_seen_upright_and_changed_with_the_array(renderer: Renderer) -> None:
    corners = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)  # v down: the first corner is the lower left

    def textured(texture: UInt8) -> Surface:
        return square(0, 0, 0, 8, uv=corners, texture=texture)

    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:32, :32], texture[:32, 32:], texture[32:, :32] = (200, 0, 0), (0, 200, 0), (0, 0, 200)
    rgb = renderer.draw([textured(texture)], STRAIGHT, light(), BLACK).rgb
    assert np.argmax(rgb[20, 20]) == 0
    assert np.argmax(rgb[20, 44]) == 1
    assert np.argmax(rgb[44, 20]) == 2
    assert rgb[44, 44].max() < 30
    rgb = renderer.draw([textured(255 - texture)], STRAIGHT, light(), BLACK).rgb
    assert np.argmin(rgb[20, 20]) == 0


def test_stages_are_timed(renderer: Renderer) -> None:
    renderer.environments._pictures[EVEN] = np.zeros((64, 128, 3), np.uint8)
    stages = renderer.stage_milliseconds([square(0, 0, 0, 5)], STRAIGHT, light(), repeat=2)
    assert {"upload", "shadow", "geometry", "shading", "readback"} <= set(stages)
    assert min(stages.values()) >= 0


def test_bad_input_is_named(renderer: Renderer) -> None:
    good = square(0, 0, 0, 5)
    with pytest.raises(ConfigError, match="8 to 4096 px"):
        Renderer(renderer.environments, 4)
    with pytest.raises(ConfigError, match="1, 4, 9 or 16 samples"):
        Renderer(renderer.environments, 64, samples=2)
    with pytest.raises(DataError, match="pictures of 64 px"):
        renderer.draw([good], Camera(32, 1.0, (16, 16)), light(), BLACK)
    with pytest.raises(DataError, match=r"a background is \(64, 64, 3\) uint8"):
        renderer.draw([good], STRAIGHT, light(), BLACK[:10])
    with pytest.raises(DataError, match="1 to 254 surfaces"):
        renderer.draw([], STRAIGHT, light(), BLACK)
    with pytest.raises(DataError, match="3 environments, got number 7"):
        renderer.draw([good], STRAIGHT, light(7), BLACK)
    with pytest.raises(DataError, match="unit vector"):
        renderer.draw([good], STRAIGHT, light(lamp_direction=np.zeros(3, np.float32)), BLACK)
    with pytest.raises(DataError, match="surface 0: vertices and normals must be finite"):
        renderer.draw([square(0, float("nan"), 0, 5)], STRAIGHT, light(), BLACK)
    wrong = Surface(Material.SKIN, good.vertices, good.normals, good.triangles + 3)
    with pytest.raises(DataError, match="index the 4 vertices"):
        renderer.draw([wrong], STRAIGHT, light(), BLACK)
    with pytest.raises(DataError, match="uv and texture come together"):
        renderer.draw([square(0, 0, 0, 5, texture=BLACK)], STRAIGHT, light(), BLACK)
    with pytest.raises(DataError, match=r"light of 4 vertices is \(4,\), got \(3,\)"):
        renderer.draw([square(0, 0, 0, 5, light=np.ones(3, np.float32))], STRAIGHT, light(), BLACK)
    grey = square(0, 0, 0, 5, uv=np.zeros((4, 2), np.float32), texture=BLACK[..., 0])
    with pytest.raises(DataError, match=r"a texture is \(H, W, 3\) uint8"):
        renderer.draw([good, grey], STRAIGHT, light(), BLACK)
