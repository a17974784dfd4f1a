"""Faces whose place is known, and answers that err by known amounts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rdr_core.data.sample import FaceSample
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.weak_perspective import project
from rdr_core.inference.images import ImageResult
from rdr_core.types import FacePrediction, Pose

STEPS = 2


@pytest.fixture
def place(face_model: DynamicExpressionModel) -> Callable[..., np.ndarray]:
    """Return a function: pitch, yaw, roll in rad -> the mean face's landmarks (68, 3), image px of a 200 px picture."""

    def placed(euler_rad: np.ndarray) -> np.ndarray:
        points = face_model.face()[face_model.topology.landmarks].astype(np.float64)
        return project(points, np.asarray(euler_rad, np.float64), np.array([100.0, 90.0]), np.float64(6))

    return placed


@pytest.fixture
def answer() -> Callable[..., ImageResult]:
    """Return a function that builds what the network would have said of a sample.

    `points` (68, 3) image px, moved by `shift` (2,) after the last step, by twice that after the one before, and so on;
    S_p stays where step 0 was.
    """

    def build(
        sample: FaceSample, points: np.ndarray, shift: np.ndarray, euler_rad: np.ndarray | None = None
    ) -> ImageResult:
        moved = np.stack([points[:, :2] + shift * (STEPS - k + 1) for k in range(STEPS + 1)])
        projected = moved[:1].repeat(STEPS + 1, axis=0)
        euler = np.zeros(3, np.float32) if euler_rad is None else euler_rad
        face = FacePrediction(
            shape=moved[-1],
            projected_shape=projected[-1],
            landmarks_3d=np.concatenate([moved[-1], points[:, 2:]], axis=1),
            pose=Pose(euler, np.zeros(3, np.float32), 5.0),
            alpha_exp=np.zeros(46, np.float32),
            alpha_id=np.zeros(50, np.float32),
            confidence=1.0,
        )
        return ImageResult(sample, face, moved, projected, 5.0)

    return build


@pytest.fixture
def write_manifest(tmp_path: Path) -> Callable[[str, list[dict[str, Any]]], Path]:
    """Return a function that writes a manifest of the data folder with black pictures, and returns the folder."""

    def write(name: str, rows: list[dict[str, Any]]) -> Path:
        for row in rows:
            write_picture(tmp_path / "faces" / row["file"])
        (tmp_path / "faces" / name).write_text(json.dumps(rows))
        return tmp_path

    return write


@pytest.fixture
def picture() -> Callable[[Path], None]:
    """Return a function that writes a black picture."""
    return write_picture


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((200, 200, 3), np.uint8))
