"""The avatar as other programs take it: meshes with morph targets, a head and two eyes that turn.

V: vertices.  T: frames.  Model frame: cm, +x the subject's left, +y up, +z out of the face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from avatar_bridge.avatar import SKIN, Avatar, Part, default_avatar, load_skin
from avatar_bridge.errors import ConvertError
from avatar_bridge.mapping_file import load_preset
from avatar_bridge.resample import same_sign
from avatar_bridge.retarget import mirrored_name
from avatar_bridge.tracks import FaceTrack
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.eyes import gaze_rotation
from rdr_core.geometry.rotation import euler_from_matrix, quaternion_from_euler
from rdr_core.geometry.smoothstep import smoothstep
from rdr_core.types import Float32

Array = npt.NDArray[Any]
MOVES_CM: Final = 0.005
"""What a target moves less stands still in it: far below what can be seen."""
_SIDES_BLEND_CM: Final = 1.0
"""Across the middle of the face, one half of a shape goes over into the other."""


@dataclass(frozen=True, eq=False)
class MorphMesh:
    """One mesh with one material."""

    name: str
    """Skin, EyeLeft, EyeRight, Mouth, or what a file calls it."""
    vertices: Float32
    """(V, 3) cm, of the neutral face; of an eye from its pivot."""
    normals: Float32
    """(V, 3) unit vectors."""
    triangles: Array
    """(F, 3) int32, counter-clockwise from outside."""
    targets: Mapping[str, Float32]
    """Shape -> (V, 3) offsets in cm; only shapes that move this mesh."""
    roughness: float
    """0 (wet) to 1 (chalk)."""
    specular: float
    """0 to 1: how much it shines."""
    uv: Float32 | None
    """(V, 2) v down."""
    texture: bytes | None
    """A JPEG or PNG file, where there is uv."""
    colors: Float32 | None
    """(V, 3) RGB in [0, 1], linear light."""
    pivot: Float32 | None = None
    """(3,) cm: an eye turns about it."""

    @property
    def texture_type(self) -> str:
        """MIME type of the texture."""
        return "image/png" if self.texture and self.texture.startswith(b"\x89PNG") else "image/jpeg"


@dataclass(frozen=True, eq=False)
class Motion:
    """What moves the avatar."""

    seconds: Array
    """(T,) float64."""
    head: Array
    """(T, 4) float64 unit quaternions w, x, y, z, without jumps of sign."""
    position_cm: Array
    """(T, 3) off the middle of the picture."""
    eyes: Mapping[str, Array]
    """EyeLeft and EyeRight -> (T, 4) as `head`, within the head."""


def rig_of(names: tuple[str, ...], avatar: Avatar | None = None) -> tuple[MorphMesh, ...]:
    """Return an avatar, by default the default one, with targets of these names: FaceWarehouse's or ARKit's."""
    if names == BLENDSHAPE_NAMES:
        shapes = {name: (name, 0) for name in names}
    elif names == load_preset("arkit").targets:
        shapes = _arkit_shapes()
    else:
        raise ConvertError("the avatar has the shapes of FaceWarehouse or ARKit: take --names facewarehouse or arkit")
    parts = _in_order((avatar or default_avatar()).parts)
    return tuple(_mesh(part, {} if part.gaze else shapes, _texture_file(part)) for part in parts)


def motion_of(face: FaceTrack) -> Motion:
    """Return the motion of a track of FaceWarehouse's shapes: the gaze is in them."""
    eyes = {}
    for name, is_left in (("EyeLeft", True), ("EyeRight", False)):
        turns = np.stack([gaze_rotation(weights, is_left) for weights in face.weights])
        eyes[name] = same_sign(quaternion_from_euler(euler_from_matrix(turns)))
    head = face.quaternion.astype(np.float64)
    head /= np.linalg.norm(head, axis=1, keepdims=True)
    return Motion(face.seconds, same_sign(head), face.position_cm, eyes)


def _arkit_shapes() -> dict[str, tuple[str, int]]:
    """Return for each ARKit shape that the avatar can make the shape it is of, and its side: 1 left, -1 right, 0 all.

    It is the shape that drives it most; where that one has no sides, half of it.
    """
    shapes: dict[str, tuple[str, int]] = {}
    for entry in sorted(load_preset("arkit").entries, key=lambda entry: -entry.gain):
        sided = mirrored_name(entry.target) != entry.target and mirrored_name(entry.source) == entry.source
        side = 0 if not sided else 1 if entry.target.endswith("Left") else -1
        shapes.setdefault(entry.target, (entry.source, side))
    return shapes


def _in_order(parts: tuple[Part, ...]) -> list[Part]:
    """Return skin, left eye, right eye and the rest of an avatar."""
    skin, *others = parts
    eyes = sorted((p for p in others if p.gaze is not None), key=lambda p: not (p.gaze and p.gaze.is_left))
    return [skin, *eyes, *(p for p in others if p.gaze is None)]


def _texture_file(part: Part) -> bytes | None:
    if part.texture is None:
        return None
    if part.texture is load_skin():
        return (files("rdr_core") / "assets" / SKIN).read_bytes()
    return _jpeg(part.texture) if part.gaze is None else _png(part.texture)


def _mesh(part: Part, shapes: Mapping[str, tuple[str, int]], texture: bytes | None) -> MorphMesh:
    pivot = None if part.gaze is None else np.asarray(part.gaze.pivot, np.float32)
    return MorphMesh(
        name=part.name,
        vertices=part.neutral if pivot is None else part.neutral - pivot,
        normals=part.normals(part.neutral),
        triangles=part.triangles,
        targets=_targets(part, shapes),
        roughness=part.roughness,
        specular=part.specular,
        uv=part.uv,
        texture=texture,
        colors=part.colors,
        pivot=pivot,
    )


def _targets(part: Part, shapes: Mapping[str, tuple[str, int]]) -> dict[str, Float32]:
    left = smoothstep(-_SIDES_BLEND_CM, _SIDES_BLEND_CM, part.neutral[:, :1])
    share = {0: np.ones_like(left), 1: left, -1: 1 - left}
    targets = {}
    for name, (source, side) in shapes.items():
        offsets = part.offsets[BLENDSHAPE_NAMES.index(source)] * share[side]
        still = np.linalg.norm(offsets, axis=1) < MOVES_CM
        if not still.all():
            targets[name] = np.where(still[:, None], 0, offsets).astype(np.float32)
    return targets


def _jpeg(texture: Any) -> bytes:
    return bytes(cv2.imencode(".jpg", texture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1])


def _png(texture: Any) -> bytes:
    return bytes(cv2.imencode(".png", texture[..., ::-1])[1])
