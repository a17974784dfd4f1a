"""What stays on the GPU between pictures, and what goes first."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from rdr_core.errors import DataError
from rdr_core.synthesis.gpu import GpuCache, Mesh, SurfaceTexture, open_context
from rdr_core.synthesis.surface import Material, Surface

pytestmark = pytest.mark.usefixtures("headless_gl")


def image(value: int, size: int = 64) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def test_the_least_recently_used_texture_goes_first() -> None:
    context = open_context()
    images = [image(value) for value in (10, 20, 30)]
    cache: GpuCache[SurfaceTexture] = GpuCache(10**9)
    made = [cache.get(id(one), partial(SurfaceTexture, context, one, 64)) for one in images]
    assert cache.get(id(images[0]), partial(SurfaceTexture, context, images[0], 64)) is made[0]
    cache.limit_bytes = made[0].n_bytes + made[2].n_bytes
    cache.trim()
    assert cache.n_bytes == cache.limit_bytes
    assert cache.get(id(images[2]), partial(SurfaceTexture, context, images[2], 64)) is made[2]
    assert cache.get(id(images[1]), partial(SurfaceTexture, context, images[1], 64)) is not made[1]
    cache.limit_bytes = 0
    cache.trim()
    assert cache.n_bytes == 0
    context.release()


def test_large_textures_shrink_to_the_limit_with_their_mipmaps() -> None:
    context = open_context()
    stripes = np.zeros((256, 128, 3), np.uint8)
    stripes[::2] = 255
    texture = SurfaceTexture(context, stripes, 64).texture
    assert texture.size == (32, 64)
    assert np.abs(np.frombuffer(texture.read(), np.uint8).reshape(64, 32, 4)[..., :3].astype(int) - 128).max() <= 1
    assert texture.read(level=2) != b""
    context.release()


def test_a_mesh_draws_what_was_last_written() -> None:
    context = open_context()
    target = context.framebuffer([context.texture((8, 8), 4)])
    target.use()
    program = context.program(
        vertex_shader="#version 330 core\nin vec3 in_position; in float in_light; out float light;"
        "void main() { light = in_light; gl_Position = vec4(in_position, 1.0); }",
        fragment_shader="#version 330 core\nin float light; out vec4 c; void main() { c = vec4(light); }",
    )
    whole = np.array([[-1, -1, 0], [3, -1, 0], [-1, 3, 0]], np.float32)
    triangle = np.array([[0, 1, 2]], np.int32)

    def surface(vertices: np.ndarray, light: float | None) -> Surface:
        values = None if light is None else np.full(3, light, np.float32)
        return Surface(Material.SKIN, vertices, np.zeros((3, 3), np.float32), triangle, light=values)

    mesh = Mesh(context, surface(whole, None))
    for vertices, light, expected in ((whole, 0.2, 51), (whole, None, 255), (whole + 5, 1.0, 0)):
        target.clear()
        mesh.write(surface(vertices, light))
        mesh.render(program)
        assert set(target.read(components=1)) == {expected}
    mesh.release()
    with pytest.raises(DataError, match="index the 3 vertices"):
        Mesh(context, Surface(Material.SKIN, whole, whole, triangle + 1))
    context.release()
