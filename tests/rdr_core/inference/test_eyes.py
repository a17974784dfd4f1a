"""The shipped eye network on rendered people, and what is made of it from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from rdr_core.data.crop import Crop, crop_from_landmarks
from rdr_core.data.eye_patches import COLUMNS, SIDES, read_of, with_gaze
from rdr_core.data.label import FaceLabel
from rdr_core.errors import AssetError
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.geometry.rotation import upright_roll_rad
from rdr_core.inference.eyes import GAZE_SHAPES, EyePredictor, EyeReader, held
from rdr_core.inference.weights import load_predictor, shipped_network
from rdr_core.synthesis.scene import SceneConfig, Studio
from rdr_core.types import FacePrediction, Float32, Pose, UInt8

LIDS = np.array([name.startswith("EyeClose") for name in BLENDSHAPE_NAMES])
CROP = Crop(np.array([100.0, 100.0], np.float32), 200.0, 128)


@dataclass
class Says:
    """A network that says of any crop what it is told to."""

    faces: list[FacePrediction] = field(default_factory=list)
    crop_size: int = 128

    def predict(self, image_bgr: UInt8, crops: Sequence[Crop]) -> list[FacePrediction]:
        return self.faces[: len(crops)]


@dataclass
class Reads:
    """An eye network that reads what it is told to, one after the other."""

    values: list[Float32]

    def read(self, image_bgr: UInt8, prediction: FacePrediction) -> Float32:
        return self.values.pop(0)


def face(shift_px: float = 0.0, closed: float = 0.0) -> FacePrediction:
    shape = np.random.default_rng(0).uniform(50, 150, (68, 2)).astype(np.float32) + np.float32([shift_px, 0])
    pose = Pose(np.zeros(3, np.float32), np.zeros(3, np.float32), 8.0)
    alpha_exp, alpha_id = np.where(LIDS, closed, 0).astype(np.float32), np.zeros(50, np.float32)
    return FacePrediction(shape, shape, np.pad(shape, ((0, 0), (0, 1))), pose, alpha_exp, alpha_id, 1.0)


def eyes(outward: float = 0.0, up: float = 0.0) -> Float32:
    """Both eyes look to the subject's left, and seem to be closed."""
    return np.array([[outward, up, 1], [-outward, up, 1]], np.float32)


def gaze(alpha_exp: Float32) -> Float32:
    """(2, 2) outward and up."""
    return read_of(alpha_exp)[:, :2]


@pytest.fixture(scope="module")
def rendered(rdr_data: Path) -> list[tuple[UInt8, FaceLabel]]:
    """Thirty rendered people who are turned by less than 50 degrees."""
    with Studio(rdr_data / "face_model", SceneConfig(256, per_person=1, no_face=0, greatest_yaw_deg=50), 77) as studio:
        shots = [studio.shoot(number) for number in range(30)]
    return [(np.ascontiguousarray(rgb[..., ::-1]), label) for rgb, label in shots if label is not None]


def test_gaze_of_rendered_people_comes_nearer_to_the_truth(rendered: list[tuple[UInt8, FaceLabel]]) -> None:
    network, reader, rows = load_predictor(), EyeReader(), []
    for image, label in rendered:
        crop = crop_from_landmarks(label.shape, network.crop_size, upright_roll_rad(label.euler_rad))
        (said,) = network.predict(image, [crop])
        rows.append((read_of(said.alpha_exp), reader.read(image, said), read_of(label.alpha_exp)))
    whole, read, truth = (np.stack(values) for values in zip(*rows, strict=True))
    before, after = np.abs(whole - truth).mean(axis=(0, 1)), np.abs(read - truth).mean(axis=(0, 1))
    assert (after[:2] < [0.6 * before[0], 0.8 * before[1]]).all(), (before, after)
    assert np.corrcoef(read[..., 0].ravel(), truth[..., 0].ravel())[0, 1] > 0.6


def test_its_licence_is_told() -> None:
    assert EyeReader().facts["licence"] == "open"


