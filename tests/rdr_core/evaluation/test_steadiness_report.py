"""Numbers of several clips put together, and the files that hold them."""

from __future__ import annotations

import csv
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rdr_core.evaluation import steadiness_report
from rdr_core.evaluation.crop_spread import RecropConfig
from rdr_core.evaluation.face_series import ClipTrack, FaceSeries
from rdr_core.evaluation.steadiness import RestConfig
from rdr_core.evaluation.steadiness_report import Steadiness, describe_offsets, measure, summary, write_report
from rdr_core.evaluation.steadiness_tables import QUANTITIES, tables
from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES
from rdr_core.face_model.dynamic_expression_model import default_face_model

FRAMES = 60
STD_PX = 0.5


def clip(seed: int, person: str, lost: slice = slice(0)) -> ClipTrack:
    """A face at rest with white noise, half of it filtered away; 100 px between the eyes, so that px are %."""
    rng = np.random.default_rng(seed)
    model = default_face_model()
    noise = rng.normal(0, STD_PX, (FRAMES, 68, 2))
    face = np.random.default_rng(9).uniform(100, 250, (68, 2))
    raw = FaceSeries(
        face + noise,
        rng.normal(0, 0.01, (FRAMES, 3)),
        np.full((FRAMES, 2), 170.0),
        np.full(FRAMES, 11.0),
        np.clip(0.3 + 0.005 * rng.normal(0, 1, (FRAMES, 46)), 0, 1),
    )
    who = np.random.default_rng(sum(map(ord, person))).normal(0, 1, 50)
    alpha_id = model.identity_mean + (who + 0.1 * rng.normal(0, 1, (FRAMES, 50))) * model.identity_std
    confidence, offsets = np.full(FRAMES, 0.9), rng.normal(0, [0.01, 0.01, 0.02, 0.03], (FRAMES, 4))
    made = ClipTrack(
        f"{person}_{seed}",
        person,
        25.0,
        raw,
        replace(raw, landmarks_px=face + noise / 2),
        100.0,
        confidence,
        alpha_id,
        offsets,
    )
    for values in (confidence, alpha_id, offsets, *(getattr(raw, name) for name in raw.__slots__)):
        values[lost] = np.nan
    made.filtered.landmarks_px[lost] = np.nan
    return made


@pytest.fixture(scope="module")
def steadiness() -> Steadiness:
    clips = [clip(1, "ann"), clip(2, "ann", slice(20, 24)), clip(3, "ben")]
    return measure(clips, default_face_model(), RestConfig(), RecropConfig())


def all_numbers(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in all_numbers(inner)]
    return [number for inner in value for number in all_numbers(inner)] if isinstance(value, list) else [value]


def test_numbers_of_all_clips(steadiness: Steadiness) -> None:
    numbers = summary(steadiness)
    jitter = numbers["total"]["jitter"]["landmarks_percent"]
    assert jitter["raw"]["rms"] == pytest.approx(np.sqrt(12) * STD_PX, rel=0.03)
    assert jitter["filtered"]["rms"] == pytest.approx(np.sqrt(12) * STD_PX / 2, rel=0.03)
    assert set(QUANTITIES) <= set(numbers["total"]["jitter"])
    assert set(numbers["total"]["noisiest"]) <= set(BLENDSHAPE_NAMES)
    whole, gap = numbers["clips"]["ann_1"], numbers["clips"]["ann_2"]
    assert (whole["tracked"], whole["rest_frames"]) == (60, 60)
    assert (gap["tracked"], gap["rest_frames"]) == (56, 54)  # the neighbours of a gap are left out
    assert numbers["total"]["lag"]["mouth"] is None  # it did not move
    assert numbers["total"]["pull"] == {"shift": None, "size": None, "turn": None}  # nothing was looked at again
    assert numbers["total"]["crop_offsets"]["log_side"]["std"] == pytest.approx(0.02, rel=0.15)
    json.dumps(numbers, allow_nan=False)


