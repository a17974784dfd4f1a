"""Draws a head mesh with a picture's own texels: moderngl, headless (EGL; software Mesa will do).

V: vertices.  T: triangles.  Drawn frame: px of the square that is drawn, y down, pixel centres at .5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rdr_core.types import Float32, UInt8

if TYPE_CHECKING:
    import moderngl

SUPERSAMPLING: Final = 2
_DEPTH_REACH: Final = 4.0
"""Depth runs over this many sides of the square, half of them on either side of 0."""
_PLAIN: Final = np.full((1, 1), 128, np.uint8)
_ATTRIBUTES: Final = ("3f 4f 4f 3f 3f 3f", "place", "texel", "weight", "gain", "fill", "strand")

_VERTEX: Final = """
#version 330
uniform float side;
uniform float reach;
in vec3 place;
in vec4 texel;
in vec4 weight;
in vec3 gain;
in vec3 fill;
in vec3 strand;
out vec4 v_texel;
out vec4 v_weight;
out vec3 v_gain;
out vec3 v_fill;
out vec3 v_strand;
void main() {
    v_texel = texel;
    v_weight = weight;
    v_gain = gain;
    v_fill = fill;
    v_strand = strand;
    gl_Position = vec4(2.0 * place.xy / side - 1.0, -2.0 * place.z / (reach * side), 1.0);
}
"""
_FRAGMENT: Final = """
#version 330
uniform sampler2D picture;
uniform sampler2D strands;
uniform float straight;  // texels a drawn px where the face is seen straight on
in vec4 v_texel;
in vec4 v_weight;
in vec3 v_gain;
in vec3 v_fill;
in vec3 v_strand;
layout(location = 0) out vec4 color;
layout(location = 1) out vec4 origin;
float fineness(vec2 texel) {  // the smaller singular value of d texel / d px
    vec2 a = dFdx(texel), b = dFdy(texel);
    float square = dot(a, a) + dot(b, b), area = abs(a.x * b.y - a.y * b.x);
    float larger = sqrt(0.5 * (square + sqrt(max(square * square - 4.0 * area * area, 0.0))));
    return area / max(larger, 1e-6) / straight;
}
void main() {
    vec2 size = vec2(textureSize(picture, 0));
    float own = clamp(v_weight.x, 0.0, 1.0), mirrored = (1.0 - own) * clamp(v_weight.y, 0.0, 1.0);
    vec3 seen = texture(picture, v_texel.xy / size).rgb;
    vec3 twin = clamp(texture(picture, v_texel.zw / size).rgb * v_gain, 0.0, 1.0);
    float fine = own >= mirrored ? fineness(v_texel.xy) : fineness(v_texel.zw);
    float strand = mix(1.0, texture(strands, v_strand.xy).r * 255.0 / 128.0, v_strand.z);
    vec3 fill = clamp(v_fill * strand, 0.0, 1.0);
    color = vec4(own * seen + mirrored * twin + (1.0 - own - mirrored) * fill, 1.0) * v_weight.z;
    origin = vec4(own, mirrored, v_weight.w < 0.5 ? 0.0 : gl_FrontFacing ? 0.5 : 1.0, clamp(fine, 0.0, 1.0));
    if (v_weight.z < 0.02) discard;
}
"""


@dataclass(frozen=True, eq=False)
class VertexPaint:
    """Where the colour of each vertex comes from."""

    texel: Float32
    """(V, 4) picture px: of the vertex, of its mirror vertex."""
    weight: Float32
    """(V, 4) of the own texel, of the mirrored one, opacity, face; 0..1."""
    gain: Float32
    """(V, 3) factor on the mirrored texel, BGR."""
    fill: Float32
    """(V, 3) colour where neither texel is to be had, BGR, 0..1."""
    strand: Float32
    """(V, 3) place on the tile of hair, in tiles, and how much of it shows in `fill`."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A head, drawn `SUPERSAMPLING` times as fine as its square's px."""

    color: UInt8
    """(H, H, 4) BGR times opacity, and opacity."""
    origin: UInt8
    """(H, H, 4) weight of own texels; of mirrored ones; face, 255 or, where it is folded, 128; fineness, texels a px
    along the worse direction, 255 as where the face is seen straight on."""
    depth: Float32
    """(H, H) px of the square, larger is nearer; -inf where nothing is."""


