"""What the tracker sees, drawn into the picture: mesh, landmarks, pose axes, bars of the strongest coefficients."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from avatar_bridge.preview.bars import FONT, draw_bars, put_text, text_size
from rdr_core.face_model.core_tensor import CoreTensor
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel, default_face_model
from rdr_core.face_model.topology import mesh_edges
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.geometry.weak_perspective import project
from rdr_core.landmarks import CURVES
from rdr_core.types import Float32, TrackedFace, UInt8

_SUBPIXEL: Final = 4  # bits of OpenCV's fixed-point coordinates
_AXES_BGR: Final = ((60, 60, 240), (80, 200, 60), (240, 140, 40))
_NOSE_TIP: Final = 30
_AXIS_CM: Final = 5.0
_MESH_BGR: Final = (255, 225, 170)
_CURVE_BGR: Final = (90, 235, 90)
PROJECTED_BGR: Final = (255, 80, 255)


def draw_overlay(
    image_bgr: UInt8, face: TrackedFace, mesh: bool = True, bars: bool = True, projected: bool = False
) -> UInt8:
    """Draw a tracked face on a copy of an (H, W, 3) BGR picture; a face without finite landmarks draws nothing.

    projected: also S_p, the landmarks of the 3D face, joined with those of S.
    """
    image = image_bgr.copy()
    shape = face.prediction.shape
    if not np.isfinite(shape).all():
        return image
    unit = max(1, round(float(np.ptp(shape, axis=0).max()) / 220))  # line width that suits the face's size
    if mesh:
        _draw_mesh(image, face, unit)
    if projected:
        _draw_projected(image, face, unit)
    _draw_landmarks(image, shape, unit)
    _draw_axes(image, face, unit)
    _draw_label(image, face)
    if bars:
        draw_bars(image, face.prediction.alpha_exp, face.face_id)
    return image


def draw_faces(image_bgr: UInt8, faces: Iterable[TrackedFace]) -> UInt8:
    """Draw the faces that are tracked; where there is none, return the picture itself."""
    for face in faces:
        if face.tracked:
            image_bgr = draw_overlay(image_bgr, face)
    return image_bgr


def _draw_mesh(image: UInt8, face: TrackedFace, unit: int) -> None:
    prediction = face.prediction
    tensor, edges, sides = _drawn_mesh(default_face_model())
    expression = np.append(np.float32(1), prediction.alpha_exp)  # of the neutral, then of the offsets
    weights = np.tensordot(tensor.core, prediction.alpha_id, axes=(1, 0)) @ expression
    vertices = (tensor.vertex_factor @ weights).reshape(-1, 3)
    pose = prediction.pose
    scale = np.float64(pose.scale_px_per_cm)
    projected = project(vertices, np.asarray(pose.euler_rad, np.float64), pose.translation_px, scale)
    corners = projected[sides.reshape(-1, 2, 3)][..., :2]
    first, second = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    front = (first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0] < 0).any(axis=1)  # image y is down
    lines = _fixed(projected[edges[front], :2])
    layer = image.copy()
    cv2.polylines(layer, list(lines), False, _MESH_BGR, unit, cv2.LINE_AA, _SUBPIXEL)
    cv2.addWeighted(layer, 0.22, image, 0.78, 0, dst=image)


@lru_cache(maxsize=2)
def _drawn_mesh(model: DynamicExpressionModel) -> tuple[CoreTensor, np.ndarray, np.ndarray]:
    """The face's front as (C_B of its vertices, edges (M, 2) without the diagonals of its quads, triangles beside).

    The two triangles beside each edge are (M, 6) vertices.
    """
    triangles = model.topology.triangles
    neutral = model.blendshapes()[0]
    low, high = neutral[model.topology.landmarks].min(axis=0), neutral[model.topology.landmarks].max(axis=0)
    center = neutral[triangles].mean(axis=1)
    inside = (center > low - [0.3, 1.0, 1.5]).all(axis=1) & (center < high + [0.3, 3.5, 9]).all(axis=1)
    triangles = triangles[inside]
    beside: dict[tuple[int, int], list[int]] = {}
    for number, triangle in enumerate(triangles):
        for a, b in mesh_edges(triangle[None]):
            beside.setdefault((int(a), int(b)), []).append(number)
    lengths = np.stack(
        [np.linalg.norm(neutral[triangles[:, k]] - neutral[triangles[:, k - 1]], axis=1) for k in range(3)]
    )
    longest = lengths.max(axis=0)
    kept = [
        (edge, numbers * (3 - len(numbers)))
        for edge, numbers in beside.items()
        if np.linalg.norm(neutral[edge[0]] - neutral[edge[1]]) < longest[numbers].min() - 1e-6 or len(numbers) == 1
    ]
    edges = np.array([edge for edge, _ in kept])
    sides = triangles[np.array([numbers[:2] for _, numbers in kept])].reshape(-1, 6)
    used = np.unique(sides)
    return model.tensor.rows(used), np.searchsorted(used, edges), np.searchsorted(used, sides)


def _draw_landmarks(image: UInt8, shape: Float32, unit: int) -> None:
    fixed = _fixed(shape)
    for indices, closed in CURVES:
        cv2.polylines(image, [fixed[indices]], closed, _CURVE_BGR, unit, cv2.LINE_AA, _SUBPIXEL)
    radius = max(0.7, float(np.ptp(shape, axis=0).max()) / 200)
    for point in fixed:
        cv2.circle(image, point.tolist(), round(radius * 2**_SUBPIXEL), (255, 255, 255), -1, cv2.LINE_AA, _SUBPIXEL)


def _draw_projected(image: UInt8, face: TrackedFace, unit: int) -> None:
    shape, projected = _fixed(face.prediction.shape), _fixed(face.prediction.projected_shape)
    radius = max(2.0, 1.8 * float(np.ptp(face.prediction.shape, axis=0).max()) / 200)
    for ends in np.stack([shape, projected], axis=1):
        cv2.polylines(image, [ends], False, PROJECTED_BGR, unit, cv2.LINE_AA, _SUBPIXEL)
        cv2.circle(image, ends[1].tolist(), round(radius * 2**_SUBPIXEL), PROJECTED_BGR, -1, cv2.LINE_AA, _SUBPIXEL)


def _draw_axes(image: UInt8, face: TrackedFace, unit: int) -> None:
    """x red (the subject's left), y green (up), z blue (out of the face), from the tip of the nose."""
    pose = face.prediction.pose
    start = face.prediction.shape[_NOSE_TIP]
    axes = matrix_from_euler(np.asarray(pose.euler_rad, np.float64))[:2].T * [1, -1]  # image y is down
    ends = start + axes * _AXIS_CM * pose.scale_px_per_cm
    for end, color in zip(ends, _AXES_BGR, strict=True):
        tip = 0.12
        cv2.arrowedLine(image, _whole(start), _whole(end), color, 2 * unit, cv2.LINE_AA, tipLength=tip)


def _draw_label(image: UInt8, face: TrackedFace) -> None:
    corner = face.prediction.shape.min(axis=0)
    pitch, yaw, roll = np.degrees(face.prediction.pose.euler_rad)
    size = text_size(image)
    text = f"#{face.face_id}  {face.prediction.confidence:.2f}  yaw {yaw:+.0f} pitch {pitch:+.0f} roll {roll:+.0f}"
    (width, height), _ = cv2.getTextSize(text, FONT, size, 1)
    x = int(np.clip(corner[0], 4, max(4, image.shape[1] - width - 4)))
    y = int(np.clip(corner[1] - 0.12 * np.ptp(face.prediction.shape[:, 1]), height + 4, image.shape[0] - 4))
    put_text(image, text, (x, y), size)


def _fixed(points: Float32) -> np.ndarray:
    """Image px (centres at .5) -> OpenCV's fixed point (centres at .0)."""
    return ((points - 0.5) * 2**_SUBPIXEL).round().astype(np.int32)


def _whole(point: Float32) -> tuple[int, int]:
    return round(float(point[0]) - 0.5), round(float(point[1]) - 0.5)
