from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from rdr_core.data.crop import Crop
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.fitting.pose import Camera
from rdr_core.inference.gaze import GAZE_SHAPES
from rdr_core.inference.gaze_reading import GazePredictor
from rdr_core.types import FacePrediction, Float32, Pose, UInt8

DrawEyes = Callable[..., tuple[UInt8, Float32]]
CAMERA = Camera(np.zeros(3), np.array([320.0, 240.0]), 30.0)
CROP = Crop(np.array([320.0, 240.0], np.float32), 400.0, 128)


@dataclass
class Says:
    """A network that says of any crop what it is told to."""

    faces: list[FacePrediction] = field(default_factory=list)
    crop_size: int = 128

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        return self.faces[: len(crops)]


def face(points: Float32, shift_px: float = 0.0, closed: float = 0.0) -> FacePrediction:
    alpha = np.zeros(46, np.float32)
    alpha[[BLENDSHAPE_NAMES.index(f"EyeClose_{side}") for side in "LR"]] = closed
    shape = (points + [shift_px, 0]).astype(np.float32)
    place = np.append(CAMERA.translation_px + [shift_px, 0], 0).astype(np.float32)
    pose = Pose(np.zeros(3, np.float32), place, CAMERA.scale_px_per_cm)
    own = np.pad(shape, ((0, 0), (0, 1)))
    return FacePrediction(shape, shape, own, pose, alpha, np.zeros(50, np.float32), 1.0)


def yaw_deg(prediction: FacePrediction) -> float:
    """Where the left eye looks, degrees to the subject's left."""
    out, inwards = (prediction.alpha_exp[BLENDSHAPE_NAMES.index(f"EyeLook{way}_L")] for way in ("Out", "In"))
    return float(35 * (out - inwards))


@pytest.mark.parametrize("drawn_deg", [-20, 20])
def test_gaze_alone_is_read(face_model: DynamicExpressionModel, draw_eyes: DrawEyes, drawn_deg: float) -> None:
    picture, points = draw_eyes(face_model, drawn_deg, 0, CAMERA)
    said = face(points, closed=0.02)
    (read,) = GazePredictor(Says([said]), face_model).predict(picture, [CROP])
    assert yaw_deg(read) == pytest.approx(drawn_deg, abs=9)
    np.testing.assert_array_equal(read.alpha_exp[~GAZE_SHAPES], said.alpha_exp[~GAZE_SHAPES])
    np.testing.assert_array_equal(read.shape, said.shape)


def test_each_face_of_two_has_its_own(face_model: DynamicExpressionModel, draw_eyes: DrawEyes) -> None:
    pictures = [draw_eyes(face_model, drawn_deg, 0, CAMERA)[0] for drawn_deg in (-20, 20)]
    points = draw_eyes(face_model, 0, 0, CAMERA)[1]
    reader = GazePredictor(Says([face(points), face(points, shift_px=640)]), face_model)
    for _ in range(4):
        left, right = reader.predict(np.hstack(pictures), [CROP, CROP])
    assert yaw_deg(left) == pytest.approx(-20, abs=9)
    assert yaw_deg(right) == pytest.approx(20, abs=9)


def test_a_blink_holds_it_and_another_face_does_not_inherit_it(
    face_model: DynamicExpressionModel, draw_eyes: DrawEyes
) -> None:
    picture, points = draw_eyes(face_model, 20, 0, CAMERA)
    straight = draw_eyes(face_model, 0, 0, CAMERA)[0]
    network = Says([face(points)])
    reader = GazePredictor(network, face_model)
    (open_eyes,) = reader.predict(picture, [CROP])
    network.faces = [face(points, closed=0.9)]
    (blinking,) = reader.predict(straight, [CROP])
    np.testing.assert_allclose(blinking.alpha_exp[GAZE_SHAPES], open_eyes.alpha_exp[GAZE_SHAPES])
    network.faces = [face(points, shift_px=500, closed=0.95)]
    (other,) = reader.predict(np.hstack([straight, straight]), [CROP])
    assert abs(yaw_deg(other)) < 2


def test_nonsense_passes(face_model: DynamicExpressionModel, draw_eyes: DrawEyes) -> None:
    picture, points = draw_eyes(face_model, 20, 0, CAMERA)
    said = face(np.full_like(points, np.nan))
    assert GazePredictor(Says([said]), face_model).predict(picture, [CROP])[0] is said
    assert GazePredictor(Says(), face_model).predict(picture, []) == []