class TurnRenderer:
    """An OpenGL context with the head's triangles in it; one a process. `release` it."""

    def __init__(self, triangles: np.ndarray, most_px: int) -> None:
        """`triangles` (T, 3); `most_px` is the side of the largest square that will be drawn."""
        import moderngl

        from rdr_core.synthesis.gpu import open_context

        self._gl = open_context()
        self._gl.enable_only(moderngl.DEPTH_TEST)
        self._program = self._gl.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self._program["reach"] = _DEPTH_REACH
        self._program["picture"], self._program["strands"] = 0, 1
        self._size = (most_px * SUPERSAMPLING,) * 2
        self._colors = [self._gl.texture(self._size, 4) for _ in range(2)]
        self._depth = self._gl.depth_texture(self._size)
        self._buffer = self._gl.framebuffer(self._colors, self._depth)
        self._indices = self._gl.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
        self._vertices: moderngl.Buffer | None = None
        self._array: moderngl.VertexArray | None = None
        self._pictures: list[moderngl.Texture] = []

    def set_picture(self, image: UInt8, strands: UInt8 | None = None) -> None:
        """Take the texels for what is drawn from now on: (H, W, 3) BGR, and a tile of hair (S, S), 128 for plain."""
        for texture in self._pictures:
            texture.release()
        self._pictures = []
        for unit, texels in enumerate((image, _PLAIN if strands is None else strands)):
            if texels.ndim == 3:  # three bytes a texel are slow to sample
                texels = np.dstack([texels, texels[..., 0]])
            components = 4 if texels.ndim == 3 else 1
            self._pictures.append(self._gl.texture(texels.shape[1::-1], components, texels.tobytes(), alignment=1))
            self._pictures[-1].repeat_x = self._pictures[-1].repeat_y = unit == 1
            self._pictures[-1].use(unit)

    def draw(self, place: Float32, paint: VertexPaint, side_px: int, texels_per_px: float) -> Drawn:
        """Draw a square.

        Args:
            place: (V, 3) drawn frame, px; the third is depth, larger is nearer.
            side_px: side of the square.
            texels_per_px: picture px a px of the square.
        """
        rows = np.concatenate(
            [place, paint.texel, paint.weight, paint.gain, paint.fill, paint.strand], axis=1, dtype=np.float32
        )
        self._upload(rows.tobytes())
        assert self._array is not None
        fine = side_px * SUPERSAMPLING
        self._buffer.use()
        self._gl.viewport = (0, 0, fine, fine)
        self._gl.clear()
        self._program["side"] = side_px
        self._program["straight"] = texels_per_px / SUPERSAMPLING
        self._array.render()
        color, origin = (self._read(attachment, fine) for attachment in range(2))
        raw = self._buffer.read((0, 0, fine, fine), components=1, attachment=-1, dtype="f4")
        far = np.frombuffer(raw, np.float32).reshape(fine, fine)
        depth = np.where(far >= 1, -np.inf, (0.5 - far) * _DEPTH_REACH * side_px).astype(np.float32)
        return Drawn(color, origin, depth)

    def _read(self, attachment: int, fine: int) -> UInt8:
        raw = self._buffer.read((0, 0, fine, fine), components=4, attachment=attachment)
        return np.frombuffer(raw, np.uint8).reshape(fine, fine, 4)

    def _upload(self, rows: bytes) -> None:
        if self._vertices is None:
            self._vertices = self._gl.buffer(rows, dynamic=True)
            content = [(self._vertices, *_ATTRIBUTES)]
            self._array = self._gl.vertex_array(self._program, content, index_buffer=self._indices)
        else:
            self._vertices.write(rows)

    def release(self) -> None:
        """Give the context back."""
        self._gl.release()
