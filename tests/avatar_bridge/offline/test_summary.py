from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from avatar_bridge.offline.receipt import Receipt
from avatar_bridge.offline.summary import COLUMNS, length, rate, table_of, total_of, write_summary

STEADY = Receipt(
    name="anna",
    video="/v/anna.mp4",
    state="tracked",
    frames=75,
    frames_said=74,
    frames_with_face=60,
    faces=1,
    duration_s=2.96,
    fps_lowest=24.9,
    fps_highest=25.1,
    sound_s=2.98,
)
UNEVEN = Receipt(
    name="day [2]/ben",
    video="/v/ben.mp4",
    state="damaged",
    problem="cut off, after 30 frames",
    frames=30,
    frames_said=60,
    duration_s=3725.4,
    fps_lowest=3.584,
    fps_highest=1000.0,
)
FAILED = Receipt(name="c", video="/v/c.mp4", problem="cannot read the video")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_has_a_line_for_each_video_of_the_folder(tmp_path: Path) -> None:
    STEADY.write(tmp_path / "anna.tracked.json")
    Receipt(name="old", video="/v/old.mp4", state="placing").write(tmp_path / "old.tracked.json")
    path = write_summary(tmp_path, [UNEVEN, FAILED])
    assert path == tmp_path / "summary.csv"
    anna, c, ben = rows(path)
    assert tuple(anna) == COLUMNS
    assert [row["name"] for row in (anna, c, ben)] == ["anna", "c", "day [2]/ben"]
    assert (anna["frames"], anna["found_percent"], anna["fps"], anna["problem"]) == ("75", "80.0", "25.0", "")
    assert (ben["state"], ben["problem"], ben["duration_s"]) == ("damaged", "cut off, after 30 frames", "3725.4")
    assert (c["state"], c["frames"], c["video"]) == ("failed", "0", "/v/c.mp4")
    assert len(rows(write_summary(tmp_path, []))) == 1


def test_what_is_new_replaces_what_lies_there(tmp_path: Path) -> None:
    UNEVEN.write(tmp_path / "day [2]" / "ben.tracked.json")
    (row,) = rows(write_summary(tmp_path, [Receipt(name=UNEVEN.name, video="/v/ben.mp4", problem="gone")]))
    assert row["problem"] == "gone"


def test_names_are_those_of_the_folder(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        STEADY.write(tmp_path / folder / "anna.tracked.json")
    assert [row["name"] for row in rows(write_summary(tmp_path, []))] == ["x/anna", "y/anna"]


def test_the_table_is_for_people() -> None:
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=100).print(table_of([STEADY, UNEVEN, FAILED]))
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.getvalue().splitlines() if "│" in line]
    assert lines == [
        ["anna", "75", "80.0", "25", "2.96 s", "2.98 s", ""],
        ["day [2]/ben", "30 of 60", "0.0", "0.01 (3.584 to 1000)", "1:02:05", "none", "damaged"],
        ["c", "", "", "", "", "", "failed"],
    ]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0.00 s"), (59.5, "59.50 s"), (60, "1:00"), (187, "3:07"), (3600, "1:00:00")]
)
def test_lengths(seconds: float, said: str) -> None:
    assert length(seconds) == said


def test_totals() -> None:
    assert total_of([STEADY, UNEVEN, FAILED]) == "3 videos, 105 frames, 1:02:08, a face in 57.1 % of the frames"
    assert total_of([]) == "0 videos, 0 frames, 0.00 s, a face in 0.0 % of the frames"


def test_rates() -> None:
    assert rate(STEADY) == "25"
    assert rate(FAILED) == "-"
    ntsc = Receipt(name="", video="", frames=301, duration_s=10.01, fps_lowest=29.4, fps_highest=30.3)
    assert rate(ntsc) == "29.97"
