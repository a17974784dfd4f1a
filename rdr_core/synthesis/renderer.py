"""Draw surfaces under measured light, headless: pictures with the number and depth of what each pixel shows.

Four passes: the lamp's depth, the surfaces and the backdrop with several samples a pixel, how much the surroundings
shut out the ambient light, and the average of the samples. Software rendering spends its time in fragments, so the
shading runs once a pixel and each material has its own short program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final

import moderngl
import numpy as np

from rdr_core.errors import ConfigError, DataError
from rdr_core.synthesis.environment import REFLECTION_PX, Environments
from rdr_core.synthesis.frame import CASTERS, FRAME_BYTES, frame_block
from rdr_core.synthesis.gpu import GpuCache, Mesh, SurfaceTexture, build_program, open_context
from rdr_core.synthesis.surface import Camera, Lighting, Material, Surface
from rdr_core.types import Float32, UInt8

_SHADOW_PX: Final = 384
_PROGRAMS: Final = {
    Material.OBJECT: "gloss",
    Material.HAIR: "hair",
    Material.SKIN: "skin",
    Material.CLOTH: "cloth",
    Material.EYE: "eye",
    Material.TEETH: "gloss",
    Material.MOUTH: "gloss",
    Material.LENS: "lens",
}
"""The shader of each material, in the order of drawing: what covers others comes first, so that hidden pixels are not
shaded, and the backdrop follows before the lenses."""
_ORDER: Final = tuple(_PROGRAMS)
_CACHE_BYTES: Final = 300_000_000
_TEXELS_PER_PX: Final = 6
"""Textures are kept at this many times the side of the picture: an atlas shows a head, a body, eyes and teeth."""
_OCCLUSION_CM: Final = 3.0
"""Radius within which surfaces shade each other from the ambient light."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What was drawn; s is the side of the picture."""

    rgb: UInt8
    """(s, s, 3) uint8 RGB, sRGB."""
    owner: UInt8
    """(s, s) uint8: 0 background, else 1 + the number of the surface seen; clear lenses own nothing."""
    depth: Float32
    """(s, s) float32 z in the view frame, cm, of what owns the pixel; -inf in the background."""


