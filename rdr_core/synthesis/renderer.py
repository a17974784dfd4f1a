"""Draw surfaces under measured light, headless: pictures with the number and depth of what each pixel shows.

The shading is deferred: one pass notes what each sample sees, and a second shades it. A face at 160 px has about one
triangle a pixel, and GPUs as well as Mesa's software shade whole blocks of pixels for every triangle, however small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final, NamedTuple

import moderngl
import numpy as np

from rdr_core.errors import ConfigError, DataError
from rdr_core.synthesis.environment import REFLECTION_PX, Environments
from rdr_core.synthesis.frame import CASTERS, frame_block
from rdr_core.synthesis.gpu import GpuCache, Mesh, SurfaceTexture, open_context
from rdr_core.synthesis.pipeline import REFLECTIONS_UNIT, SHADERS, Pipeline
from rdr_core.synthesis.surface import Camera, Lighting, Material, Surface
from rdr_core.types import Float32, UInt8

_ORDER: Final = (
    Material.OBJECT,
    Material.HAIR,
    Material.SKIN,
    Material.CLOTH,
    Material.EYE,
    Material.TEETH,
    Material.MOUTH,
    Material.LENS,
)
"""What covers others comes first: what is hidden is not even looked at."""
_OWNS_FROM: Final = 0.5
"""Opacity from which a lens owns the pixels that it covers."""
_CACHE_BYTES: Final = 300_000_000
TEXELS_PER_PX: Final = 6
"""Textures are kept at this many times the side of the picture: an atlas shows a head, a body, eyes and teeth."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What was drawn; s is the side of the picture."""

    rgb: UInt8
    """(s, s, 3) uint8 RGB, sRGB."""
    owner: UInt8
    """(s, s) uint8: 0 background, else 1 + the number of the surface seen; clear lenses own nothing."""
    depth: Float32
    """(s, s) float32 z in the view frame, cm, of what owns the pixel; -inf in the background."""


class _Drawn(NamedTuple):
    """A surface on the GPU."""

    surface: Surface
    mesh: Mesh
    texture: moderngl.Texture | None
    number: int


