"""A skin out of pictures: heads with a known skin, drawn in known poses, as a perfect network sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest

from avatar_bridge.avatar import Avatar, load_skin
from avatar_bridge.preview.renderer import AvatarRenderer
from calibration.camera import NearCamera
from calibration.identity import PersonFit
from calibration.iris import iris_color
from calibration.observation import Observation, face_picture
from calibration.skin import face_texels, make_skin
from calibration.texels import Texels
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.face_model.eyes import eye_texture
from rdr_core.fitting.contour import landmarks_on_outline
from rdr_core.fitting.pose import Camera

from .conftest import FRAME_NS, Someone, coefficients

SIDE, SCALE = 384, 15.0
SHOWN = (
    ((0, 0, 0), {}), ((0, 12, 0), {}), ((0, -12, 0), {}), ((0, 30, 3), {}), ((0, -30, -3), {}), ((12, 0, 0), {}),
    ((-12, 0, 0), {}), ((0, 0, 0), {"EyeClose_L": 1, "EyeClose_R": 1}), ((0, 0, 0), {"JawOpen": 0.8}),
    ((3, 4, 0), {"MouthSmile_L": 1, "MouthSmile_R": 1}),
)  # fmt: skip
Sitting = tuple[list[Observation], PersonFit]


@pytest.fixture(scope="module")
def texels(model: DynamicExpressionModel) -> Texels:
    return Texels.of_model(model, 1024)


@pytest.fixture(scope="module")
def own_skin(model: DynamicExpressionModel) -> Any:
    """Another tone than the default skin's, a mole on the left cheek, a scar on the right one."""
    uv = model.topology.uv
    assert uv is not None
    skin = np.clip(load_skin() * np.array([0.8, 0.84, 0.9]), 0, 255).astype(np.uint8)
    for eye, lip, color in ((45, 54, (60, 40, 30)), (36, 48, (200, 170, 170))):
        place = 1024 * (uv[model.topology.landmarks[eye]] + uv[model.topology.landmarks[lip]]) / 2
        cv2.circle(skin, tuple(place.round().astype(int).tolist()), 7, color, -1, cv2.LINE_AA)
    return skin


@pytest.fixture(scope="module")
def sitting(model: DynamicExpressionModel, somebody: Callable[[int], Someone], own_skin: Any) -> Sitting:
    person = somebody(3)
    avatar = Avatar.of_model(model, own_skin, person.alpha_id)
    with AvatarRenderer(avatar, SIDE, SIDE) as renderer:
        frames, cameras = zip(*_shots(person, renderer), strict=True)
    alpha_exp = np.stack([frame.alpha_exp for frame in frames])
    ones = np.ones(len(frames), np.float32)
    return list(frames), PersonFit(person.alpha_id, alpha_exp, cameras, 0 * ones, ones, 0.0)


def _shots(person: Someone, renderer: AvatarRenderer) -> Iterator[tuple[Observation, NearCamera]]:
    model = person.model
    for number, (turn_deg, shapes) in enumerate(SHOWN):
        alpha, turn, place = coefficients(shapes), np.radians(np.array(turn_deg, float)), np.full(2, SIDE / 2)
        image = renderer.render(alpha, turn, place, SCALE)
        image = cv2.convertScaleAbs(image, alpha=0.9 + 0.02 * number)  # the camera's exposure changes
        camera = NearCamera(Camera(turn, place, SCALE), np.zeros(3), np.inf)
        face = model.face(person.alpha_id, alpha)[model.topology.subset]
        points = camera.project(landmarks_on_outline(model.topology, camera.project(face)).on(face))
        yield (
            Observation(number * FRAME_NS, points, turn, alpha, 0.9, 1.0, face_picture(image, points)),
            camera,
        )


@pytest.fixture(scope="module")
def made(model: DynamicExpressionModel, sitting: Sitting) -> Any:
    result = make_skin(model, *sitting, load_skin())
    assert result.problem == ""
    assert result.seen > 0.8
    assert result.rgb is not None
    return result.rgb


