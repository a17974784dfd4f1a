"""The report of a fit: numbers, what was dropped, pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from rdr_core.data.sample import FaceSample
from rdr_core.evaluation.fit_report import (
    ANNOTATED_BGR,
    FITTED_BGR,
    draw_histogram,
    draw_worst,
    summarise,
    write_fit_report,
)
from rdr_core.training.fit_faces import Fitted
from rdr_core.training.fit_jobs import Failure
from rdr_core.training.targets import TargetTable, mirror_points

RNG = np.random.default_rng(0)
SHAPE = RNG.uniform(40, 160, (68, 2)).astype(np.float32)


def table_of(errors: list[float], names: list[str] | None = None, mirrored: bool = False) -> TargetTable:
    """Faces whose fits are shifted to the right by error times the box."""
    n, size = len(errors), np.sqrt(np.ptp(SHAPE, axis=0).prod())
    shape = np.repeat(SHAPE[None], n, axis=0)
    fit = shape + np.array([1, 0], np.float32) * (np.array(errors, np.float32) * size)[:, None, None]
    if mirrored:
        shape, fit = mirror_points(shape), mirror_points(fit)
    empty = np.zeros((n, 3), np.float32)
    return TargetTable(
        np.array(names or [f"{i}.png" for i in range(n)]), np.full(n, mirrored), shape, fit, np.zeros((n, 68, 3)),
        empty, empty, np.ones(n), np.zeros((n, 50)), np.zeros((n, 46)), np.array(errors, np.float32),
    )  # fmt: skip


@pytest.fixture
def pictures(tmp_path: Path) -> list[FaceSample]:
    samples = [FaceSample(f"{i}.png", tmp_path / f"{i}.png") for i in range(30)]
    for sample in samples:
        cv2.imwrite(str(sample.image_path), np.full((200, 200, 3), (200, 20, 20), np.uint8))
    return samples


def test_summary() -> None:
    errors = [0.01, 0.02, 0.03, 0.24]
    fitted = Fitted(table_of(errors), np.full(4, 0.05, np.float32), [Failure("x", "broken")])
    summary = summarise(fitted, 0.2, faces=5, unreadable=3)
    assert (summary["faces"], summary["faces_not_read"], summary["faces_not_fitted"]) == (8, 3, 1)
    assert (summary["fits"], summary["fits_kept"], summary["share_dropped"]) == (4, 3, 0.625)
    assert summary["seconds_per_fit"] == 0.05
    assert summary["error"]["box"] == {"mean": 0.075, "median": 0.025, "p95": 0.2085, "worst": 0.24}
    size, eyes = np.sqrt(np.ptp(SHAPE, axis=0).prod()), np.linalg.norm(SHAPE[36] - SHAPE[45])
    assert summary["error"]["inter_ocular"]["worst"] == pytest.approx(0.24 * size / eyes, rel=1e-3)


def test_both_ways_round_are_two_fits_of_a_face() -> None:
    one, other = table_of([0.01, 0.3]), table_of([0.01, 0.01], mirrored=True)
    table = TargetTable.concatenate([one, other])
    summary = summarise(Fitted(table, np.ones(4, np.float32), []), 0.2, faces=2)
    assert (summary["fits"], summary["fits_kept"], summary["share_dropped"]) == (4, 2, 0.5)


def test_files(tmp_path: Path, pictures: list[FaceSample]) -> None:
    fitted = Fitted(table_of([0.01, 0.3, 0.02]), np.ones(3, np.float32), [Failure("x, y.png", "cannot be fitted")])
    folder = tmp_path / "new" / "report"
    summary = write_fit_report(folder, fitted, 0.2, pictures[:4], [Failure("z.pts", "no such file")])
    assert {path.name for path in folder.iterdir()} == {
        "fits.json", "fits.md", "dropped.csv", "errors.png", "worst.jpg"
    }  # fmt: skip
    assert json.loads((folder / "fits.json").read_text()) == summary
    with (folder / "dropped.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["name", "mirrored", "error", "reason"],
        ["1.png", "0", "0.300000", "error over 0.2"],
        ["z.pts", "", "", "no such file"],
        ["x, y.png", "", "", "cannot be fitted"],
    ]
    text = (folder / "fits.md").read_text()
    assert "5 faces: 1 could not be read, 1 could not be fitted. 3 fits, 2 kept" in text
    assert "| 11.00 | 2.00 |" in text
    assert cv2.imread(str(folder / "errors.png")) is not None
    write_fit_report(folder, fitted, 0.2, pictures[:4])  # again, over what is there
    assert len((folder / "dropped.csv").read_text().splitlines()) == 3


def near(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return np.abs(picture.astype(int) - color).max(axis=-1) < 40


def test_bars_stand_where_the_errors_are() -> None:
    errors = np.repeat([0.02, 0.08], [30, 10]).astype(np.float32)
    bars = near(draw_histogram(errors, 0.08), (180, 90, 20))[40:320, 60:600]
    assert not bars[:, : int(540 * 0.15)].any()
    heights = {x: bars[:, slice(*(int(540 * end) for end in x))].any(axis=1).sum() for x in ((0.2, 0.3), (0.95, 1.0))}
    assert heights[0.2, 0.3] == pytest.approx(280, abs=3)
    assert heights[0.95, 1.0] == pytest.approx(280 / 3, abs=3)
    assert bars.any(axis=0).sum() < 40  # nowhere else


@pytest.mark.parametrize("errors", [[0.0], [5.0, 0.01], [1e-9]])
def test_any_errors_can_be_drawn(errors: list[float]) -> None:
    assert near(draw_histogram(np.array(errors, np.float32), 0.2), (180, 90, 20)).any()


def test_the_worst_come_first(pictures: list[FaceSample]) -> None:
    errors = RNG.permutation(30).astype(np.float32) / 100
    sheet = draw_worst(table_of(errors.tolist()), pictures)
    assert sheet.shape == (22 + 4 * (240 + 22), 5 * 240, 3)
    shifts = []
    for place in range(20):
        y, x = divmod(place, 5)
        tile = sheet[22 + y * 262 :, x * 240 :][:240, :240]
        left = [np.flatnonzero(near(tile, color).any(axis=0))[0] for color in (ANNOTATED_BGR, FITTED_BGR)]
        shifts.append(left[1] - left[0])
    assert shifts[0] > 25
    assert shifts[-1] < shifts[0] - 8
    assert (np.diff(shifts) <= 2).all()


def test_a_face_is_drawn_once_its_worse_way_round(pictures: list[FaceSample]) -> None:
    """Mirrored landmarks are drawn where they lie in the picture as it is."""
    worse = draw_worst(TargetTable.concatenate([table_of([0.1]), table_of([0.2], mirrored=True)]), pictures)
    np.testing.assert_array_equal(worse, draw_worst(table_of([0.2]), pictures))


def test_pictures_that_cannot_be_read_are_grey(pictures: list[FaceSample]) -> None:
    pictures[0].image_path.unlink()
    pictures[1].image_path.write_bytes(b"no picture")
    sheet = draw_worst(table_of([0.1, 0.2, 0.3]), [*pictures[:2], pictures[3]])
    for tile in (sheet[22:262, x * 240 : x * 240 + 240] for x in range(3)):
        assert (tile[:20, :20] == 96).all()
        assert near(tile, FITTED_BGR).any()
