"""A take of a known person drawn into its video without tracking: identity, landmarks, pictures, errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from avatar_bridge.cli import main
from avatar_bridge.messages import FaceFrame
from avatar_bridge.preview.overlay import PROJECTED_BGR
from avatar_bridge.recording import Recorder
from avatar_bridge.take_faces import TakeFaces
from avatar_bridge.video_writer import VideoWriter
from rdr_core.face_model.dynamic_expression_model import default_face_model
from rdr_core.fitting.contour import visible_landmarks
from rdr_core.geometry.rotation import quaternion_from_euler
from rdr_core.geometry.weak_perspective import project

COUNT, STEP_NS = 25, 40_000_000
CENTER = 320.0, 240.0


@pytest.fixture
def alpha_id() -> np.ndarray:
    model = default_face_model()
    noise = np.random.default_rng(3).standard_normal(model.n_identity)
    return (model.identity_mean + model.identity_std * noise).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, make_frame: Callable[..., FaceFrame], alpha_id: np.ndarray) -> Path:
    """A grey clip and the take of a face that turns its head and opens its mouth; not seen in the last five."""
    model = default_face_model()
    with VideoWriter(tmp_path / "clip.mp4", 25.0) as video, Recorder(tmp_path / "take.mcap", "t", "clip.mp4") as take:
        for n in range(COUNT):
            video.write(np.full((480, 640, 3), 90, np.uint8), n * STEP_NS)
            euler = np.array([0.05, 0.6 * np.sin(n / 4), 0], np.float32)
            alpha_exp = np.zeros(46, np.float32)
            alpha_exp[21] = n / COUNT
            vertices = model.face(alpha_id, alpha_exp)[model.topology.subset]
            points = visible_landmarks(model.topology, vertices, euler).on(vertices)
            seen = project(points, euler, np.array([*CENTER, 0]), np.float64(14))[:, :2]
            frame = make_frame(
                n,
                alpha_exp=alpha_exp,
                euler_rad=euler,
                quaternion=quaternion_from_euler(euler),
                translation_px=[*CENTER, 0],
                scale_px_per_cm=14.0,
                landmarks_px=seen,
                source_time_ns=n * STEP_NS,
                tracked=n < COUNT - 5,
            )
            take.write(frame)
    return tmp_path


def test_identity_is_found_again(folder: Path, alpha_id: np.ndarray) -> None:
    model, faces = default_face_model(), TakeFaces(folder / "take.mcap")
    (found,) = faces.identities.values()
    inner = model.topology.landmarks[17:]
    error, mean_error = (
        np.linalg.norm((model.face(alpha) - model.face(alpha_id))[inner], axis=1).mean()
        for alpha in (found, model.identity_mean)
    )
    assert error < 0.25 * mean_error
    (face,) = faces.at(5 * STEP_NS)
    apart = np.linalg.norm(face.prediction.shape - face.prediction.projected_shape, axis=1)
    assert apart.mean() < 1
    assert faces.at(5 * STEP_NS + STEP_NS // 4)
    assert faces.at(-STEP_NS) == []
    assert faces.at((COUNT - 2) * STEP_NS) == []


def test_video_and_picture(folder: Path) -> None:
    video, picture = folder / "out" / "a.mp4", folder / "out" / "a.png"
    assert main(["overlay", str(folder / "take.mcap"), "--out", str(video), "--no-avatar"]) == 0
    with av.open(str(video)) as container:
        shown = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(shown) == COUNT
    assert shown[3].shape == (480, 640, 3)
    assert np.ptp(shown[3][150:330, 230:410].astype(int), axis=(0, 1)).min() > 100
    assert np.ptp(shown[-1].astype(int)) < 20, "nobody is drawn where nobody was seen"
    arguments = ["overlay", str(folder / "take.mcap"), "--out", str(picture), "--no-avatar", "--no-mesh", "--at", "0.4"]
    assert main(arguments) == 0
    image = cv2.imread(str(picture)).astype(int)
    assert (np.abs(image - PROJECTED_BGR) < 60).all(axis=2).sum() > 20
    assert {path.name for path in video.parent.iterdir()} == {"a.mp4", "a.png"}


def test_beside_the_avatar(folder: Path) -> None:
    pytest.importorskip("pyrender", reason="the extra `preview`")
    out = folder / "a.png"
    assert main(["overlay", str(folder / "take.mcap"), "--out", str(out)]) == 0
    image = cv2.imread(str(out))
    assert image.shape == (480, 640 + 480, 3)
    assert image[:, 640:].std() > 25


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["take.mcap", "--video", "none.mp4"], "no such video; give the one that take.mcap was tracked in"),
        (["take.mcap", "--out", "a.gif"], "must end in .mp4, .mov, .mkv, .webp or .png"),
        (["take.mcap", "--at", "1"], "time of one picture"),
        (["take.mcap", "--out", "a.png", "--at", "9", "--no-avatar"], "the video ends before 9 s"),
        (["take.mcap", "--frames", "raw"], "no raw face with landmarks"),
        (["none.mp4"], "no such file or folder"),
        (["0"], "is a camera"),
    ],
)
def test_errors(
    arguments: list[str],
    said: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    assert main(["overlay", *arguments]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (folder / "out").exists() or not list((folder / "out").iterdir())