def test_its_hue_is_nearer_to_the_true_one_and_its_colours_are_like_the_true_ones(
    model: DynamicExpressionModel, texels: Texels, own_skin: Any, made: Any
) -> None:
    face = face_texels(model, texels)
    true, own, default = (texels.of_picture(skin)[face].astype(float) for skin in (own_skin, made, load_skin()))
    tones = [np.median(skin, axis=0) for skin in (true, own, default)]
    hues = [np.log(tone[2] / tone[0]) for tone in tones]  # how bright the light was, no picture tells
    assert abs(hues[1] - hues[0]) < 0.7 * abs(hues[2] - hues[0])
    gain = tones[0] / tones[1]
    assert np.abs(own * gain - true).mean() < 9


@pytest.mark.parametrize(("eye", "lip", "sign"), [(45, 54, -1), (36, 48, 1)])
def test_what_is_the_persons_own_is_on_it(
    model: DynamicExpressionModel, made: Any, eye: int, lip: int, sign: int
) -> None:
    uv = model.topology.uv
    assert uv is not None
    x, y = (512 * (uv[model.topology.landmarks[eye]] + uv[model.topology.landmarks[lip]])).round().astype(int)
    bright = made.astype(float).mean(axis=2)
    around = np.median(bright[y - 20 : y + 21, x - 20 : x + 21])
    assert sign * (bright[y - 3 : y + 4, x - 3 : x + 4].mean() - around) > 15


def test_no_eye_is_painted_on_a_lid(model: DynamicExpressionModel, texels: Texels, made: Any) -> None:
    """Where lids are that only closed eyes show, and where they meet, there is nothing as white as an eye."""
    uv = model.topology.uv
    assert uv is not None
    bright = made.astype(float).mean(axis=2)
    usual = np.median(texels.of_picture(bright)[face_texels(model, texels)])
    for eye in (range(36, 42), range(42, 48)):
        outline = (1024 * uv[model.topology.landmarks[list(eye)]]).round().astype(np.int32)
        mask = np.zeros((1024, 1024), np.uint8)
        cv2.fillPoly(mask, [outline], 1)
        assert np.quantile(bright[mask > 0], 0.95) < 1.15 * usual


@pytest.mark.parametrize(("iris", "is_brown"), [((60, 36, 20), True), ((150, 165, 175), False)])
def test_eyes_are_brown_or_light(
    model: DynamicExpressionModel, somebody: Callable[[int], Someone], iris: tuple[int, int, int], is_brown: bool
) -> None:
    person = somebody(3)
    avatar = Avatar.of_model(model, load_skin(), person.alpha_id)
    eyes = tuple(replace(part, texture=eye_texture(iris, iris)) if part.gaze else part for part in avatar.parts)
    with AvatarRenderer(Avatar(eyes), SIDE, SIDE) as renderer:
        frames, cameras = zip(*islice(_shots(person, renderer), 4), strict=True)
    ones = np.ones(4, np.float32)
    fit = PersonFit(person.alpha_id, np.zeros((4, 46), np.float32), cameras, 0 * ones, ones, 0.0)
    color = iris_color(model, frames, fit)
    assert color is not None
    assert (color[0] > 1.4 * color[2]) == is_brown
    assert iris_color(model, frames[:1], replace(fit, cameras=cameras[:1])) is None


def test_too_little_is_said(model: DynamicExpressionModel, sitting: Sitting) -> None:
    frames, fit = sitting
    far = tuple(replace(c, flat=replace(c.flat, scale_px_per_cm=3.0)) for c in fit.cameras)
    assert "too small: 3.0 px a cm" in make_skin(model, frames, replace(fit, cameras=far), load_skin()).problem
    blind = [frame.without_picture() for frame in frames]
    result = make_skin(model, blind, fit, load_skin())
    assert result.rgb is None
    assert result.problem == "0 pictures were kept, 3 are needed"


def test_half_a_face_is_no_skin(model: DynamicExpressionModel, sitting: Sitting) -> None:
    """A face at the edge of the picture: a quarter of it is seen."""
    frames, fit = sitting
    quarters = []
    for frame in frames:
        assert frame.picture is not None
        square, size = frame.picture.square, frame.picture.square.size // 2
        corner = replace(square, size=size, side_px=square.side_px / 2, center_px=square.center_px - square.side_px / 4)
        image = frame.picture.image_bgr[:size, :size]
        quarters.append(replace(frame, picture=replace(frame.picture, image_bgr=image, square=corner)))
    result = make_skin(model, quarters, fit, load_skin())
    assert result.rgb is None
    assert "% of the face was seen well" in result.problem
