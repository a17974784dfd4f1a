"""The fixed parts of drawing: the targets that passes draw into, the programs that they run, and the textures between.

What each pass does is said in its shader, shaders/NAME.glsl.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import moderngl

from rdr_core.synthesis.environment import REFLECTION_PX
from rdr_core.synthesis.frame import FRAME_BYTES
from rdr_core.synthesis.gpu import build_program
from rdr_core.synthesis.surface import Material

SHADERS: Final = {
    Material.SKIN: "skin",
    Material.HAIR: "hair",
    Material.EYE: "eye",
    Material.TEETH: "gloss",
    Material.MOUTH: "gloss",
    Material.CLOTH: "cloth",
    Material.OBJECT: "gloss",
}
"""The shading of each opaque material."""
REFLECTIONS_UNIT: Final = 1
"""Texture unit of the environment's reflections; unit 0 is the surface's own texture."""
_SHADOW_PX: Final = 384
_OCCLUSION_PX: Final = 128
"""Ambient light changes slowly over a picture of any size."""


class Pipeline:
    """Targets and programs for pictures of one size, with `per_side` x `per_side` samples a pixel."""

    def __init__(self, context: moderngl.Context, size_px: int, per_side: int) -> None:
        self.context = context
        self._per_side = per_side
        self._build_targets(size_px)
        self._build_programs()

    def _build_targets(self, size_px: int) -> None:
        context, size = self.context, (size_px, size_px)
        fine = (size_px * self._per_side, size_px * self._per_side)
        rows = (size_px, size_px * self._per_side)
        self._shadow = context.depth_texture((_SHADOW_PX, _SHADOW_PX))
        self._shadow.compare_func = "<="
        self._geometry = context.texture(fine, 4, dtype="u4")
        self._geometry.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._occlusion = context.texture((min(size_px // 2, _OCCLUSION_PX),) * 2, 1)
        self.backdrop = context.texture(size, 3, alignment=1)
        self._colors = context.texture(rows, 4)
        self.white = context.texture((1, 1), 3, b"\xff\xff\xff", alignment=1)
        for texture in (self._shadow, self._occlusion, self.backdrop):
            texture.repeat_x = texture.repeat_y = False
        owner = context.depth_renderbuffer(rows)
        self.targets = {
            "shadow": context.framebuffer(depth_attachment=self._shadow),
            "geometry": context.framebuffer([self._geometry], context.depth_renderbuffer(fine)),
            "owner": context.framebuffer(depth_attachment=owner),
            "occlusion": context.framebuffer([self._occlusion]),
            "shading": context.framebuffer([self._colors], owner),
            "lenses": context.framebuffer([self._colors]),
            "picture": context.framebuffer([context.texture(size, 4), context.texture(size, 1, dtype="f4")]),
        }

    def _build_programs(self) -> None:
        context = self.context
        self.frame = context.buffer(reserve=FRAME_BYTES)
        self.frame.bind_to_uniform_block(0)
        scale = 0.5 * (REFLECTION_PX - 1) / REFLECTION_PX
        build = partial(build_program, context, REFLECTION_SCALE=scale, SAMPLES=self._per_side)
        self.shading = {
            name: build("screen.vert", "packing", "light", "shade", name, STRANDS=name == "hair")
            for name in sorted(set(SHADERS.values()))
        }
        self.geometry_programs = {
            strands: build("surface.vert", "packing", "geometry.frag", STRANDS=strands) for strands in (False, True)
        }
        self.shadow_program = build("shadow.vert", "shadow.frag")
        self.lens_program = build("surface.vert", "packing", "light", "lens")
        self.screens = {
            name: build("screen.vert", "packing", f"{name}.frag")
            for name in ("nothing", "owner", "occlusion", "backdrop", "resolve")
        }
        textures = {
            "surface_texture": self.white,
            "reflections": None,
            "shadow_map": self._shadow,
            "geometry": self._geometry,
            "occlusion": self._occlusion,
            "picture": self.backdrop,
            "colors": self._colors,
        }
        screens = (*self.shading.values(), *self.screens.values())
        self._screen_arrays = {program: context.vertex_array(program, []) for program in screens}
        for unit, (sampler, texture) in enumerate(textures.items()):
            if texture is not None:
                texture.use(unit)
            for program in (*screens, self.lens_program):
                if sampler in program:
                    program[sampler] = unit

    def begin(self, target: str, flags: int, depth_func: str = "<") -> None:
        """Make a target current, with the given tests on."""
        self.targets[target].use()
        self.context.enable_only(flags)
        self.context.depth_func = depth_func

    def fill(self, screen: str, depth: float = 0.0) -> None:
        """Run a program of `screens` over the whole target, at a depth of 0..1."""
        self.cover(self.screens[screen], depth)

    def cover(self, program: moderngl.Program, depth: float) -> None:
        """Run a program over the whole target."""
        program["depth"] = depth
        self._screen_arrays[program].render(moderngl.TRIANGLES, vertices=3)
