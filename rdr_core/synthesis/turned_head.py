"""A pictured head turned to another pose: the picture, its label, and how much of the face is real.

N: vertices of the head mesh.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from rdr_core.data.crop import Crop, crop_from_landmarks
from rdr_core.data.label import FaceLabel
from rdr_core.fitting.contour import own_landmarks, visible_landmarks
from rdr_core.fitting.fit_group import face_box_size
from rdr_core.geometry.rotation import euler_from_matrix, matrix_from_euler
from rdr_core.geometry.weak_perspective import project
from rdr_core.synthesis.head_mesh import PIVOT, HeadMesh
from rdr_core.synthesis.head_paint import sample
from rdr_core.synthesis.source_head import FittedFace, SourceHead
from rdr_core.synthesis.turn_renderer import SUPERSAMPLING, Drawn, TurnRenderer
from rdr_core.types import Float32, UInt8

MARGIN: Final = 1.9
"""Side of the picture over the larger side of the landmarks' box."""
_FINE: Final = 0.25
"""Texels finer than this, against those of a face seen straight on, are not stretched."""
_HIDDEN_CM: Final = 0.4
"""A landmark this far behind what is drawn is hidden."""


@dataclass(frozen=True)
class Realness:
    """What the visible face is made of, shares of its px."""

    own: float
    """Texels of the picture itself."""
    mirrored: float
    """Texels of the face's other half."""
    stretched: float
    """Of those, drawn over so many px that they smear."""
    folded: float
    """Drawn from behind: the mesh turned inside out."""

    @property
    def torn(self) -> float:
        """Share of the face that shows nothing real: neither seen nor mirrored, smeared, or folded."""
        return 1 - self.own - self.mirrored + self.stretched + self.folded


@dataclass(frozen=True, eq=False)
class TurnedFace:
    """A picture of a turned face."""

    image: UInt8
    """(s, s, 3) BGR."""
    label: FaceLabel
    """In the picture's px; `visible` regards the head itself."""
    realness: Realness


def turn(
    head: SourceHead,
    face: FittedFace,
    yaw_rad: float,
    nod_rad: float,
    mesh: HeadMesh,
    renderer: TurnRenderer,
    most_px: int,
    source: str = "",
) -> TurnedFace:
    """Turn a head by `yaw_rad` about its own vertical axis and then by `nod_rad`, up positive, about its ears' axis."""
    turned = head.rotation @ _spin(1.0, yaw_rad, nod_rad)
    euler = euler_from_matrix(turned).astype(np.float32)
    origin = head.origin + ((head.rotation - turned) @ PIVOT)[:2] * [1, -1] * head.scale
    label = _label(head, face, mesh, euler, origin.astype(np.float32), source)
    frame = crop_from_landmarks(label.shape, 2, margin=MARGIN)
    frame = replace(frame, size=max(16, min(most_px, round(frame.side_px))))
    place = _twisted(head, mesh, yaw_rad, nod_rad) * (head.scale * np.array([1, -1, 1], np.float32))
    place[:, :2] += head.origin
    place = np.concatenate([frame.points_to_crop(place[:, :2]), place[:, 2:] * frame.scale], axis=1)
    renderer.set_picture(head.picture, head.strands)
    drawn = renderer.draw(place, head.paint, frame.size, 1 / frame.scale)
    label = _in_frame(label, frame)
    depth_px = _depths(head, mesh, turned) * frame.scale
    visible = _visible(label.shape, depth_px, drawn.depth, _HIDDEN_CM * label.scale_px_per_cm)
    return TurnedFace(_compose(head, drawn, frame), replace(label, visible=visible), realness(drawn))


def _twisted(head: SourceHead, mesh: HeadMesh, yaw_rad: float, nod_rad: float) -> Float32:
    """(N, 3) camera frame, cm: the head turned, the neck twisted under it, the bust where it was."""
    offset = head.drawn - PIVOT
    moved = offset @ _spin(1.0, yaw_rad, nod_rad).T
    neck = np.flatnonzero(mesh.turning < 1)
    spins = _spin(mesh.turning[neck], yaw_rad, nod_rad)  # (n, 3, 3)
    moved[neck] = np.einsum("nij,nj->ni", spins, offset[neck])
    return (moved + PIVOT) @ head.rotation.T


