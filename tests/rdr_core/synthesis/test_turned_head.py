"""Turned heads against the same heads drawn where they were turned to: pictures, labels, what hides what, what tears.

The sources are pictures of the face model itself, painted smoothly: what a turn must give is then known exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from rdr_core.fitting.contour import own_landmarks, visible_landmarks
from rdr_core.geometry.rotation import matrix_from_euler
from rdr_core.geometry.weak_perspective import project
from rdr_core.landmarks import EYE_LEFT, EYE_RIGHT, INNER, MIRROR
from rdr_core.synthesis.head_mesh import HeadMesh, default_head_mesh
from rdr_core.synthesis.source_head import MOST_PX, FittedFace, SourceHead, prepare
from rdr_core.synthesis.turn_renderer import TurnRenderer, VertexPaint
from rdr_core.synthesis.turned_head import TurnedFace, turn
from rdr_core.types import Float32, UInt8

SIDE = 280
SCALE = 8.0
BACKGROUND = 200
HAIR_CM = 2.0


@pytest.fixture(scope="module")
def mesh() -> HeadMesh:
    return default_head_mesh()


@pytest.fixture(scope="module")
def renderer(mesh: HeadMesh, headless_gl: None) -> Iterator[TurnRenderer]:
    renderer = TurnRenderer(mesh.triangles, MOST_PX)
    yield renderer
    renderer.release()


def face_at(mesh: HeadMesh, yaw_rad: float, seed: int = 0) -> FittedFace:
    """A random head in the middle of the picture, annotated without error."""
    model, rng = mesh.model, np.random.default_rng(seed)
    alpha_id = (model.identity_mean + 0.5 * model.identity_std * rng.normal(size=model.n_identity)).astype(np.float32)
    alpha_exp = (0.3 * rng.random(model.n_expressions) ** 4).astype(np.float32)
    euler = np.array([0.05, yaw_rad, 0.08], np.float32)
    subset = mesh.vertices(alpha_id, alpha_exp)[model.topology.subset]
    marks = visible_landmarks(model.topology, subset, euler).on(subset)
    place = np.array([SIDE / 2, SIDE / 2 - 10], np.float32)
    shape = project(marks, euler, place, np.float32(SCALE))[:, :2]
    return FittedFace(shape.astype(np.float32), euler, place, SCALE, alpha_id, alpha_exp)


def coat(vertices: Float32, scalp: Float32) -> Float32:
    """A smooth coat of paint (N, 3), the same on both halves of the head; dark hair."""
    x, y, z = (vertices[:, k] for k in range(3))
    skin = np.stack(
        [0.5 + 0.2 * np.sin(np.abs(x) + 0.4 * y), 0.55 + 0.2 * np.sin(0.9 * y), 0.7 + 0.1 * np.sin(z)], axis=1
    )
    return (skin * (1 - scalp[:, None]) + 0.08 * scalp[:, None]).astype(np.float32)


def picture_of(
    mesh: HeadMesh, renderer: TurnRenderer, face: FittedFace, hair_cm: float = 0.0, lit: Float32 | None = None
) -> UInt8:
    """(SIDE, SIDE, 3) the painted head on plain ground."""
    vertices = mesh.vertices(face.alpha_id, face.alpha_exp)
    color = coat(vertices, mesh.scalp if hair_cm else np.zeros_like(mesh.scalp))
    if lit is not None:
        color = np.clip(color * lit[:, None], 0, 1)
    raised = vertices + mesh.normals(vertices) * (hair_cm * mesh.scalp)[:, None]
    place = project(raised, face.euler_rad, face.translation_px, np.float32(face.scale_px_per_cm))
    n = len(vertices)
    weight = np.tile(np.array([0, 0, 1, 0], np.float32), (n, 1))
    paint = VertexPaint(np.zeros((n, 4)), weight, np.ones((n, 3)), color, np.zeros((n, 3)))
    renderer.set_picture(np.zeros((4, 4, 3), np.uint8))
    layer = cv2.resize(renderer.draw(place, paint, SIDE, 1.0).color, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    layer = layer.astype(np.float32)
    return (layer[..., :3] + BACKGROUND * (1 - layer[..., 3:] / 255)).round().astype(np.uint8)


def turned(
    mesh: HeadMesh,
    renderer: TurnRenderer,
    face: FittedFace,
    by_rad: float,
    image: UInt8 | None = None,
    nod: float = 0.0,
) -> tuple[SourceHead, TurnedFace]:
    image = picture_of(mesh, renderer, face) if image is None else image
    head = prepare(image, face, mesh, renderer)
    return head, turn(head, face, by_rad, nod, mesh, renderer, 200)


def reference(mesh: HeadMesh, renderer: TurnRenderer, face: FittedFace, result: TurnedFace) -> UInt8:
    """The painted head where the label says that it is, cut to the result's square."""
    label = result.label
    there = replace(
        face,
        euler_rad=label.euler_rad,
        translation_px=label.translation_px[:2],
        scale_px_per_cm=label.scale_px_per_cm,
    )
    return picture_of(mesh, renderer, there)[: len(result.image), : len(result.image)]


