"""Every published layout: read whole, with a face missing or broken, and told from the others."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from rdr_core.data.datasets import Layout, detect_layout, read_dataset
from rdr_core.errors import DataError

Imitation = Callable[[str], Path]
LAYOUTS = get_args(Layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reads_all_faces(layout: Layout, imitation: Imitation) -> None:
    reading = read_dataset(layout, imitation(layout))
    assert reading.skipped == []
    assert len({sample.name for sample in reading.samples}) == 3
    for sample in reading.samples:
        assert sample.read_image().shape[2] == 3
        for points in (sample.shape, sample.landmarks_3d, sample.box_xyxy, sample.euler_rad, sample.face_box_xyxy):
            assert points is None or points.dtype == np.float32
        if sample.other is not None:
            assert sample.other.points.shape == (int(sample.other.scheme[-2:]), 2)
            assert sample.other.points.dtype == np.float32


@pytest.mark.parametrize("layout", LAYOUTS)
def test_is_told_from_the_others(layout: Layout, imitation: Imitation) -> None:
    assert detect_layout(imitation(layout)) == layout


def test_two_layouts_or_none_are_not_guessed(imitation: Imitation, tmp_path: Path) -> None:
    folder = imitation("aflw2000")
    (folder / "image00002.pts").write_text("version: 1")
    with pytest.raises(DataError, match="looks like 300w and aflw2000; name one of 300w, 300w-lp"):
        detect_layout(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="the marks of none; name one of 300w"):
        detect_layout(tmp_path / "empty")
    with pytest.raises(DataError, match="no such folder"):
        detect_layout(tmp_path / "missing")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_layout_is_refused(layout: Layout, imitation: Imitation, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", imitation("face-synthetics" if layout == "aflw2000" else "aflw2000")):
        with pytest.raises(DataError) as caught:
            read_dataset(layout, folder, "skip")
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no layout is named 'w300'; there are 300w, "):
        read_dataset("w300", tmp_path)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="expected fail or skip, got 'ignore'"):
        read_dataset("300w", tmp_path, "ignore")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no such folder"):
        read_dataset("300w", tmp_path / "missing")


def write(name: str, content: str | bytes) -> Callable[[Path], None]:
    content = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(content) and None


def edit(name: str, old: str, new: str, count: int = 1) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, count))

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut(name: str, size: int = 200) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size]) and None


def mat(name: str, **arrays: object) -> Callable[[Path], None]:
    """Put arrays into a .mat; None takes one out."""

    def change(folder: Path) -> None:
        content = {key: value for key, value in loadmat(folder / name).items() if not key.startswith("_")} | arrays
        savemat(folder / name, {key: value for key, value in content.items() if value is not None})

    return change


def row(name: str, key: str, index: tuple[int, int], value: float) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = {key: value for key, value in loadmat(folder / name).items() if not key.startswith("_")}
        content[key][index] = value
        savemat(folder / name, content)

    return change


def sql(statement: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "data" / "aflw.sqlite")) as database:
            database.execute(statement)
            database.commit()

    return change


def cell(name: str, number: int, column: str, value: str) -> Callable[[Path], None]:
    """Write one cell of a CSV, rows counted from 0 without the header."""

    def change(folder: Path) -> None:
        with (folder / name).open(newline="") as file:
            rows = list(csv.reader(file))
        rows[number + 1][rows[0].index(column)] = value
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)

    return change


PTS = "version: 1\nn_points: 68\n{{\n{}}}\n"
NAN_68 = np.full((68, 2), np.nan)
ONE_FACE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "300w: no picture": ("300w", remove("ibug/image_003_1.jpg"), "expected one picture .* got none"),
    "300w: two pictures": (
        "300w",
        write("ibug/image_003_1.png", b"\x89PNG"),
        "got image_003_1.jpg and image_003_1.png",
    ),
    "300w: no picture inside": ("300w", write("ibug/image_003_1.jpg", b"text"), "not a picture that can be read"),
    "300w: no points": ("300w", remove("ibug/image_003_1.pts"), r"image_003_1.pts: no such file"),
    "300w: empty": ("300w", write("ibug/image_003_1.pts", ""), "not a .pts file"),
    "300w: binary": ("300w", write("ibug/image_003_1.pts", b"\xff\xfe\x00"), "cannot be read as text"),
    "300w: 67 points": ("300w", edit("ibug/image_003_1.pts", "68", "67"), "expected 68 points"),
    "300w: not finite": ("300w", write("ibug/image_003_1.pts", PTS.format("1e999 3\n" * 68)), "finite numbers"),
    "300w: 69 points": ("300w", edit("ibug/image_003_1.pts", "{\n", "{\n1 3\n"), "in 69 rows"),
    "300w: words": ("300w", write("ibug/image_003_1.pts", PTS.format("a b\n" * 68)), "expected 68 x 2 numbers"),
    "300w: one place": ("300w", write("ibug/image_003_1.pts", PTS.format("5 5\n" * 68)), "span no box"),
    "lp: no picture": ("300w-lp", remove("AFW/AFW_134212_1_1.jpg"), "expected one picture"),
    "lp: no .mat": ("300w-lp", remove("AFW/AFW_134212_1_1.mat"), "AFW_134212_1_1.mat: no such file"),
    "lp: no landmarks": ("300w-lp", remove("landmarks/AFW/AFW_134212_1_1_pts.mat"), "_1_1_pts.mat: no such file"),
    "lp: broken .mat": ("300w-lp", cut("AFW/AFW_134212_1_1.mat"), "not a MATLAB file"),
    "lp: no MATLAB": ("300w-lp", write("AFW/AFW_134212_1_1.mat", "no MATLAB" * 99), "not a MATLAB file"),
    "lp: no pose": ("300w-lp", mat("AFW/AFW_134212_1_1.mat", Pose_Para=None), "lacks `Pose_Para`"),
    "lp: short pose": ("300w-lp", mat("AFW/AFW_134212_1_1.mat", Pose_Para=np.ones((1, 3))), "expected 1 x 7 numbers"),
    "lp: NaN": ("300w-lp", mat("landmarks/AFW/AFW_134212_1_1_pts.mat", pts_2d=NAN_68), "expected finite numbers"),
    "lp: a cell": ("300w-lp", mat("AFW/AFW_134212_1_1.mat", Pose_Para=np.array([["a", 1]], object)), "is cell of"),
    "lp: a flip's header": ("300w-lp", cut("AFW_Flip/AFW_134212_1_0.jpg", 30), "whose size can be read"),
    "aflw: no photo": ("aflw", remove("data/flickr/0/image00002.jpg"), "no such picture"),
    "aflw: leads out": (
        "aflw",
        sql("UPDATE FaceImages SET filepath = '../../../secret.jpg' WHERE image_id = 1"),
        "leads out of the folder",
    ),
    "aflw: absolute": ("aflw", sql("UPDATE FaceImages SET filepath = '/a.jpg' WHERE image_id = 1"), "no such picture"),
    "aflw: a long name": (
        "aflw",
        sql(f"UPDATE FaceImages SET filepath = '{'x' * 5000}' WHERE image_id = 1"),
        "is too long for a file",
    ),
    "aflw: NUL": ("aflw", sql("UPDATE FaceImages SET filepath = 'a' || char(0) WHERE image_id = 1"), "must be text"),
    "aflw: no image": ("aflw", sql("DELETE FROM FaceImages WHERE image_id = 1"), "#39341: expected one photo"),
    "aflw: a word": (
        "aflw",
        sql("UPDATE FeatureCoords SET x = 'left' WHERE face_id = 39341 AND feature_id = 8"),
        "#39341, LeftEyeCenter: expected 2 numbers",
    ),
    "aflw: NULL": ("aflw", sql("UPDATE FeatureCoords SET y = NULL WHERE face_id = 39341"), "expected finite numbers"),
    "aflw: twice": (
        "aflw",
        sql("INSERT INTO FeatureCoords VALUES (39341, 21, 1, 1, 1)"),
        "has the point ChinCenter twice",
    ),
    "aflw: flat": ("aflw", sql("UPDATE FaceRect SET w = 0 WHERE face_id = 39341"), "positive width and height"),
    "aflw: a pose of words": ("aflw", sql("UPDATE FacePose SET yaw = 'x' WHERE face_id = 39341"), "three angles"),
    "csv: no photo": ("aflw-csv", remove("data/flickr/2/image10000.jpg"), "got 0 of them"),
    "csv: a word": ("aflw-csv", cell("aflw.csv", 0, "FACE_HEIGHT", "high"), "expected 4 numbers"),
    "csv: half a point": (
        "aflw-csv",
        cell("aflw.csv", 1, "LeftBrowCenter_X", "7"),
        "#2, LeftBrowCenter: expected 2 numbers",
    ),
    "csv: half a rectangle": ("aflw-csv", cell("aflw.csv", 1, "FACE_X", "7"), "expected 4 numbers"),
    "csv: no number of 19": (
        "aflw-csv",
        cell("face_landmarks_aflw_train.csv", 0, "original_3_y", ""),
        "train.csv#1: expected 38 numbers",
    ),
    "csv: leads out": ("aflw-csv", edit("aflw.csv", "data/flickr/0/", "data/../../"), "leads out of the folder"),
    "csv: a short row": ("aflw-csv", edit("aflw.csv", "data/flickr/0/image00002.jpg,", ""), "fewer columns"),
    "csv: a long row": ("aflw-csv", edit("aflw.csv", "image00002.jpg,", "image00002.jpg,1,"), "more columns"),
    "aflw2000: no picture": ("aflw2000", remove("image00004.jpg"), "expected one picture"),
    "aflw2000: no .mat": ("aflw2000", remove("image00004.mat"), "image00004.mat: no such file"),
    "aflw2000: broken .mat": ("aflw2000", cut("image00004.mat"), "not a MATLAB file"),
    "aflw2000: two columns": ("aflw2000", mat("image00004.mat", pt3d_68=np.ones((2, 68))), "expected 3 x 68 numbers"),
    "aflw2000: one place": ("aflw2000", mat("image00004.mat", pt3d_68=np.ones((3, 68))), "span no box"),
    "aflw2000: beyond float32": ("aflw2000", mat("image00004.mat", Pose_Para=np.full((1, 7), 1e300)), "finite numbers"),
    "aflw2000: infinite": ("aflw2000", mat("image00004.mat", Pose_Para=np.full((1, 7), np.inf)), "finite numbers"),
    "pifa: no picture": ("aflw-pifa", remove("TrainImages/2.jpg"), "no such picture"),
    "pifa: a flag of 2": ("aflw-pifa", row("Landmark.mat", "phisTr", (1, 70), 2), "must be 0 or 1"),
    "pifa: NaN": ("aflw-pifa", row("Landmark.mat", "phisT", (0, 3), np.nan), "expected finite numbers"),
    "pifa: a box of no size": ("aflw-pifa", row("BoundingBox.mat", "bboxesT", (0, 2), 0), "positive width"),
    "synthetics: no picture": ("face-synthetics", remove("000001.png"), "no such picture"),
    "synthetics: no landmarks": ("face-synthetics", remove("000001_ldmks.txt"), "no such file"),
    "synthetics: 69 rows": ("face-synthetics", edit("000001_ldmks.txt", "\n", " 3\n"), "expected 70 x 2 numbers"),
    "synthetics: a word": ("face-synthetics", write("000001_ldmks.txt", "a b\n" * 70), "expected 70 x 2 numbers"),
    "faces: no picture": ("facewarehouse", remove("Tester_2/TrainingPose/pose_9.png"), "expected one picture"),
    "faces: no points": ("facewarehouse", remove("Tester_2/TrainingPose/pose_9.land"), "pose_9.land: cannot be read"),
    "faces: few points": ("facewarehouse", write("Tester_2/TrainingPose/pose_9.land", "74\n0.5 0.5"), "expected 74"),
    "faces: a cut header": ("facewarehouse", cut("Tester_2/TrainingPose/pose_9.png", 20), "whose size can be read"),
}


@pytest.mark.parametrize(("layout", "damage", "message"), ONE_FACE.values(), ids=ONE_FACE.keys())
def test_a_broken_face_fails_or_is_skipped_by_name(
    layout: Layout, damage: Callable[[Path], None], message: str, imitation: Imitation
) -> None:
    folder = imitation(layout)
    whole = {sample.name for sample in read_dataset(layout, folder).samples}
    damage(folder)
    with pytest.raises(DataError, match=message) as caught:
        read_dataset(layout, folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    reading = read_dataset(layout, folder, "skip")
    assert len(reading.samples) == 2
    assert {sample.name for sample in reading.samples} < whole
    ((path, reason),) = reading.skipped
    assert folder in path.parents
    assert reason == str(caught.value)


WHOLE_SET: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "aflw: no database inside": ("aflw", write("data/aflw.sqlite", "no database" * 99), "not AFLW's database"),
    "aflw: a table is missing": ("aflw", sql("DROP TABLE FacePose"), "not AFLW's database .no such table: FacePose"),
    "csv: other columns": ("aflw-csv", write("aflw.csv", "a,b\n1,2\n"), "neither AFLW's 19 points nor"),
    "csv: empty": ("aflw-csv", write("aflw.csv", ""), "neither AFLW's 19 points nor"),
    "csv: binary": ("aflw-csv", write("aflw.csv", b"\xff\xfe\x00"), "cannot be read as text"),
    "csv: a huge field": ("aflw-csv", edit("aflw.csv", "image00002", "x" * 200_000), "not a CSV file"),
    "pifa: a list is missing": ("aflw-pifa", remove("BoundingBox.mat"), "BoundingBox.mat: no such file"),
    "pifa: lists of two lengths": (
        "aflw-pifa",
        mat("BoundingBox.mat", bboxesTr=np.ones((3, 4))),
        r"as many rows, got \(2, 102\) and \(3, 4\)",
    ),
    "pifa: a variable is missing": ("aflw-pifa", mat("Landmark.mat", phisT=None), "lacks phisT in Landmark.mat"),
    "pifa: flags the other way round": (
        "aflw-pifa",
        mat("Landmark.mat", phisTr=np.zeros((2, 102))),
        "flags 0% of its points",
    ),
}


@pytest.mark.parametrize(("layout", "damage", "message"), WHOLE_SET.values(), ids=WHOLE_SET.keys())
@pytest.mark.parametrize("broken", ["fail", "skip"])
def test_what_breaks_all_faces_fails(
    layout: Layout, damage: Callable[[Path], None], message: str, broken: str, imitation: Imitation
) -> None:
    folder = imitation(layout)
    damage(folder)
    with pytest.raises(DataError, match=message) as caught:
        read_dataset(layout, folder, broken)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_no_face_left_names_the_first(imitation: Imitation) -> None:
    folder = imitation("face-synthetics")
    for path in folder.glob("*_ldmks.txt"):
        path.write_text("")
    with pytest.raises(DataError, match=r"no face that can be read; the first of 3 skipped: .*000000_ldmks.txt"):
        read_dataset("face-synthetics", folder, "skip")


def test_files_that_systems_leave_behind_are_no_faces(imitation: Imitation) -> None:
    folder = imitation("300w")
    (folder / "ibug" / "._image_003_1.pts").write_bytes(b"\x00\x05\x16\x07")
    assert len(read_dataset("300w", folder).samples) == 3