def _spin(share: Float32 | float, yaw_rad: float, nod_rad: float) -> Float32:
    """(...) shares of a turn -> (..., 3, 3)."""
    angles = np.asarray(share, np.float32)[..., None] * np.array([nod_rad, yaw_rad, 0], np.float32)
    return matrix_from_euler(angles)


def _marks(head: SourceHead, mesh: HeadMesh, euler_rad: Float32) -> Float32:
    """(68, 3) model frame, cm: S* of the corrected mesh."""
    subset = head.corrected[mesh.model.topology.subset]
    return visible_landmarks(mesh.model.topology, subset, euler_rad).on(subset)


def _depths(head: SourceHead, mesh: HeadMesh, turned: Float32) -> Float32:
    """(68,) depth of S* as drawn, about the picture's origin, working px."""
    marks = _marks(head, mesh, euler_from_matrix(turned))
    return (((marks - PIVOT) @ turned[2]) + PIVOT @ head.rotation[2]) * head.scale


def _label(
    head: SourceHead, face: FittedFace, mesh: HeadMesh, euler: Float32, origin: Float32, source: str
) -> FaceLabel:
    """Q* and the landmarks, working px."""
    topology, scale = mesh.model.topology, np.float32(head.scale)
    fitted = head.fitted[topology.subset]
    shape = project(_marks(head, mesh, euler), euler, origin, scale)[:, :2]
    projected = project(visible_landmarks(topology, fitted, euler).on(fitted), euler, origin, scale)[:, :2]
    return FaceLabel(
        shape=shape.astype(np.float32),
        projected_shape=projected.astype(np.float32),
        landmarks_3d=project(own_landmarks(topology).on(fitted), euler, origin, scale).astype(np.float32),
        visible=np.ones(len(shape), bool),
        euler_rad=euler,
        translation_px=np.append(origin, 0).astype(np.float32),
        scale_px_per_cm=float(scale),
        alpha_id=face.alpha_id,
        alpha_exp=face.alpha_exp,
        residual=float(np.linalg.norm(projected - shape, axis=1).mean() / face_box_size(shape)),
        fitted=True,
        source=source,
    )


def _in_frame(label: FaceLabel, frame: Crop) -> FaceLabel:
    points = frame.points_to_crop(label.landmarks_3d[:, :2])
    return replace(
        label,
        shape=frame.points_to_crop(label.shape),
        projected_shape=frame.points_to_crop(label.projected_shape),
        landmarks_3d=np.concatenate([points, label.landmarks_3d[:, 2:] * frame.scale], axis=1),
        translation_px=np.append(frame.points_to_crop(label.translation_px[:2]), 0).astype(np.float32),
        scale_px_per_cm=label.scale_px_per_cm * frame.scale,
    )


def _visible(shape: Float32, depth_px: Float32, drawn: Float32, tolerance_px: float) -> np.ndarray:
    """(68,) bool: nothing that is drawn lies before the landmark. The rim of a surface does not hide itself."""
    farthest = cv2.erode(drawn, np.ones((5, 5)))
    front = sample(np.nan_to_num(farthest, neginf=-1e6), shape * SUPERSAMPLING, cv2.INTER_NEAREST)
    return depth_px > front - tolerance_px


def _compose(head: SourceHead, drawn: Drawn, frame: Crop) -> UInt8:
    matrix = frame.to_crop.astype(np.float64)
    matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
    plate = cv2.warpAffine(
        head.plate, matrix, (frame.size,) * 2, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    layer = cv2.resize(drawn.color, (frame.size,) * 2, interpolation=cv2.INTER_AREA)
    behind = cv2.multiply(plate, cv2.merge([255 - layer[..., 3]] * 3), scale=1 / 255)
    return cv2.add(layer[..., :3], behind)


def realness(drawn: Drawn) -> Realness:
    """Measure what the drawn face is made of."""
    face = drawn.origin[drawn.origin[..., 2] > 64].astype(np.float32) / 255  # (n, 4)
    if not len(face):
        return Realness(0.0, 0.0, 0.0, 0.0)
    real = face[:, 0] + face[:, 1]
    smeared = real * (face[:, 3] < _FINE)
    folded = (face[:, 2] < 0.75) * (real - smeared)
    return Realness(*(float(part.mean()) for part in (face[:, 0], face[:, 1], smeared, folded)))