def face_px(result: TurnedFace) -> np.ndarray:
    """(s, s) bool: within the outline of the landmarks."""
    hull = cv2.convexHull(result.label.shape).round().astype(np.int32)
    inside = cv2.fillConvexPoly(np.zeros(result.image.shape[:2], np.uint8), hull, 1)
    return cv2.erode(inside, np.ones((5, 5))) > 0


@pytest.mark.parametrize(("yaw", "by"), [(0.0, 0.5), (0.0, -0.9), (0.4, 0.6), (-0.5, -0.8), (0.1, 0.0)])
def test_a_turned_head_looks_like_the_head_drawn_there(
    mesh: HeadMesh, renderer: TurnRenderer, yaw: float, by: float
) -> None:
    face = face_at(mesh, yaw)
    _, result = turned(mesh, renderer, face, by, nod=0.05)
    expected = reference(mesh, renderer, face, result)
    difference = np.abs(result.image.astype(int) - expected).mean(axis=2)[face_px(result)]
    assert np.median(difference) < 3
    assert (difference > 40).mean() < 0.03


@pytest.mark.parametrize("by", [-1.3, -0.6, 0.0, 0.7, 1.3])
def test_labels_are_those_of_the_fit_turned(mesh: HeadMesh, renderer: TurnRenderer, by: float) -> None:
    face = face_at(mesh, 0.0, seed=3)
    label = turned(mesh, renderer, face, by)[1].label
    label.check("turned")
    topology = mesh.model.topology
    subset = mesh.vertices(face.alpha_id, face.alpha_exp)[topology.subset]
    marks = visible_landmarks(topology, subset, label.euler_rad).on(subset)
    scale = np.float32(label.scale_px_per_cm)
    assert project(marks, label.euler_rad, label.translation_px, scale)[:, :2] == pytest.approx(
        label.projected_shape, abs=0.05
    )
    own = project(own_landmarks(topology).on(subset), label.euler_rad, label.translation_px, scale)
    assert own == pytest.approx(label.landmarks_3d, abs=0.05)
    assert label.shape == pytest.approx(label.projected_shape, abs=0.35)  # annotated without error
    expected = matrix_from_euler(face.euler_rad) @ matrix_from_euler(np.array([0, by, 0]))
    assert matrix_from_euler(label.euler_rad) == pytest.approx(expected, abs=1e-5)


def test_what_the_annotation_marks_is_carried_along(mesh: HeadMesh, renderer: TurnRenderer) -> None:
    face = face_at(mesh, 0.0)
    wrong = face.shape.copy()
    wrong[48:68] += [0, 6.0]  # the mouth is really 6 px (0.75 cm) lower than the fit says
    marked = replace(face, shape=wrong)
    image = picture_of(mesh, renderer, face)
    _, still = turned(mesh, renderer, marked, 0.0, image)
    box = np.ptp(wrong, axis=0).max() * 1.9
    in_picture = (still.label.shape - len(still.image) / 2) * box / len(still.image)
    annotated = wrong - (wrong.min(axis=0) + wrong.max(axis=0)) / 2
    assert np.abs(in_picture - annotated)[INNER].max() < 1.5
    assert still.label.residual > 0.005
    _, aside = turned(mesh, renderer, marked, 0.7, image)
    drop = (aside.label.shape - aside.label.projected_shape)[48:68, 1] * box / len(aside.image)
    assert drop.mean() == pytest.approx(6.0, abs=1.0)  # a turn about the vertical keeps heights


def test_the_far_eye_is_hidden_and_the_near_one_seen(mesh: HeadMesh, renderer: TurnRenderer) -> None:
    face = face_at(mesh, 0.0)
    frontal = turned(mesh, renderer, face, 0.0)[1].label.visible
    assert frontal[INNER].all()
    left, right = (turned(mesh, renderer, face, by)[1].label.visible for by in (-1.35, 1.35))
    assert not left[EYE_RIGHT].any()  # looks to the left of the picture: the subject's right side is away
    assert left[EYE_LEFT].mean() > 0.6
    assert not right[EYE_LEFT].any()
    assert right[EYE_RIGHT].mean() > 0.6


