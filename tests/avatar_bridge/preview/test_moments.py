"""The sheet of a clip's strongest moments: the right frames are kept, and both pictures show them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from avatar_bridge.capture import CapturedFrame
from avatar_bridge.cli.main import main
from avatar_bridge.errors import StreamError
from avatar_bridge.messages import FaceFrame
from avatar_bridge.pipeline import TrackedPicture
from avatar_bridge.preview.moments import MEASURES, Moments, draw_moments
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.geometry.weak_perspective import project
from rdr_core.types import FacePrediction, Pose, TrackedFace

SIZE = 96


def picture(number: int, yaw_rad: float = 0.0, tracked: bool = True, **expression: float) -> TrackedPicture:
    """A grey picture whose brightness is its number, and the mean face in it."""
    model = default_face_model()
    alpha_exp = np.array([expression.get(name, 0) for name in BLENDSHAPE_NAMES], np.float32)
    euler, translation = np.array([0, yaw_rad, 0], np.float32), np.array([100, 100, 0], np.float32)
    points = project(model.face(alpha_exp=alpha_exp)[model.topology.landmarks], euler, translation, np.float32(6))
    pose = Pose(euler, translation, 6.0)
    prediction = FacePrediction(
        points[:, :2], points[:, :2], points, pose, alpha_exp, model.identity_mean, 0.9
    )  # fmt: skip
    face = TrackedFace(0, tracked, prediction, 5.0)
    image = np.full((200, 200, 3), number, np.uint8)
    frame = FaceFrame.from_tracked_face(
        face, session="test", seq=number, capture_time_ns=number + 1, source_size_px=(200, 200), user=None
    )
    return TrackedPicture(CapturedFrame(image, number + 1, number, "test"), [face], [frame], 1.0)


def brightness(view: np.ndarray) -> int:
    return int(np.median(view))


def clip() -> Moments:
    moments = Moments(SIZE, drawing=False)
    moments.add(picture(10, EyeClose_L=0.3, EyeClose_R=0.3, JawOpen=0.2))
    moments.add(picture(20, EyeClose_L=0.9, EyeClose_R=0.8))
    moments.add(picture(30, JawOpen=0.8, MouthSmile_L=0.1))
    moments.add(picture(40, yaw_rad=0.7, MouthSmile_L=0.5, MouthSmile_R=0.7))
    moments.add(picture(50))
    moments.add(picture(60, tracked=False, EyeClose_L=1, EyeClose_R=1))
    return moments


def test_the_strongest_moment_of_each_is_kept() -> None:
    found = {label: (value, brightness(view)) for label, value, _, view in clip().rows()}
    assert set(found) == {measure.label for measure in MEASURES}
    assert found["eyes closed"] == (pytest.approx(0.85, abs=0.01), 20)  # not the one that was lost
    assert found["jaw open"] == (pytest.approx(0.8, abs=0.01), 30)
    assert found["smile"] == (pytest.approx(0.6, abs=0.01), 40)
    assert found["turned"] == (pytest.approx(np.degrees(0.7) / 45, abs=0.01), 40)
    assert found["still"] == (pytest.approx(0, abs=0.01), 50)


def test_a_drawing_shows_nothing_of_the_picture() -> None:
    moments = Moments(SIZE, drawing=True)
    moments.add(picture(200))
    view = moments.rows()[0][3]
    assert brightness(view) < 60
    assert (view[..., 1] > 150).sum() > 50  # lines


def test_no_face() -> None:
    moments = Moments(SIZE, drawing=False)
    moments.add(picture(1, tracked=False))
    with pytest.raises(StreamError, match="no face was found in the clip"):
        moments.rows()


def test_the_avatar_stands_below(headless_gl: None) -> None:
    sheet = draw_moments([("clip", clip())], SIZE)
    head = 16
    assert sheet.shape == (2 * head + 2 * SIZE, len(MEASURES) * SIZE, 3)
    column = [measure.label for measure in MEASURES].index("jaw open")
    avatars = sheet[2 * head + SIZE :].astype(int)
    still, jaw = (avatars[:, k * SIZE : (k + 1) * SIZE] for k in (0, column))
    moved = np.abs(still - jaw).max(axis=2) > 40
    assert moved[SIZE // 2 :].sum() > 3 * moved[: SIZE // 2].sum() > 0 or moved[SIZE // 2 :].sum() > 20


def test_command(headless_gl: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    face = np.ascontiguousarray(skimage.data.astronaut()[:260, 95:355, ::-1])
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), face)
    out = tmp_path / "sheet.png"
    assert main(["moments", str(tmp_path), "--out", str(out), "--size", "64", "--drawing"]) == 0
    assert cv2.imread(str(out)).shape == (16 * 2 + 128, 64 * len(MEASURES), 3)
    assert main(["moments", str(tmp_path), "--out", str(tmp_path / "sheet.gif")]) == 1
    assert "--out must end in .jpg or .png" in capsys.readouterr().err
    assert main(["moments", str(tmp_path / "none.mp4"), "--out", str(out)]) == 1
    assert "none.mp4" in capsys.readouterr().err