def test_what_is_no_eye_network_is_said(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"none\.onnx: no such eye network"):
        EyeReader(tmp_path / "none.onnx")
    (tmp_path / "half.onnx").write_bytes(b"\x08\x0a\x12")
    with pytest.raises(AssetError, match="not a whole eye network"):
        EyeReader(tmp_path / "half.onnx")
    with pytest.raises(AssetError, match=r"takes \{'image'"):
        EyeReader(shipped_network("live"))


def test_gaze_alone_is_changed() -> None:
    said = replace(face(), alpha_exp=np.full(46, 0.3, np.float32))
    reads = Reads([eyes(0.5, -0.25)])
    (read,) = EyePredictor(Says([said]), reads).predict(np.zeros((200, 200, 3), np.uint8), [CROP])  # type: ignore[arg-type]
    np.testing.assert_array_equal(gaze(read.alpha_exp), eyes(0.5, -0.25)[:, :2])
    np.testing.assert_array_equal(read.alpha_exp[~GAZE_SHAPES], said.alpha_exp[~GAZE_SHAPES])
    np.testing.assert_array_equal(read.shape, said.shape)


def test_each_face_of_two_has_its_own_gaze() -> None:
    left, right = eyes(0.5), eyes(-0.5)
    predictor = EyePredictor(Says([face(), face(shift_px=640)]), Reads([left, right] * 4))  # type: ignore[arg-type]
    for _ in range(4):
        found = predictor.predict(np.zeros((200, 900, 3), np.uint8), [CROP, CROP])
    for prediction, expected in zip(found, (left, right), strict=True):
        np.testing.assert_allclose(gaze(prediction.alpha_exp), expected[:, :2], atol=1e-6)


def test_a_blink_holds_it_and_another_face_does_not_inherit_it() -> None:
    network, picture = Says([face()]), np.zeros((200, 200, 3), np.uint8)
    predictor = EyePredictor(network, Reads([eyes(0.8), eyes(0.0, -0.9), eyes(0.0)]))  # type: ignore[arg-type]
    predictor.predict(picture, [CROP])
    network.faces = [face(closed=1.0)]
    (blinks,) = predictor.predict(picture, [CROP])
    network.faces = [face(shift_px=500, closed=1.0)]
    (other,) = predictor.predict(picture, [CROP])
    np.testing.assert_allclose(gaze(blinks.alpha_exp), eyes(0.8)[:, :2], atol=1e-6)
    np.testing.assert_allclose(blinks.alpha_exp[LIDS], 1)
    assert gaze(other.alpha_exp)[0, 0] == 0


@pytest.mark.parametrize("closed", [0.2, 0.6, 1.0])
def test_lids_on_their_way_and_closed_ones_hold_the_gaze(closed: float) -> None:
    before = with_gaze(np.zeros(46, np.float32), eyes(0.4, 0.2))
    now = with_gaze(np.where(LIDS, closed, 0), eyes(-0.5, -0.6))
    np.testing.assert_allclose(held(before, now)[GAZE_SHAPES], before[GAZE_SHAPES], atol=1e-6)
    np.testing.assert_allclose(held(before, now)[LIDS], closed)


def test_eyes_jump_at_once_and_tremble_less() -> None:
    before = with_gaze(np.zeros(46, np.float32), eyes(-0.3))
    assert gaze(held(before, with_gaze(before, eyes(0.3))))[0, 0] == pytest.approx(0.3)
    trembling = gaze(held(before, with_gaze(before, eyes(-0.26))))[0, 0]
    assert trembling == pytest.approx(-0.284, abs=0.001)


def test_nonsense_passes() -> None:
    lost = replace(face(), shape=np.full((68, 2), np.nan, np.float32))
    tiny = replace(face(), pose=Pose(np.zeros(3, np.float32), np.zeros(3, np.float32), 0.0))
    for said in (lost, tiny):
        predictor = EyePredictor(Says([said]))
        assert predictor.predict(np.zeros((200, 200, 3), np.uint8), [CROP])[0] is said
    assert EyePredictor(Says()).predict(np.zeros((200, 200, 3), np.uint8), []) == []


def test_closed_lids_are_columns_of_their_sides() -> None:
    for side in SIDES:
        assert BLENDSHAPE_NAMES[COLUMNS[side][4]] == f"EyeClose_{side}"
