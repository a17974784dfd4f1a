"""AFLW2000-3D: bins of yaw, both truths, pose in the set's own angles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from rdr_core.data.aflw2000 import lp_euler_from_matrix, matrix_from_lp_euler
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.evaluation.protocols.aflw2000 import evaluate_aflw2000
from rdr_core.evaluation.scores import Evaluation
from rdr_core.geometry.rotation import euler_from_matrix
from rdr_core.inference.images import ImageResult

YAWS = (-10.0, 29.9, 45.0, -59.0, 61.0, -89.0)
SHARES = np.array([0.01, 0.03, 0.04, 0.06, 0.05, 0.15])


@pytest.fixture
def evaluated(place: Any, answer: Any, write_manifest: Any) -> Any:
    """Return a function: six faces of YAWS, answered with errors of `shares` of the box and `turn_deg` of the pose."""

    def evaluate(shares: np.ndarray, turn_deg: Sequence[float] = (0, 0, 0)) -> Evaluation:
        rows, answers = [], {}
        for number, (yaw, share) in enumerate(zip(YAWS, shares, strict=True)):
            lp_euler = np.radians([5.0, yaw, -8.0])
            points = place(euler_from_matrix(matrix_from_lp_euler(lp_euler)))
            size = np.sqrt(np.ptp(points[:, :2], axis=0).prod())
            name = f"aflw2000_dev/{number}.jpg"
            rows.append(
                {
                    "file": name,
                    "pts68_3d": points[:, :2].tolist(),
                    "pts68_3d_z": points[:, 2].tolist(),
                    "pts68_reannotated": (points[:, :2] + [0, share * size] - 0.5).tolist(),
                    **dict(zip(("pitch", "yaw", "roll"), np.degrees(lp_euler).tolist(), strict=True)),
                }
            )
            said = euler_from_matrix(matrix_from_lp_euler(lp_euler + np.radians(turn_deg)))
            answers[name] = points, np.array([share * size, 0]), said
        data = write_manifest("aflw2000_dev.json", rows)
        return evaluate_aflw2000(data, lambda samples: [answer(s, *answers[s.name]) for s in samples])

    return evaluate


def test_bins_and_both_truths(evaluated: Any) -> None:
    found = evaluated(SHARES)
    for name, factor, table in (("original", 1.0, 0), ("re-annotated", np.sqrt(2), 1)):
        bins = [found.scores[f"NME {name}, yaw {bounds} (2)"] for bounds in ("0-30", "30-60", "60-90")]
        np.testing.assert_allclose(bins, np.array([2, 5, 10]) * factor, atol=2e-3)
        assert found.scores[f"NME {name}, mean of bins"] == pytest.approx(17 / 3 * factor, abs=2e-3)
        assert found.scores[f"NME {name}, std of bins"] == pytest.approx(np.std([2, 5, 10]) * factor, abs=2e-3)
        expected = np.array([2, 5, 10, 17 / 3, np.std([2, 5, 10])]) * factor
        assert found.tables[table].rows[-1].values == pytest.approx(tuple(expected), abs=2e-3)
        assert "SynergyNet" in {row.name for row in found.tables[table].rows}
    assert found.title == "AFLW2000-3D development part (box)"
    assert found.scores["FR@10"] == pytest.approx(100 / 6)
    assert found.scores["pose MAE deg"] == pytest.approx(0, abs=0.05)
    np.testing.assert_allclose(found.columns["yaw_deg"], YAWS, atol=0.05)
    np.testing.assert_allclose(found.columns["nme_reannotated"], SHARES * np.sqrt(2), atol=1e-4)
    assert list(found.curves)[-2:] == ["all (6)", "all, re-annotated (6)"]


def test_pose_errors_are_in_its_own_angles(evaluated: Any) -> None:
    found = evaluated(np.full(6, 0.01), (2.0, 0.5, -3.0))
    assert found.scores["pitch MAE deg"] == pytest.approx(2, abs=0.02)
    assert found.scores["yaw MAE deg"] == pytest.approx(0.5, abs=0.02)
    assert found.scores["roll MAE deg"] == pytest.approx(3, abs=0.02)
    assert found.tables[2].rows[-1].values == pytest.approx((2, 0.5, 3, 5.5 / 3), abs=0.02)


def test_a_published_folder(tmp_path: Path, place: Any, answer: Any, picture: Any) -> None:
    """No re-annotation; only one bin has faces."""
    folder = tmp_path / "AFLW2000"
    for number in (2, 4):
        pose = np.array([[0.1, -0.2, 0.05, 0, 0, 0, 1.0]])
        picture(folder / f"image0000{number}.jpg")
        arrays = {"pt3d_68": place(np.zeros(3)).T, "Pose_Para": pose, "pt2d": -np.ones((2, 21))}
        savemat(folder / f"image0000{number}.mat", arrays)

    def predict(samples: Sequence[FaceSample]) -> list[ImageResult]:
        return [answer(s, s.landmarks_3d, np.zeros(2), s.euler_rad) for s in samples]

    found = evaluate_aflw2000(folder, predict, published=True)
    assert found.title == "AFLW2000-3D (box)"
    assert found.scores["NME original, yaw 0-30 (2)"] == pytest.approx(0, abs=1e-4)
    assert found.tables[0].rows[-1].values[1:3] == (None, None)
    assert not any("re-annotated" in name for name in found.scores)


def test_angles_of_the_test_itself() -> None:
    euler = np.radians([5.0, -89.0, -8.0])
    np.testing.assert_allclose(lp_euler_from_matrix(matrix_from_lp_euler(euler)), euler, atol=1e-6)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such manifest"):
        evaluate_aflw2000(tmp_path, lambda samples: [])
    with pytest.raises(DataError, match="no such folder"):
        evaluate_aflw2000(tmp_path / "none", lambda samples: [], published=True)
