"""The avatar drawn off screen: weak perspective, as the network sees heads (Eq. 3)."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final

import cv2
import numpy as np

from avatar_bridge.avatar import Avatar, Part
from avatar_bridge.errors import AvatarError
from avatar_bridge.preview.opengl import OffscreenContext, import_pyrender
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.types import Float32, UInt8

VIEW_CM: Final = 30.0
"""Height of the default view: head and neck."""
CENTER_CM: Final = (0.0, 1.0, 0.0)
"""Model point in the middle of the default view."""
MAX_SIDE_PX: Final = 8192
_DISTANCE_CM: Final = 100.0
_POSITION_AND_NORMAL: Final = 6


class AvatarRenderer:
    """Draws an avatar; use it from the thread that made it, and close it."""

    def __init__(self, avatar: Avatar, width: int = 512, height: int = 512, samples: int = 4) -> None:
        """Open a GL context; samples 0, 2, 4, 8 is its anti-aliasing.

        Raises AvatarError in one line where there is no OpenGL or no pyrender.
        """
        if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX) or samples not in (0, 2, 4, 8):
            raise AvatarError(
                f"cannot draw {width}x{height} px with {samples} samples: sides must be 1 to {MAX_SIDE_PX}, "
                "samples 0, 2, 4 or 8"
            )
        pyrender = import_pyrender()
        self.avatar, self.width, self.height = avatar, width, height
        self._context = OffscreenContext(width, height, samples)
        self._primitives = [_primitive(pyrender, part) for part in avatar.parts]
        self._buffers = [_interleave(primitive) for primitive in self._primitives]
        self._scene = pyrender.Scene(bg_color=[0, 0, 0, 0])
        self._head = self._scene.add(pyrender.Mesh(self._primitives))
        self._camera = pyrender.OrthographicCamera(1.0, 1.0, znear=1.0, zfar=2 * _DISTANCE_CM)
        self._eye = self._scene.add(self._camera)
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
        orbit_rad: tuple[float, float] = (0.0, 0.0),
    ) -> UInt8:
        """Draw the avatar. The head turns; the neck follows and the shoulders stay.

        Args:
            alpha_exp: (E,) in [0, 1].
            euler_rad: (3,) pitch, yaw, roll.
            translation_px: (2 or 3,) where the model's origin comes to lie, image px; default: head in the middle.
            scale_px_per_cm: f of Eq. (3); default: head and neck fill the view.
            background: (H, W, 3) BGR; default: a studio grey.
            orbit_rad: from where it is seen: how far up, and how far to the right of the picture.

        Returns:
            (H, W, 3) uint8 BGR.
        """
        scale = self.px_per_cm if scale_px_per_cm is None else max(float(scale_px_per_cm), 1e-3)
        pose = np.eye(4)
        pose[:3, :3] = matrix_from_euler(np.asarray(euler_rad, np.float64))
        if translation_px is None:
            pose[:3, 3] = -np.array(CENTER_CM)
        else:
            x, y = float(translation_px[0]), float(translation_px[1])
            pose[:2, 3] = (x - self.width / 2) / scale, (self.height / 2 - y) / scale
        if not np.isfinite(pose).all() or not np.isfinite(alpha_exp).all():
            raise AvatarError("cannot draw a face with values that are not finite")
        self._camera.xmag, self._camera.ymag = self.width / (2 * scale), self.height / (2 * scale)
        self._scene.set_pose(self._head, pose)
        self._scene.set_pose(self._eye, _eye_pose(*orbit_rad))
        self._move(alpha_exp)
        drawn = self._context.draw(self._scene)
        return _compose(drawn, self._background if background is None else background)

    def set_wireframe(self, wanted: bool) -> None:
        """Draw edges alone from now on, or surfaces again."""
        self._context.wireframe = wanted

    def _move(self, alpha_exp: Float32) -> None:
        """Overwrite positions and normals in the buffers that the first frame made: no mesh is built per frame."""
        for part, primitive, buffer in zip(self.avatar.parts, self._primitives, self._buffers, strict=True):
            vertices = part.vertices(alpha_exp)
            buffer[:, :3], buffer[:, 3:_POSITION_AND_NORMAL] = vertices, part.normals(vertices)
            if primitive._vaid is None:  # not drawn yet: pyrender fills the buffer from these
                primitive.positions, primitive.normals = buffer[:, :3].copy(), buffer[:, 3:_POSITION_AND_NORMAL].copy()
            else:
                self._context.upload(primitive, buffer)

    def close(self) -> None:
        """Free the GL context; may be called twice."""
        self._context.close()

    def __enter__(self) -> AvatarRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _eye_pose(up_rad: float, right_rad: float) -> np.ndarray:
    """(4, 4) place of the camera: on a sphere around the origin, looking at it."""
    pose = np.eye(4)
    pose[:3, :3] = matrix_from_euler(np.array([0.0, right_rad, 0.0])) @ matrix_from_euler(np.array([up_rad, 0.0, 0.0]))
    pose[:3, 3] = _DISTANCE_CM * pose[:3, 2]
    return pose


def studio_background(width: int, height: int) -> UInt8:
    """A soft grey gradient, lighter behind the head, (H, W, 3) BGR."""
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    light = np.exp(-(x**2 + (y + 0.1) ** 2) * 0.9)[..., None]
    dither = np.random.default_rng(0).uniform(0, 1, light.shape)  # 8 bits show bands otherwise
    return (np.array([64, 56, 50]) + light * np.array([82, 80, 76]) + dither).astype(np.uint8)


def _compose(bgra: UInt8, background: UInt8) -> UInt8:
    """Lay what was drawn on black, with its alpha, over a BGR background."""
    if background.shape != (*bgra.shape[:2], 3):
        raise AvatarError(f"a background must be {(*bgra.shape[:2], 3)}, got {background.shape}")
    uncovered = cv2.cvtColor(255 - np.ascontiguousarray(bgra[..., 3]), cv2.COLOR_GRAY2BGR)
    behind = cv2.multiply(background, uncovered, scale=1 / 255)
    return cv2.add(cv2.cvtColor(np.ascontiguousarray(bgra), cv2.COLOR_BGRA2BGR), behind)


def _primitive(pyrender: Any, part: Part) -> Any:
    material = pyrender.MetallicRoughnessMaterial(roughnessFactor=part.roughness, doubleSided=False)
    if part.texture is not None:
        sampler = pyrender.Sampler(wrapS=33071, wrapT=33071)  # GL_CLAMP_TO_EDGE
        source = np.ascontiguousarray(part.texture)
        material.baseColorTexture = pyrender.Texture(source=source, source_channels="RGB", sampler=sampler)
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
