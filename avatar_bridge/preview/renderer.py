"""The avatar drawn by pyrender, off screen: weak perspective, as the network sees heads (Eq. 3)."""

from __future__ import annotations

import os
import sys
import threading
from types import TracebackType
from typing import Any, Final

import numpy as np

from avatar_bridge.avatar import Avatar, Part
from avatar_bridge.errors import AvatarError
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.types import Float32, UInt8

NEED_OPENGL: Final = (
    "no OpenGL here ({reason}); on Debian or Ubuntu install libegl1 libgl1 libgles2 (sudo apt install libegl1 libgl1 libgles2)"
)
VIEW_CM: Final = 32.0
"""Height of the default view: head and neck."""
CENTER_CM: Final = (0.0, 0.5, 0.0)
"""Model point in the middle of the default view."""
_POSITION_AND_NORMAL: Final = 6


class AvatarRenderer:
    """Draws an avatar; use it from the thread that made it, and close it."""

    def __init__(self, avatar: Avatar, width: int = 512, height: int = 512) -> None:
        """Open a GL context. Raises AvatarError in one line where there is no OpenGL or no pyrender."""
        pyrender = import_pyrender()
        self.avatar, self.width, self.height = avatar, width, height
        try:
            self._offscreen = pyrender.OffscreenRenderer(width, height)
        except Exception as error:  # EGL, OSMesa and pyglet each have their own kinds
            raise AvatarError(NEED_OPENGL.format(reason=_first_line(error))) from error
        self._thread = threading.get_ident()
        self._scene, self._head, self._primitives = _build_scene(pyrender, avatar)
        self._camera = pyrender.OrthographicCamera(1.0, 1.0, znear=1.0, zfar=200.0)
        self._scene.add(self._camera, pose=_translation(0, 0, 100))
        self._parts = [part for part in (avatar.skin, avatar.accessories) if part is not None]
        self._buffers = [_interleave(primitive) for primitive in self._primitives]
        self._flags = pyrender.RenderFlags.RGBA | pyrender.RenderFlags.SKIP_CULL_FACES
        self._background = studio_background(width, height)

    @property
    def px_per_cm(self) -> float:
        """Scale of the default view."""
        return self.height / VIEW_CM

    def render(
        self,
        alpha_exp: Float32,
        euler_rad: Float32,
        translation_px: Float32 | None = None,
        scale_px_per_cm: float | None = None,
        background: UInt8 | None = None,
    ) -> UInt8:
        """Draw the avatar.

        Args:
            alpha_exp: (E,) in [0, 1].
            euler_rad: (3,) pitch, yaw, roll.
            translation_px: (2 or 3,) where the model's origin comes to lie, image px; default: head in the middle.
            scale_px_per_cm: f of Eq. (3); default: head and neck fill the view.
            background: (H, W, 3) BGR; default: a studio grey.

        Returns:
            (H, W, 3) uint8 BGR.
        """
        if threading.get_ident() != self._thread:
            raise AvatarError("an AvatarRenderer must be used from the thread that made it")
        scale = self.px_per_cm if scale_px_per_cm is None else max(float(scale_px_per_cm), 1e-3)
        rotation = matrix_from_euler(np.asarray(euler_rad, np.float64))
        if translation_px is None:
            offset = -np.array(CENTER_CM)
        else:
            x, y = float(translation_px[0]), float(translation_px[1])
            offset = np.array([(x - self.width / 2) / scale, (self.height / 2 - y) / scale, 0.0])
        self._camera.xmag, self._camera.ymag = self.width / (2 * scale), self.height / (2 * scale)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, offset
        self._scene.set_pose(self._head, pose)
        self._upload(np.asarray(alpha_exp, np.float32))
        color, _ = self._offscreen.render(self._scene, self._flags)
        return _compose(color, self._background if background is None else background)

    def _upload(self, alpha_exp: Float32) -> None:
        """Overwrite positions and normals in the buffers that the first frame made: no mesh is built per frame."""
        from OpenGL.GL import GL_ARRAY_BUFFER, glBindBuffer, glBufferSubData

        platform = self._offscreen._platform
        platform.make_current()
        for part, primitive, buffer in zip(self._parts, self._primitives, self._buffers, strict=True):
            vertices = part.vertices(alpha_exp)
            buffer[:, :3], buffer[:, 3:_POSITION_AND_NORMAL] = vertices, part.normals(vertices)
            if primitive._vaid is None:  # not drawn yet: pyrender fills the buffer from these
                primitive.positions, primitive.normals = buffer[:, :3].copy(), buffer[:, 3:_POSITION_AND_NORMAL].copy()
                continue
            glBindBuffer(GL_ARRAY_BUFFER, primitive._buffers[0])
            glBufferSubData(GL_ARRAY_BUFFER, 0, buffer.nbytes, buffer)
            glBindBuffer(GL_ARRAY_BUFFER, 0)

    def close(self) -> None:
        """Free the GL context; may be called twice."""
        if self._offscreen is not None:
            self._offscreen.delete()
            self._offscreen = None

    def __enter__(self) -> AvatarRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def import_pyrender() -> Any:
    """Import pyrender for drawing off screen; AvatarError where it is not installed or finds no OpenGL."""
    if sys.platform == "linux" and "pyrender" not in sys.modules:
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    if not hasattr(np, "infty"):
        np.infty = np.inf  # type: ignore[attr-defined]  # pyrender 0.1.45 was written for numpy 1
    try:
        import pyrender
    except ModuleNotFoundError as error:
        raise AvatarError(f"the preview needs {error.name}: pip install 'rdr-live[preview]'") from error
    except Exception as error:  # PyOpenGL raises AttributeError, ImportError or OSError where a library is missing
        raise AvatarError(NEED_OPENGL.format(reason=_first_line(error))) from error
    return pyrender


