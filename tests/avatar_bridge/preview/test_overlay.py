"""What the overlay draws, read off the pixels that it changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar_bridge.preview.overlay import draw_overlay
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.geometry.weak_perspective import project
from rdr_core.types import FacePrediction, Float32, Pose, TrackedFace, UInt8

NOSE_TIP = 30
RED, GREEN, BLUE = (2, (60, 60, 240)), (1, (80, 200, 60)), (0, (240, 140, 40))


def face_at(
    center: tuple[float, float],
    scale: float,
    euler_rad: tuple[float, float, float] = (0, 0, 0),
    face_id: int = 0,
    **expression: float,
) -> TrackedFace:
    """The mean face, tracked without error."""
    model = default_face_model()
    alpha_exp = np.array([expression.get(name, 0) for name in BLENDSHAPE_NAMES], np.float32)
    euler, translation = np.array(euler_rad, np.float32), np.array([*center, 0], np.float32)
    points = model.face(alpha_exp=alpha_exp)[model.topology.landmarks]
    landmarks = project(points, euler, translation, np.float32(scale)).astype(np.float32)
    prediction = FacePrediction(
        landmarks[:, :2],
        landmarks[:, :2],
        landmarks,
        Pose(euler, translation, scale),
        alpha_exp,
        model.identity_mean,
        0.9,
    )
    return TrackedFace(face_id, True, prediction, 5.0)


def grey(width: int, height: int) -> UInt8:
    return np.full((height, width, 3), 128, np.uint8)


def changed(before: UInt8, after: UInt8) -> np.ndarray:
    """(n, 2) x, y of the pixels that differ."""
    y, x = np.nonzero((before != after).any(axis=2))
    return np.stack([x, y], axis=1)


def axis_tip(picture: UInt8, bgr: tuple[int, int, int], start: Float32) -> Float32:
    """Vector from the nose to the farthest pixel of a colour."""
    y, x = np.nonzero((np.abs(picture.astype(int) - bgr) < 12).all(axis=2))
    assert len(x), f"no pixel of colour {bgr}"
    away = np.stack([x, y], axis=1) - start
    return away[np.linalg.norm(away, axis=1).argmax()]


def test_draws_on_a_copy() -> None:
    picture = grey(320, 240)
    drawn = draw_overlay(picture, face_at((160, 120), 8))
    assert (picture == 128).all()
    assert drawn.shape == picture.shape
    assert len(changed(picture, drawn)) > 500


@pytest.mark.parametrize("size", [(300, 300), (1280, 720)])
def test_axes_of_an_upright_face(size: tuple[int, int]) -> None:
    width, height = size
    face = face_at((width / 2, height / 2), height / 34)
    nose = face.prediction.shape[NOSE_TIP]
    drawn = draw_overlay(grey(*size), face, mesh=False, bars=False)
    right, up = axis_tip(drawn, RED[1], nose), axis_tip(drawn, GREEN[1], nose)
    length = 5 * height / 34
    np.testing.assert_allclose(right, [length, 0], atol=0.15 * length + 2)
    np.testing.assert_allclose(up, [0, -length], atol=0.15 * length + 2)


@pytest.mark.parametrize(
    ("euler_rad", "direction"),
    [((0, 1.0, 0), (1, 0)), ((0, -1.0, 0), (-1, 0)), ((0.8, 0, 0), (0, -1)), ((-0.8, 0, 0), (0, 1))],
)
def test_blue_axis_points_where_the_face_looks(
    euler_rad: tuple[float, float, float], direction: tuple[int, int]
) -> None:
    face = face_at((300, 300), 18, euler_rad)
    drawn = draw_overlay(grey(600, 600), face, mesh=False, bars=False)
    gaze = axis_tip(drawn, BLUE[1], face.prediction.shape[NOSE_TIP])
    assert gaze @ direction > 40
    assert abs(gaze @ (direction[1], direction[0])) < 15


def test_roll_turns_the_axes_clockwise() -> None:
    face = face_at((300, 300), 18, (0, 0, 0.6))
    drawn = draw_overlay(grey(600, 600), face, mesh=False, bars=False)
    up = axis_tip(drawn, GREEN[1], face.prediction.shape[NOSE_TIP])
    np.testing.assert_allclose(up / np.linalg.norm(up), [np.sin(0.6), -np.cos(0.6)], atol=0.1)


def test_landmarks_are_where_they_were_found() -> None:
    face = face_at((300, 300), 18)
    drawn = draw_overlay(grey(600, 600), face, mesh=False, bars=False)
    for x, y in face.prediction.shape[:17]:
        around = drawn[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2]
        assert around.max(axis=(0, 1)).min() > 200, "a white dot"


def test_mesh_covers_the_face_and_hides_its_far_side() -> None:
    picture, turned = grey(600, 600), face_at((300, 300), 18, (0, 1.3, 0))
    alone = draw_overlay(picture, turned, mesh=False, bars=False)
    marked = changed(alone, draw_overlay(picture, turned, bars=False))
    box = turned.prediction.shape
    inside = ((marked > box.min(axis=0) - 90) & (marked < box.max(axis=0) + 90)).all(axis=1)
    assert inside.all()
    frontal = face_at((300, 300), 18)
    alone = draw_overlay(picture, frontal, mesh=False, bars=False)
    marked = changed(alone, draw_overlay(picture, frontal, bars=False))
    left, right = marked[:, 0].min(), marked[:, 0].max()
    assert 300 - left == pytest.approx(right - 300, abs=6)
    away = face_at((300, 300), 18, (0, np.pi, 0))
    alone = draw_overlay(picture, away, mesh=False, bars=False)
    shown = changed(alone, draw_overlay(picture, away, bars=False))
    assert len(shown) < 0.15 * len(marked), "from behind only the insides of lids and lips face the viewer"


def test_bars_are_as_long_as_their_coefficients() -> None:
    picture = grey(640, 480)
    face = face_at((320, 150), 8, JawOpen=1.0, MouthPucker=0.5)
    panel = draw_overlay(picture, face)[-140:]
    blue = (np.abs(panel.astype(int) - (170, 120, 50)) < 6).all(axis=2)
    rows = blue.sum(axis=1)
    longest = rows.max()
    halves = ((rows > 0.3 * longest) & (rows < 0.6 * longest)).sum()
    assert longest > 60
    assert halves >= 3, "the second bar is half as long, less what its label hides"


def test_panels_of_two_faces_lie_apart() -> None:
    picture = grey(1280, 720)
    first, second = face_at((300, 250), 10, face_id=0, JawOpen=0.9), face_at((900, 250), 10, face_id=1, JawOpen=0.4)
    low = np.s_[-180:]
    panels = [changed(picture[low], draw_overlay(picture, face)[low]) for face in (first, second)]
    assert panels[0][:, 0].max() < panels[1][:, 0].min()


@pytest.mark.parametrize("size", [(40, 30), (1, 1), (2000, 50)])
def test_tiny_pictures_do_not_break_it(size: tuple[int, int]) -> None:
    drawn = draw_overlay(grey(*size), face_at((size[0] / 2, size[1] / 2), 2, JawOpen=1))
    assert drawn.shape == (size[1], size[0], 3)


def test_face_outside_of_the_picture_and_broken_landmarks() -> None:
    picture = grey(200, 200)
    draw_overlay(picture, face_at((-5000, 90_000), 20))
    face = face_at((100, 100), 5)
    broken = replace(face, prediction=replace(face.prediction, shape=np.full((68, 2), np.nan, np.float32)))
    np.testing.assert_array_equal(draw_overlay(picture, broken), picture)
