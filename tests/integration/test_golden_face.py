"""The path from a photograph to landmarks: whatever the weights, they must lie where a network once put them.

golden/astronaut.json was written by the first shipped network. The bound is loose, another network passes, but a wrong
crop or axis, a mirrored order or an offset of some pixels does not.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from rdr_core.evaluation.nme import inter_ocular, nme
from rdr_core.inference.detector import FaceDetector
from rdr_core.inference.tracker import FaceTracker
from rdr_core.inference.weights import load_predictor
from rdr_core.types import Float32, UInt8

GOLDEN = Path(__file__).parents[1] / "golden" / "astronaut.json"
LOOSE = 0.04
"""Share of the distance between the outer eye corners."""


@pytest.fixture(scope="module")
def golden() -> Float32:
    """(68, 2) image px."""
    return np.array(json.loads(GOLDEN.read_text())["landmarks_px"], np.float32)


@pytest.fixture(scope="module")
def photo() -> UInt8:
    return np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])


def error(found: Float32, golden: Float32) -> float:
    return float(nme(found[None], golden[None], inter_ocular(golden[None]))[0])


def track_still(picture: UInt8, frames: int = 3) -> Float32:
    """Landmarks after a few frames of the same picture, (68, 2)."""
    tracker = FaceTracker(load_predictor("live"), FaceDetector())
    for n in range(frames):
        (face,) = tracker.update(picture, n * 40_000_000)
    assert face.tracked
    return face.prediction.shape


def test_tracker(photo: UInt8, golden: Float32) -> None:
    assert error(track_still(photo), golden) < LOOSE


def test_predict_command(
    rdr: Callable[..., subprocess.CompletedProcess[str]], photo: UInt8, golden: Float32, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "astronaut.png"), photo)
    out = tmp_path / "p.npz"
    done = rdr("predict", "--images", tmp_path / "astronaut.png", "--out", out, "--passes", 2)
    assert (done.returncode, done.stderr) == (0, "")
    with np.load(out) as arrays:
        assert arrays["detected"].tolist() == [True]
        assert error(arrays["landmarks"][0], golden) < LOOSE


def test_landmarks_move_with_the_picture(photo: UInt8, golden: Float32) -> None:
    """Shifted, enlarged and turned: the same face, so the same landmarks there."""
    turn = cv2.getRotationMatrix2D((225.0, 115.0), -12.0, 1.4)
    turn[:, 2] += np.array([30.0, 70.0])
    moved = cv2.warpAffine(photo, turn, (512, 400), flags=cv2.INTER_AREA)
    # pixel centres lie at .5, OpenCV's at whole numbers
    expected = (golden - 0.5) @ turn[:, :2].T + turn[:, 2] + 0.5
    assert error(track_still(moved), expected.astype(np.float32)) < LOOSE
    assert error(track_still(photo), expected.astype(np.float32)) > 10 * LOOSE  # the bound can be missed