class Renderer:
    """A GL context without a window, on a GPU or in software. For one thread; each process makes its own."""

    def __init__(self, environments: Environments, size_px: int, samples: int = 4) -> None:
        if not 8 <= size_px <= 4096:
            raise ConfigError(f"a picture has 8 to 4096 px a side, got {size_px}")
        self.environments = environments
        self.size_px = size_px
        self._context = context = open_context()
        if not 2 <= samples <= context.max_samples:
            raise ConfigError(f"this GL takes 2 to {context.max_samples} samples a pixel, got {samples}")
        self._textures: GpuCache[SurfaceTexture] = GpuCache(_CACHE_BYTES)
        self._meshes: GpuCache[Mesh] = GpuCache(_CACHE_BYTES)
        self._reflections: dict[int, moderngl.Texture3D] = {}
        self._laps: dict[str, float] | None = None
        self._lap_start = 0.0
        self._build_targets(size_px, samples)
        self._build_programs(samples)

    def _build_targets(self, size_px: int, samples: int) -> None:
        context, size, half = self._context, (size_px, size_px), (size_px // 2, size_px // 2)
        self._shadow = context.depth_texture((_SHADOW_PX, _SHADOW_PX))
        self._shadow.compare_func = "<="
        self._shadow_target = context.framebuffer(depth_attachment=self._shadow)
        self._colors = context.texture(size, 4, samples=samples)
        self._geometry = context.texture(size, 2, samples=samples, dtype="f4")
        depth = context.depth_renderbuffer(size, samples=samples)
        self._target = context.framebuffer([self._colors, self._geometry], depth)
        self._occlusion = context.texture(half, 1)
        self._occlusion_target = context.framebuffer([self._occlusion])
        self._final_target = context.framebuffer([context.texture(size, 4), context.texture(size, 1, dtype="f4")])
        self._backdrop = context.texture(size, 3, alignment=1)
        self._white = context.texture((1, 1), 3, b"\xff\xff\xff", alignment=1)
        for texture in (self._shadow, self._occlusion, self._backdrop):
            texture.repeat_x = texture.repeat_y = False

    def _build_programs(self, samples: int) -> None:
        context = self._context
        self._frame = context.buffer(reserve=FRAME_BYTES)
        self._frame.bind_to_uniform_block(0)
        scale = 0.5 * (REFLECTION_PX - 1) / REFLECTION_PX
        self._materials = {
            name: build_program(context, "surface.vert", ("light", name), REFLECTION_SCALE=scale)
            for name in sorted(set(_PROGRAMS.values()))
        }
        self._shadow_program = build_program(context, "shadow.vert", ("shadow.frag",))
        self._screens = {
            name: build_program(context, "screen.vert", (f"{name}.frag",), SAMPLES=samples)
            for name in ("backdrop", "occlusion", "resolve")
        }
        self._screen_arrays = {name: context.vertex_array(program, []) for name, program in self._screens.items()}
        samplers = ("surface_texture", "shadow_map", "reflections", "picture", "colors", "geometry", "occlusion")
        for program in (*self._materials.values(), *self._screens.values()):
            for unit, sampler in enumerate(samplers):
                if sampler in program:
                    program[sampler] = unit
        for unit, texture in enumerate(
            (self._shadow, None, self._backdrop, self._colors, self._geometry, self._occlusion), start=1
        ):
            if texture is not None:
                texture.use(unit)

    def draw(
        self, surfaces: Sequence[Surface], camera: Camera, lighting: Lighting, background: UInt8 | None = None
    ) -> Picture:
        """Draw the surfaces.

        `background` is (size_px, size_px, 3) RGB; None is the environment itself, out of focus. Arrays of triangles, uv
        and texture are kept on the GPU by identity: pass the same ones again, and do not write to them.
        """
        self._check(surfaces, camera, lighting, background)
        self._lap(None)
        self._textures.trim()
        self._meshes.trim()
        if background is None:
            background = self.environments.backdrop(
                lighting.environment, lighting.yaw_rad, self.size_px, lighting.backdrop_fov_rad,
                lighting.backdrop_blur, lighting.exposure,
            )  # fmt: skip
        self._backdrop.write(np.ascontiguousarray(background))
        self._lap("backdrop")
        meshes = self._upload(surfaces)
        self._frame.write(frame_block(surfaces, camera, lighting, self.environments.irradiance[lighting.environment]))
        self._lap("upload")
        self._draw_shadow(surfaces, meshes, has_lamp=bool(np.any(lighting.lamp_color)))
        self._lap("shadow")
        self._draw_surfaces(surfaces, meshes, lighting)
        self._lap("surfaces")
        self._draw_occlusion(camera)
        self._lap("occlusion")
        picture = self._resolve()
        self._lap("readback")
        return picture

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
        for number, surface in enumerate(surfaces):
            vertices, normals = surface.vertices, surface.normals
            if vertices.ndim != 2 or vertices.shape[1] != 3 or vertices.shape != normals.shape:
                raise DataError(
                    f"surface {number}: vertices and normals are (V, 3), got {vertices.shape, normals.shape}"
                )
            if not np.isfinite(vertices).all():
                raise DataError(f"surface {number}: vertices must be finite")
            if (surface.texture is None) != (surface.uv is None):
                raise DataError(f"surface {number}: uv and texture come together")

    def _upload(self, surfaces: Sequence[Surface]) -> list[Mesh]:
        used: Counter[Any] = Counter()
        meshes = []
        for surface in surfaces:
            key = id(surface.triangles), id(surface.uv), len(surface.vertices)
            mesh = self._meshes.get((key, used[key]), partial(Mesh, self._context, surface))
            used[key] += 1
            mesh.write(surface)
            meshes.append(mesh)
        return meshes

    def _draw_shadow(self, surfaces: Sequence[Surface], meshes: Sequence[Mesh], has_lamp: bool) -> None:
        self._shadow_target.use()
        self._context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._context.front_face = "ccw"
        self._shadow_target.clear()
        for surface, mesh in zip(surfaces, meshes, strict=True):
            if has_lamp and surface.material in CASTERS:
                self._cull(surface)
                mesh.render(self._shadow_program)

    def _draw_surfaces(self, surfaces: Sequence[Surface], meshes: Sequence[Mesh], lighting: Lighting) -> None:
        self._target.use()
        self._target.clear()
        self._context.front_face = "cw"  # the picture is drawn upside down, see `clip_from_view`
        self._reflection_map(lighting.environment).use(2)
        numbers = sorted(range(len(surfaces)), key=lambda number: _ORDER.index(surfaces[number].material))
        lenses = [number for number in numbers if surfaces[number].material == Material.LENS]
        for number in numbers[: len(numbers) - len(lenses)]:
            self._draw_surface(number, surfaces[number], meshes[number])
        self._context.depth_func = "<="
        self._context.disable(moderngl.CULL_FACE)
        self._screen_arrays["backdrop"].render(moderngl.TRIANGLES, vertices=3)
        self._context.depth_func = "<"
        self._context.enable(moderngl.BLEND)
        for number in lenses:
            self._draw_surface(number, surfaces[number], meshes[number])

    def _draw_surface(self, number: int, surface: Surface, mesh: Mesh) -> None:
        program = self._materials[_PROGRAMS[surface.material]]
        if surface.texture is None:
            self._white.use(0)
        else:
            make = partial(SurfaceTexture, self._context, surface.texture, _TEXELS_PER_PX * self.size_px)
            self._textures.get(id(surface.texture), make).texture.use(0)
        if "tint" in program:
            program["tint"] = (*map(float, surface.tint), surface.opacity)
        program["finish"] = (surface.roughness, number + 1.0)
        self._cull(surface)
        mesh.render(program)

    def _cull(self, surface: Surface) -> None:
        if surface.two_sided:
            self._context.disable(moderngl.CULL_FACE)
        else:
            self._context.enable(moderngl.CULL_FACE)

    def _draw_occlusion(self, camera: Camera) -> None:
        self._occlusion_target.use()
        self._context.enable_only(moderngl.NOTHING)
        program = self._screens["occlusion"]
        if "reach" in program:
            program["reach"] = (_OCCLUSION_CM * camera.scale_px_per_cm, camera.scale_px_per_cm, float(self.size_px))
        self._screen_arrays["occlusion"].render(moderngl.TRIANGLES, vertices=3)

    def _resolve(self) -> Picture:
        self._final_target.use()
        self._screen_arrays["resolve"].render(moderngl.TRIANGLES, vertices=3)
        size = self.size_px
        rgba = np.frombuffer(self._final_target.read(components=4, alignment=1), np.uint8).reshape(size, size, 4)
        depth = np.frombuffer(self._final_target.read(components=1, attachment=1, dtype="f4", alignment=1), np.float32)
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
        self._laps = {}
        for _ in range(repeat):
            self.draw(surfaces, camera, lighting)
        laps, self._laps = self._laps, None
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