def test_clips_of_one_person_count_as_one(steadiness: Steadiness) -> None:
    numbers = summary(steadiness)["identity"]
    assert {person: one["frames"] for person, one in numbers["people"].items()} == {"ann": 116, "ben": 60}
    assert numbers["recognised_percent"] == 100
    assert np.allclose(numbers["within_std"], 0.1, rtol=0.3)
    assert numbers["people"]["ann"]["nearest_mm"] == pytest.approx(numbers["between_mm"], rel=1e-4)


def test_offsets_are_described() -> None:
    offsets = np.array([[0.1, 0, 0, 0], [-0.3, 0, 0, 0], [np.nan] * 4])
    across = describe_offsets(offsets)["across"]
    assert across == pytest.approx({"mean": -0.1, "std": 0.2, "p95": 0.29, "p99": 0.298, "largest": 0.3})
    assert np.isnan(all_numbers(describe_offsets(np.full((3, 4), np.nan)))).all()


def test_files(steadiness: Steadiness, tmp_path: Path) -> None:
    written = write_report(tmp_path / "new", steadiness)
    names = {"steadiness.json", "tables.md"} | {
        f"{c.clip.name}.{end}" for c in steadiness.clips for end in ("csv", "png")
    }
    assert {path.name for path in written.parent.iterdir()} == names
    assert json.loads(written.read_text()) == summary(steadiness)
    with (tmp_path / "new" / "ann_2.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == [str(k) for k in range(FRAMES)]
    assert [row["tracked"] for row in rows[19:25]] == ["1", "0", "0", "0", "0", "1"]
    assert rows[21]["yaw_deg_raw"] == rows[21]["crop_down"] == rows[21]["JawOpen_filtered"] == ""
    raw = steadiness.clips[1].clip.raw
    assert float(rows[30]["yaw_deg_raw"]) == pytest.approx(np.degrees(raw.euler_rad[30, 1]), rel=1e-4)
    assert float(rows[30]["JawOpen_raw"]) == pytest.approx(
        raw.alpha_exp[30, BLENDSHAPE_NAMES.index("JawOpen")], rel=1e-4
    )
    assert float(rows[30]["time_s"]) == 1.2
    picture = cv2.imread(str(tmp_path / "new" / "ann_2.png"))
    assert (picture < 200).any(axis=2).mean() > 0.01  # something is drawn on it
    for table in tables(steadiness):
        assert f"## {table.title}\n" in (tmp_path / "new" / "tables.md").read_text()


def test_without_matplotlib(
    steadiness: Steadiness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(steadiness_report, "can_draw", lambda: False)
    with caplog.at_level(logging.WARNING):
        write_report(tmp_path, steadiness)
    assert not list(tmp_path.glob("*.png"))
    assert "no pictures are drawn, matplotlib is missing" in caplog.text
    caplog.clear()
    write_report(tmp_path, steadiness, plots=False)
    assert not caplog.text


def test_a_failure_leaves_no_half_file(steadiness: Steadiness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> object:
        raise KeyboardInterrupt

    write_report(tmp_path, steadiness, plots=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(steadiness_report, "summary", fail)
    with pytest.raises(KeyboardInterrupt):
        write_report(tmp_path, steadiness, plots=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_one_clip_without_rest(tmp_path: Path) -> None:
    """Everything that needs more is left open, and nothing warns."""
    moving = clip(4, "cat")
    moving.raw.landmarks_px[:] += 3 * np.arange(FRAMES)[:, None, None]
    alone = measure([moving], default_face_model(), RestConfig(), RecropConfig())
    numbers = summary(alone)
    assert numbers["clips"]["cat_4"]["rest_frames"] == 0
    assert numbers["clips"]["cat_4"]["noisiest"] == {}
    assert numbers["identity"]["between_mm"] is None
    assert numbers["identity"]["mm_ratio"] is None
    write_report(tmp_path, alone, plots=False)
    assert "| landmarks, px | - | - | - | - |" in (tmp_path / "tables.md").read_text()
