"""Eight faces drawn from the model: pictures on disk, their exact Q*, and their fits both ways round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from rdr_core.data.sample import FaceSample, box_of
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.fitting.contour import own_landmarks
from rdr_core.geometry.weak_perspective import project
from rdr_core.training.fit_faces import fit_samples
from rdr_core.training.targets import TargetTable
from rdr_core.types import Pose

COUNT, SIZE, SCALE = 8, 160, 4.5


@dataclass(frozen=True)
class DrawnFaces:
    """Faces whose truth is known."""

    samples: list[FaceSample]
    exact: TargetTable
    """The Q* that they were drawn from; none mirrored."""
    fits: TargetTable
    """What the fitter makes of their landmarks, both ways round."""


@pytest.fixture(scope="session")
def drawn_faces(
    face_model: DynamicExpressionModel, draw_face: Callable[..., tuple], tmp_path_factory: pytest.TempPathFactory
) -> DrawnFaces:
    folder = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(0)
    samples, rows = [], []
    for number in range(COUNT):
        euler = rng.uniform([-0.3, -0.8, -0.3], [0.3, 0.8, 0.3]).astype(np.float32)
        noise = rng.standard_normal(face_model.n_identity)
        alpha_id = (face_model.identity_mean + face_model.identity_std * noise).astype(np.float32)
        alpha_exp = (rng.uniform(0, 0.8, 46) * (rng.random(46) < 0.12)).astype(np.float32)
        pose = Pose(euler, np.array([80, 85, 0], np.float32), SCALE)
        picture, shape = draw_face(pose, alpha_id, alpha_exp, SIZE, number)
        name = f"{number}.png"
        cv2.imwrite(str(folder / name), picture)
        samples.append(FaceSample(name, folder / name, box_of(shape), shape))
        subset = face_model.face(alpha_id, alpha_exp)[face_model.topology.subset]
        placed = project(subset, euler, pose.translation_px, np.float64(SCALE))
        own = own_landmarks(face_model.topology).on(placed)
        rows.append((name, False, shape, shape, own, euler, pose.translation_px, SCALE, alpha_id, alpha_exp, 0.0))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    kinds = [None, bool, *[np.float32] * 9]
    exact = TargetTable(*(c if kind is None else c.astype(kind) for c, kind in zip(columns, kinds, strict=True)))
    return DrawnFaces(samples, exact, fit_samples(samples, mirror=True, jobs=1))