def studio_background(width: int, height: int) -> UInt8:
    """A soft grey gradient, lighter behind the head, (H, W, 3) BGR."""
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    light = np.exp(-(x**2 + (y + 0.1) ** 2) * 0.9)[..., None]
    return (np.array([64, 56, 50]) + light * np.array([82, 80, 76])).astype(np.uint8)


def _compose(rgba: UInt8, background: UInt8) -> UInt8:
    """Lay what was drawn on black with alpha over a BGR background."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return np.clip(rgba[..., 2::-1] + (1 - alpha) * background, 0, 255).astype(np.uint8)


def _build_scene(pyrender: Any, avatar: Avatar) -> tuple[Any, Any, list[Any]]:
    scene = pyrender.Scene(bg_color=[0, 0, 0, 0], ambient_light=[0.32, 0.32, 0.34])
    sampler = pyrender.Sampler(wrapS=33071, wrapT=33071)  # GL_CLAMP_TO_EDGE
    texture = pyrender.Texture(source=np.ascontiguousarray(avatar.texture), source_channels="RGB", sampler=sampler)
    skin = pyrender.MetallicRoughnessMaterial(
        baseColorTexture=texture, metallicFactor=0.0, roughnessFactor=0.62, doubleSided=True
    )
    inside = pyrender.MetallicRoughnessMaterial(metallicFactor=0.0, roughnessFactor=0.35, doubleSided=True)
    primitives = [_primitive(pyrender, avatar.skin, skin)]
    if avatar.accessories is not None:
        primitives.append(_primitive(pyrender, avatar.accessories, inside))
    head = scene.add(pyrender.Mesh(primitives))
    for direction, strength, color in (
        ((-0.5, 0.6, 1.0), 2.6, (1.0, 0.97, 0.93)),  # key
        ((0.9, 0.1, 0.6), 1.1, (0.9, 0.95, 1.0)),  # fill
        ((0.3, 0.8, -1.0), 2.0, (1.0, 1.0, 1.0)),  # rim
    ):
        light = pyrender.DirectionalLight(color=np.array(color), intensity=strength)
        scene.add(light, pose=_looking_from(np.array(direction)))
    return scene, head, primitives


def _primitive(pyrender: Any, part: Part, material: Any) -> Any:
    colors = None if part.colors is None else np.concatenate([part.colors, np.ones((len(part.colors), 1))], axis=1)
    uv = None if part.uv is None else part.uv * [1, -1] + [0, 1]  # GL's v runs up
    return pyrender.Primitive(
        positions=part.neutral.copy(),
        normals=part.normals(part.neutral),
        indices=part.triangles,
        texcoord_0=uv,
        color_0=colors,
        material=material,
    )


def _interleave(primitive: Any) -> Float32:
    """The vertex buffer as pyrender lays it out: position, normal, then texture coordinates or colour."""
    rest = [a for a in (primitive.texcoord_0, primitive.color_0) if a is not None]
    return np.ascontiguousarray(np.hstack([primitive.positions, primitive.normals, *rest]), np.float32)


def _translation(x: float, y: float, z: float) -> Float32:
    pose = np.eye(4)
    pose[:3, 3] = x, y, z
    return pose


def _looking_from(direction: Float32) -> Float32:
    """Pose of a light that shines from `direction` to the origin: its own -z points there."""
    z = direction / np.linalg.norm(direction)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([x, np.cross(z, x), z], axis=1)
    return pose


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
