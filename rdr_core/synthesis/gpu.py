"""The GPU without a window: context, programs, and what is kept between pictures (textures, meshes).

Arrays are known by identity: who draws passes the same array again, and does not write to it. The cache holds a
reference to each, so that an identity never comes to mean another array.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from importlib.resources import files
from typing import Any, Generic, Protocol, TypeVar

import cv2
import moderngl
import numpy as np

from rdr_core.errors import ConfigError, DataError
from rdr_core.synthesis.surface import Surface
from rdr_core.types import Float32, UInt8


def open_context() -> moderngl.Context:
    """A standalone EGL context of GL 3.3, on a GPU or in software; ConfigError where there is none."""
    os.environ.setdefault("LP_NUM_THREADS", "0")  # Mesa: a second thread would only wait in turn with ours
    settings: dict[str, Any] = {"backend": "egl"}
    try:
        return moderngl.create_context(standalone=True, require=330, **settings)
    except Exception as error:  # moderngl raises Exception itself
        raise ConfigError(
            f"no GL context ({error}); install the EGL library of Mesa (libegl1) or of the GPU"
        ) from error


def build_program(
    context: moderngl.Context, vertex: str, *fragments: str, **constants: bool | float
) -> moderngl.Program:
    """Compile shaders/*.glsl, the fragment shader from several; `constants` become macros of it, False ones do not."""
    macros = "".join(f"#define {name} {value}\n" for name, value in constants.items() if value is not False)
    head = "#version 330 core\n"
    return context.program(
        vertex_shader=head + _source("frame") + _source(vertex),
        fragment_shader="\n".join([head + macros, _source("frame"), *map(_source, fragments)]),
    )


@cache
def _source(name: str) -> str:
    return (files("rdr_core.synthesis") / "shaders" / f"{name}.glsl").read_text()


class Kept(Protocol):
    """Something that occupies the GPU."""

    n_bytes: int

    def release(self) -> None:
        """Free it."""


K = TypeVar("K", bound=Kept)


class GpuCache(Generic[K]):
    """Keeps what is asked for; `trim` frees the least recently used beyond `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.n_bytes = 0
        self._kept: OrderedDict[Hashable, K] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], K]) -> K:
        """Return what is kept under the key, made now if need be."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = make()
            self.n_bytes += kept.n_bytes
        self._kept.move_to_end(key)
        return kept

    def trim(self) -> None:
        """Free the least recently used beyond the limit; call it while none of them is in use."""
        while self.n_bytes > self.limit_bytes and self._kept:
            _, kept = self._kept.popitem(last=False)
            self.n_bytes -= kept.n_bytes
            kept.release()


class SurfaceTexture:
    """A picture on the GPU with mipmaps, no larger than `limit_px`."""

    def __init__(self, context: moderngl.Context, image: UInt8, limit_px: int) -> None:
        self.source = image
        height, width = image.shape[:2]
        shrink = max(height, width) / limit_px
        if shrink > 1:
            size = max(1, round(width / shrink)), max(1, round(height / shrink))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        rgba = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])  # three bytes a texel are slow to sample
        self.texture = context.texture(rgba.shape[1::-1], 4, np.ascontiguousarray(rgba), alignment=1)
        self.texture.build_mipmaps()
        self.texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        self.n_bytes = image.nbytes + rgba.nbytes * 4 // 3  # the source is held, too, but is the caller's

    def release(self) -> None:
        self.texture.release()


class Mesh:
    """The buffers of a surface: triangles and uv stay, the rest is written for each picture."""

    def __init__(self, context: moderngl.Context, surface: Surface) -> None:
        self._context = context
        self.source = (surface.triangles, surface.uv)
        n_vertices = len(surface.vertices)
        if surface.triangles.min(initial=0) < 0 or surface.triangles.max(initial=0) >= n_vertices:
            raise DataError(f"triangles must index the {n_vertices} vertices of their surface")
        uv = np.zeros((n_vertices, 2), np.float32) if surface.uv is None else surface.uv
        self._indices = context.buffer(np.ascontiguousarray(surface.triangles, np.int32))
        self._uv = context.buffer(np.ascontiguousarray(uv, np.float32))
        self._positions, self._normals = (context.buffer(reserve=12 * n_vertices, dynamic=True) for _ in range(2))
        self._light = context.buffer(np.ones(n_vertices, np.float32), dynamic=True)
        self._is_lit = True
        self._arrays: dict[moderngl.Program, moderngl.VertexArray] = {}
        self.n_bytes = 36 * n_vertices + self._indices.size

    def write(self, surface: Surface) -> None:
        """Upload what moves."""
        self._positions.write(_floats(surface.vertices))
        self._normals.write(_floats(surface.normals))
        if surface.light is not None:
            self._light.write(_floats(surface.light))
        elif not self._is_lit:
            self._light.write(np.ones(len(surface.vertices), np.float32))
        self._is_lit = surface.light is None

    def render(self, program: moderngl.Program) -> None:
        """Draw with a program that takes the attributes in_position and perhaps in_normal, in_uv, in_light."""
        array = self._arrays.get(program)
        if array is None:
            buffers = {"in_position": (self._positions, "3f"), "in_normal": (self._normals, "3f")}
            buffers |= {"in_uv": (self._uv, "2f"), "in_light": (self._light, "1f")}
            content = [(buffer, kind, name) for name, (buffer, kind) in buffers.items() if name in program]
            array = self._arrays[program] = self._context.vertex_array(
                program, content, self._indices, skip_errors=True
            )
        array.render()

    def release(self) -> None:
        for array in self._arrays.values():
            array.release()
        for buffer in (self._indices, self._uv, self._positions, self._normals, self._light):
            buffer.release()


def _floats(values: Float32) -> Float32:
    return np.ascontiguousarray(values, np.float32)