class Renderer:
    """A GL context without a window, on a GPU or in software. For one thread; each process makes its own."""

    def __init__(self, environments: Environments, size_px: int, samples: int = 4) -> None:
        if not 8 <= size_px <= 4096:
            raise ConfigError(f"a picture has 8 to 4096 px a side, got {size_px}")
        if samples not in (1, 4, 9, 16):
            raise ConfigError(f"a pixel has 1, 4, 9 or 16 samples, got {samples}")
        self.environments = environments
        self.size_px = size_px
        self._context = open_context()
        self._per_side = round(samples**0.5)
        self._textures: GpuCache[SurfaceTexture] = GpuCache(_CACHE_BYTES)
        self._meshes: GpuCache[Mesh] = GpuCache(_CACHE_BYTES)
        self._reflections: dict[int, moderngl.Texture3D] = {}
        self._laps: dict[str, float] | None = None
        self._lap_start = 0.0
        self._pipeline = Pipeline(self._context, size_px, self._per_side)

    def draw(
        self, surfaces: Sequence[Surface], camera: Camera, lighting: Lighting, background: UInt8 | None = None
    ) -> Picture:
        """Draw the surfaces.

        `background` is (size_px, size_px, 3) RGB; None is the environment itself, out of focus. Arrays of triangles, uv
        and texture are kept on the GPU by identity: pass the same ones again, and do not write to them.
        """
        self._check(surfaces, camera, lighting, background)
        with self._context:  # other contexts of this process may have been current
            self._lap(None)
            self._textures.trim()
            self._meshes.trim()
            self._pipeline.backdrop.write(
                np.ascontiguousarray(self._background(lighting) if background is None else background)
            )
            self._lap("backdrop")
            drawn = self._upload(surfaces)
            irradiance = self.environments.irradiance[lighting.environment]
            self._pipeline.frame.write(frame_block(surfaces, camera, lighting, irradiance, self._per_side))
            self._lap("upload")
            self._draw_shadow(drawn, has_lamp=bool(np.any(lighting.lamp_color)))
            self._lap("shadow")
            self._draw_geometry(drawn)
            self._lap("geometry")
            self._pipeline.begin("occlusion", moderngl.NOTHING)
            self._pipeline.fill("occlusion")
            self._lap("occlusion")
            self._shade(drawn, lighting.environment)
            self._lap("shading")
            self._draw_lenses(drawn)
            picture = self._read_picture()
            self._lap("readback")
        return picture

    def _background(self, lighting: Lighting) -> UInt8:
        fov_rad, blur = lighting.backdrop_fov_rad, lighting.backdrop_blur
        return self.environments.backdrop(
            lighting.environment, lighting.yaw_rad, self.size_px, fov_rad, blur, lighting.exposure
        )

    def _check(self, surfaces: Sequence[Surface], camera: Camera, lighting: Lighting, background: UInt8 | None) -> None:
        size = self.size_px
        if not 1 <= len(surfaces) <= 254:
            raise DataError(f"a picture has 1 to 254 surfaces, got {len(surfaces)}")
        if camera.size_px != size:
            raise DataError(f"this renderer draws pictures of {size} px, the camera's has {camera.size_px}")
        if background is not None and (background.shape != (size, size, 3) or background.dtype != np.uint8):
            raise DataError(f"a background is ({size}, {size}, 3) uint8, got {background.shape} {background.dtype}")
        if not 0 <= lighting.environment < len(self.environments):
            raise DataError(f"there are {len(self.environments)} environments, got number {lighting.environment}")
        if abs(float(np.linalg.norm(lighting.lamp_direction)) - 1) > 1e-3:
            raise DataError(f"the direction of the lamp is a unit vector, got {lighting.lamp_direction}")
        for number, surface in enumerate(surfaces):
            _check_surface(number, surface)

    def _upload(self, surfaces: Sequence[Surface]) -> list[_Drawn]:
        used: Counter[Any] = Counter()
        drawn = []
        for number, surface in enumerate(surfaces, start=1):
            key = id(surface.triangles), id(surface.uv), len(surface.vertices)
            mesh = self._meshes.get((key, used[key]), partial(Mesh, self._context, surface))
            used[key] += 1
            mesh.write(surface)
            image, texture = surface.texture, None
            if image is not None:
                make = partial(SurfaceTexture, self._context, image, TEXELS_PER_PX * self.size_px)
                texture = self._textures.get(id(image), make).texture
            drawn.append(_Drawn(surface, mesh, texture, number))
        return sorted(drawn, key=lambda one: _ORDER.index(one.surface.material))

    def _draw_shadow(self, drawn: Sequence[_Drawn], has_lamp: bool) -> None:
        self._pipeline.begin("shadow", moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._context.front_face = "ccw"
        self._pipeline.targets["shadow"].clear()
        for surface, mesh, *_ in drawn:
            if has_lamp and surface.material in CASTERS:
                mesh.render(self._pipeline.shadow_program)

    def _draw_geometry(self, drawn: Sequence[_Drawn]) -> None:
        self._pipeline.begin("geometry", moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._context.front_face = "cw"  # the picture is drawn upside down, see `clip_from_view`
        self._pipeline.targets["geometry"].clear()
        for one in drawn:
            if one.surface.material != Material.LENS:
                self._draw_one_geometry(one)
        self._context.disable(moderngl.CULL_FACE)
        self._pipeline.fill("nothing", 1.0)

    def _draw_one_geometry(self, one: _Drawn) -> None:
        program = self._pipeline.geometry_programs[one.surface.material == Material.HAIR]
        program["surface"] = (one.number, 1.0 if one.texture is None else float(one.texture.width))
        self._cull(one.surface)
        one.mesh.render(program)

    def _shade(self, drawn: Sequence[_Drawn], environment: int) -> None:
        self._pipeline.begin("owner", moderngl.DEPTH_TEST, depth_func="1")  # always
        self._pipeline.fill("owner")
        self._pipeline.begin("shading", moderngl.DEPTH_TEST, depth_func="==")
        self._reflection_map(environment).use(REFLECTIONS_UNIT)
        self._pipeline.fill("backdrop")
        for one in drawn:
            if one.surface.material != Material.LENS:
                program = self._pipeline.shading[SHADERS[one.surface.material]]
                self._set_finish(program, one)
                self._pipeline.cover(program, one.number / 256)

    def _draw_lenses(self, drawn: Sequence[_Drawn]) -> None:
        lenses = [one for one in drawn if one.surface.material == Material.LENS]
        self._pipeline.begin("lenses", moderngl.CULL_FACE | moderngl.BLEND)
        for one in lenses:
            self._set_finish(self._pipeline.lens_program, one)
            self._cull(one.surface)
            one.mesh.render(self._pipeline.lens_program)
        self._pipeline.begin("geometry", moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        for one in lenses:
            if one.surface.opacity >= _OWNS_FROM:
                self._draw_one_geometry(one)

    def _set_finish(self, program: moderngl.Program, one: _Drawn) -> None:
        (self._pipeline.white if one.texture is None else one.texture).use(0)
        values = {"tint": (*map(float, one.surface.tint), one.surface.opacity), "roughness": one.surface.roughness}
        for name, value in values.items():
            if name in program:
                program[name] = value

    def _cull(self, surface: Surface) -> None:
        if surface.two_sided:
            self._context.disable(moderngl.CULL_FACE)
        else:
            self._context.enable(moderngl.CULL_FACE)

    def _read_picture(self) -> Picture:
        self._pipeline.begin("picture", moderngl.NOTHING)
        self._pipeline.fill("resolve")
        size, target = self.size_px, self._pipeline.targets["picture"]
        rgba = np.frombuffer(target.read(components=4, alignment=1), np.uint8).reshape(size, size, 4)
        depth = np.frombuffer(target.read(components=1, attachment=1, dtype="f4", alignment=1), np.float32)
        owner = np.ascontiguousarray(rgba[..., 3])
        depth = np.where(owner > 0, depth.reshape(size, size), np.float32(-np.inf))
        return Picture(np.ascontiguousarray(rgba[..., :3]), owner, depth)

    def _reflection_map(self, environment: int) -> moderngl.Texture3D:
        if environment not in self._reflections:
            layers = self.environments.reflections[environment]
            rgba = np.concatenate([layers, np.ones_like(layers[..., :1])], axis=-1).astype(np.float16)
            texture = self._context.texture3d(
                (REFLECTION_PX, REFLECTION_PX, len(layers)), 4, rgba.tobytes(), dtype="f2"
            )
            texture.repeat_x = texture.repeat_y = texture.repeat_z = False
            texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
            self._reflections[environment] = texture
        return self._reflections[environment]

    def stage_milliseconds(
        self, surfaces: Sequence[Surface], camera: Camera, lighting: Lighting, repeat: int = 10
    ) -> dict[str, float]:
        """Mean time of each stage of `draw`, waiting for the GPU after each."""
        self.draw(surfaces, camera, lighting)
        laps = self._laps = {}
        try:
            for _ in range(repeat):
                self.draw(surfaces, camera, lighting)
        finally:
            self._laps = None
        return {name: seconds * 1e3 / repeat for name, seconds in laps.items()}

    def _lap(self, name: str | None) -> None:
        if self._laps is None:
            return
        self._context.finish()
        now = perf_counter()
        if name is not None:
            self._laps[name] = self._laps.get(name, 0.0) + now - self._lap_start
        self._lap_start = now

    def close(self) -> None:
        """Free the context and all that it holds."""
        self._context.release()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_surface(number: int, surface: Surface) -> None:
    vertices, normals, uv, texture = surface.vertices, surface.normals, surface.uv, surface.texture
    n = len(vertices)
    if n == 0 or not vertices.shape == normals.shape == (n, 3):
        raise DataError(f"surface {number}: vertices and normals are (V, 3), got {vertices.shape}, {normals.shape}")
    if not (np.isfinite(vertices).all() and np.isfinite(normals).all()):
        raise DataError(f"surface {number}: vertices and normals must be finite")
    if (texture is None) != (uv is None):
        raise DataError(f"surface {number}: uv and texture come together")
    if uv is not None and uv.shape != (n, 2):
        raise DataError(f"surface {number}: uv of {n} vertices is ({n}, 2), got {uv.shape}")
    if texture is not None and (texture.ndim != 3 or texture.shape[2] != 3 or texture.dtype != np.uint8):
        raise DataError(f"surface {number}: a texture is (H, W, 3) uint8, got {texture.shape} {texture.dtype}")
    if surface.light is not None and surface.light.shape != (n,):
        raise DataError(f"surface {number}: light of {n} vertices is ({n},), got {surface.light.shape}")