def test_what_the_picture_hides_is_mirrored(mesh: HeadMesh, renderer: TurnRenderer) -> None:
    face = face_at(mesh, 0.6)
    _, result = turned(mesh, renderer, face, -1.3)  # inward, over the front
    assert result.realness.mirrored > 0.3
    expected = reference(mesh, renderer, face, result)
    difference = np.abs(result.image.astype(int) - expected).mean(axis=2)[face_px(result)]
    assert np.median(difference) < 5  # the paint is the same on both halves


def test_a_lamp_on_one_side_does_not_follow_the_mirrored_half(mesh: HeadMesh, renderer: TurnRenderer) -> None:
    face = face_at(mesh, 0.35)
    normals = mesh.normals(mesh.vertices(face.alpha_id, face.alpha_exp))
    lit = np.exp(0.35 * normals[:, 0]).astype(np.float32)  # odd in x, fixed to the head
    _, result = turned(mesh, renderer, face, -0.95, picture_of(mesh, renderer, face, lit=lit))
    there = replace(
        face,
        euler_rad=result.label.euler_rad,
        translation_px=result.label.translation_px[:2],
        scale_px_per_cm=result.label.scale_px_per_cm,
    )
    size = len(result.image)
    right, wrong = (picture_of(mesh, renderer, there, lit=light)[:size, :size] for light in (lit, lit[mesh.mirror]))
    inside = face_px(result)
    to_right, to_wrong = (np.abs(result.image.astype(int) - p).mean(axis=2)[inside].mean() for p in (right, wrong))
    assert to_right < 0.6 * to_wrong


def test_hair_rises_over_the_bald_head(mesh: HeadMesh, renderer: TurnRenderer) -> None:
    face = face_at(mesh, 0.0)
    head = prepare(picture_of(mesh, renderer, face, HAIR_CM), face, mesh, renderer)
    rise = np.linalg.norm(head.drawn - head.corrected, axis=1)[mesh.scalp > 0.95]
    assert np.median(rise) == pytest.approx(HAIR_CM, abs=0.5)
    hair = head.paint.fill[(mesh.scalp > 0.95) & (mesh.direction[:, 0] ** 2 > 6)]  # the back of the head
    assert np.median(hair) == pytest.approx(0.08, abs=0.06)


def test_the_background_loses_the_head_and_keeps_the_rest(mesh: HeadMesh, renderer: TurnRenderer) -> None:
    face = face_at(mesh, 0.0)
    head = prepare(picture_of(mesh, renderer, face), face, mesh, renderer)
    middle = len(head.plate) // 2
    above_chin = head.plate[middle - 40 : middle + 20, middle - 10 : middle + 10]
    assert np.abs(above_chin.astype(int) - BACKGROUND).max() < 40
    assert np.abs(head.plate[:20].astype(int) - BACKGROUND).max() < 3


def test_a_good_turn_is_told_from_torn_ones(mesh: HeadMesh, renderer: TurnRenderer) -> None:
    face = face_at(mesh, 0.2)
    image = picture_of(mesh, renderer, face)
    good = turned(mesh, renderer, face, 0.5, image)[1].realness
    assert good.torn < 0.15
    assert good.own > 0.85
    crossed = replace(face, shape=face.shape[MIRROR])  # left and right exchanged: the mesh turns inside out
    assert turned(mesh, renderer, crossed, 0.5, image)[1].realness.torn > 0.5


def test_a_head_beyond_the_photo_is_noticed(mesh: HeadMesh, renderer: TurnRenderer) -> None:
    face = face_at(mesh, 0.0)
    image = picture_of(mesh, renderer, face)
    assert prepare(image, face, mesh, renderer).covered > 0.97
    cut = image.copy()
    cut[:, : SIDE // 2] = 0  # a black bar, as of a square cut beyond the photo's edge
    assert prepare(cut, face, mesh, renderer).covered < 0.6
    assert prepare(image[:, SIDE // 2 :], face.moved(-SIDE / 2), mesh, renderer).covered < 0.6


def test_pictures_are_square_and_hold_the_landmarks(mesh: HeadMesh, renderer: TurnRenderer) -> None:
    for by in (-1.2, 0.4):
        _, result = turned(mesh, renderer, face_at(mesh, 0.0), by)
        size: Any = len(result.image)
        assert result.image.shape == (size, size, 3)
        assert size <= 200
        extent = np.ptp(result.label.shape, axis=0).max()
        assert size / extent == pytest.approx(1.9, abs=0.02)
        assert ((result.label.shape > 0) & (result.label.shape < size)).all()
