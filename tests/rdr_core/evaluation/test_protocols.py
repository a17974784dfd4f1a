"""The benchmarks' protocols on small sets whose errors are known: an oracle answers instead of a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rdr_core.data.aflw2000 import lp_euler_from_matrix, matrix_from_lp_euler
from rdr_core.data.crop import Crop, crop_from_box
from rdr_core.errors import DataError, NoFaceError
from rdr_core.evaluation.protocols import Evaluation, evaluate_aflw2000, evaluate_w300
from rdr_core.face_model.dynamic_expression_model import DynamicExpressionModel
from rdr_core.geometry.rotation import euler_from_matrix
from rdr_core.geometry.weak_perspective import project
from rdr_core.inference.detector import FaceDetector

STEPS = 2


class Oracle:
    """Knows the truth, and errs by a known shift: (k + 1) times less the later the refinement step."""

    crop_size = 64

    def __init__(self, truths: list[dict[str, Any]], shift: np.ndarray) -> None:
        """`truths`: per picture, in order: box (4,), points (68, 3) image px, euler (3,); `shift`: (M, 2) image px."""
        self.truths, self.shift, self.calls = truths, shift, 0

    def run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        assert image.shape == (1, 3, 64, 64)
        truth, shift = self.truths[self.calls], self.shift[self.calls]
        self.calls += 1
        crop: Crop = crop_from_box(truth["box"], 64)
        points = truth["points"]
        place = [crop.points_to_crop(points[:, :2] + shift * (STEPS - k + 1)) / 64 for k in range(STEPS + 1)]
        shapes = np.stack(place)[None].astype(np.float32)
        depth = points[:, 2:] / crop.side_px
        return {
            "shapes": shapes,
            "projected_shapes": shapes[:, :1].repeat(STEPS + 1, axis=1),
            "landmarks_3d": np.concatenate([place[-1], depth], axis=1)[None].astype(np.float32),
            "pose": np.array([[*truth["euler"], 0.5, 0.5, 0, 0.05]], np.float32),
            "alpha_exp": np.zeros((1, 46), np.float32),
            "alpha_id": np.zeros((1, 50), np.float32),
            "confidence": np.ones(1, np.float32),
        }


def placed_face(model: DynamicExpressionModel, euler: np.ndarray) -> np.ndarray:
    points = model.face()[model.topology.landmarks]
    return project(points.astype(np.float64), euler, np.array([100.0, 90.0]), np.float64(6))


def write_set(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    (folder / "faces").mkdir(exist_ok=True)
    for row in rows:
        path = folder / "faces" / row["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((200, 200, 3), np.uint8))
    (folder / "faces" / name).write_text(json.dumps(rows))


def box(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)])


def test_w300(face_model: DynamicExpressionModel, tmp_path: Path) -> None:
    points = placed_face(face_model, np.zeros(3))
    ocular = np.linalg.norm(points[45, :2] - points[36, :2])
    pupils = np.linalg.norm(points[36:42, :2].mean(axis=0) - points[42:48, :2].mean(axis=0))
    names = ["300w_common/LFPW_a.jpg", "300w_common/HELEN_b.jpg", "300w_common/LFPW_c.jpg", "300w_common/HELEN_d.jpg"]
    write_set(tmp_path, "300w_common.json", [{"file": n, "pts68": points[:, :2].tolist()} for n in names])
    shares = np.array([0.02, 0.04, 0.06, 0.12])
    truths = [{"box": box(points), "points": points, "euler": np.zeros(3)}] * 4
    calls: list[int] = []
    found = evaluate_w300(tmp_path, Oracle(truths, np.outer(shares, [ocular, 0])), None, 1, lambda: calls.append(1))
    scores = found.scores
    assert len(calls) == 4
    assert scores["NME S"] == scores["NME S step 2"] == pytest.approx(6, abs=1e-3)
    assert scores["NME S step 1"] == pytest.approx(12, abs=1e-3)
    assert scores["NME S step 0"] == scores["NME S_p step 2"] == scores["NME S_p"] == pytest.approx(18, abs=1e-3)
    assert scores["NME S inter-pupil"] == pytest.approx(6 * ocular / pupils, abs=1e-3)
    assert scores["NME S, LFPW"] == pytest.approx(4, abs=1e-3)
    assert scores["NME S, Helen"] == pytest.approx(8, abs=1e-3)
    assert (scores["FR@8"], scores["FR@10"]) == (25, 25)
    assert scores["AUC@8"] == pytest.approx(100 * (0.75 + 0.5 + 0.25) / 4, abs=0.01)
    assert (scores["faces"], scores["found %"]) == (4, 100)
    assert found.names == names
    np.testing.assert_allclose(found.errors, shares, atol=1e-5)


YAWS = (-10.0, 29.9, 45.0, -59.0, 61.0, -89.0)


def aflw(model: DynamicExpressionModel, folder: Path, shares: np.ndarray, turn_deg: np.ndarray) -> Evaluation:
    """Six faces of YAWS; the oracle errs by a share of the box, and by `turn_deg` in pitch, yaw, roll."""
    rows, truths, shifts = [], [], []
    for number, (yaw, share) in enumerate(zip(YAWS, shares, strict=True)):
        lp_euler = np.radians([5.0, yaw, -8.0])
        points = placed_face(model, euler_from_matrix(matrix_from_lp_euler(lp_euler)))
        size = np.sqrt(np.ptp(points[:, :2], axis=0).prod())
        rows.append(
            {
                "file": f"aflw2000_dev/{number}.jpg",
                "pts68_3d": points[:, :2].tolist(),
                "pts68_3d_z": points[:, 2].tolist(),
                "pts68_reannotated": (points[:, :2] + [0, share * size]).tolist(),
                **dict(zip(("pitch", "yaw", "roll"), np.degrees(lp_euler).tolist(), strict=True)),
            }
        )
        said = euler_from_matrix(matrix_from_lp_euler(lp_euler + np.radians(turn_deg)))
        truths.append({"box": box(points), "points": points, "euler": said})
        shifts.append([share * size, 0])
    write_set(folder, "aflw2000_dev.json", rows)
    return evaluate_aflw2000(folder, Oracle(truths, np.array(shifts)), None, 1, lambda: None)


def test_aflw2000_bins_and_both_truths(face_model: DynamicExpressionModel, tmp_path: Path) -> None:
    shares = np.array([0.01, 0.03, 0.04, 0.06, 0.05, 0.15])
    scores = aflw(face_model, tmp_path, shares, np.zeros(3)).scores
    for name, factor in (("original", 1.0), ("re-annotated", np.sqrt(2))):
        bins = [scores[f"NME {name}, yaw {bounds} (2)"] for bounds in ("0-30", "30-60", "60-90")]
        np.testing.assert_allclose(bins, np.array([2, 5, 10]) * factor, atol=2e-3)
        assert scores[f"NME {name}, mean of bins"] == pytest.approx(17 / 3 * factor, abs=2e-3)
        assert scores[f"NME {name}, std of bins"] == pytest.approx(np.std([2, 5, 10]) * factor, abs=2e-3)
    assert scores["FR@10"] == pytest.approx(100 / 6)
    assert scores["pose MAE deg"] == pytest.approx(0, abs=0.05)


def test_aflw2000_pose_errors_are_in_its_own_angles(face_model: DynamicExpressionModel, tmp_path: Path) -> None:
    scores = aflw(face_model, tmp_path, np.full(6, 0.01), np.array([2.0, 0.5, -3.0])).scores
    assert scores["pitch MAE deg"] == pytest.approx(2, abs=0.02)
    assert scores["yaw MAE deg"] == pytest.approx(0.5, abs=0.02)
    assert scores["roll MAE deg"] == pytest.approx(3, abs=0.02)
    assert scores["pose MAE deg"] == pytest.approx(5.5 / 3, abs=0.02)


def test_angles_of_the_test_itself() -> None:
    euler = np.radians([5.0, -89.0, -8.0])
    np.testing.assert_allclose(lp_euler_from_matrix(matrix_from_lp_euler(euler)), euler, atol=1e-6)


def test_missing_sets(tmp_path: Path) -> None:
    for protocol in (evaluate_w300, evaluate_aflw2000):
        with pytest.raises(DataError, match="no such manifest"):
            protocol(tmp_path, Oracle([], np.zeros((0, 2))), None, 1, lambda: None)


def test_no_face_in_any_picture(face_model: DynamicExpressionModel, tmp_path: Path) -> None:
    points = placed_face(face_model, np.zeros(3))
    write_set(tmp_path, "300w_common.json", [{"file": "300w_common/LFPW_a.jpg", "pts68": points[:, :2].tolist()}])
    with pytest.raises(NoFaceError, match="no face was found in any of the 1 pictures"):
        evaluate_w300(tmp_path, Oracle([], np.zeros((0, 2))), FaceDetector(), 1, lambda: None)
