"""Small imitations of published data sets, three faces each, laid out as their authors do.

Pictures carry a dot of 3 x 3 px about the pixel of each landmark, whose brightness is the landmark's number, so that a
landmark that is off by a pixel, or a left for a right, is seen.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

SIDE = 450
DARKEST, STEP = 32, 3
"""Brightness of dot 0, and from dot to dot."""
LP_POSE = np.array([[-0.4, 0.5, 0.1, 200, 210, 0, 0.001]])
"""Pitch, yaw, roll, translations, scale."""


def dots(n: int, seed: int = 0) -> np.ndarray:
    """(n, 2) int column and row of pixels, at least 20 px apart."""
    grid = np.stack(np.meshgrid(np.arange(9), np.arange(9)), axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(seed)
    return rng.permutation(grid)[:n] * 46 + rng.integers(20, 46, (n, 2))


def draw(path: Path, pixels: np.ndarray, size: tuple[int, int] = (SIDE, SIDE)) -> None:
    """Draw dots at `pixels` (n, 2); `size` is width, height."""
    image = np.zeros(size[::-1], np.uint8)
    for number, (x, y) in enumerate(pixels):
        image[y - 1 : y + 2, x - 1 : x + 2] = DARKEST + STEP * number
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 100] if path.suffix == ".jpg" else []
    assert cv2.imwrite(str(path), image, quality)


def write_mat(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, arrays)


def w300(folder: Path) -> None:
    for seed, name in enumerate(("ibug/image_003_1.jpg", "lfpw/testset/image_0001.png", "helen/trainset/1.jpg")):
        pixels = dots(68, seed)
        draw(folder / name, pixels)
        points = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in pixels)
        (folder / name).with_suffix(".pts").write_text(f"version: 1\nn_points:  68\n{{\n{points}\n}}\n")


def w300lp(folder: Path) -> None:
    for number in range(2):
        pixels = dots(68, number)
        stem = f"AFW_134212_1_{number}"
        draw(folder / "AFW" / f"{stem}.jpg", pixels)
        write_mat(folder / "AFW" / f"{stem}.mat", Pose_Para=LP_POSE, pt2d=np.ones((2, 68)), roi=np.ones((1, 4)))
        write_mat(folder / f"landmarks/AFW/{stem}_pts.mat", pts_2d=pixels + 1.0, pts_3d=pixels + 1.25)
    flipped = folder / "AFW_Flip" / "AFW_134212_1_0"
    draw(flipped.with_suffix(".jpg"), dots(68, 0) * [-1, 1] + [SIDE - 1, 0])
    write_mat(flipped.with_suffix(".mat"), Pose_Para=LP_POSE * [1, -1, -1, 1, 1, 1, 1])
    (folder / "Code").mkdir()
    (folder / "Code" / "main.m").write_text("no face")


def aflw2000(folder: Path) -> None:
    for seed, name in enumerate(("image00002", "image00004", "image00006")):
        pixels = dots(68, seed)
        draw(folder / f"{name}.jpg", pixels)
        few = np.full((2, 21), -1.0)
        few[:, :5] = pixels[:5].T + 1
        points = np.concatenate([pixels.T + 1.0, np.linspace(-60, 60, 68)[None]])
        write_mat(folder / f"{name}.mat", pt3d_68=points, pt2d=few, Pose_Para=LP_POSE, roi=np.ones((1, 4)))


def aflw_photos(folder: Path) -> list[np.ndarray]:
    for seed, name in enumerate(("0/image00002.jpg", "2/image10000.jpg")):
        draw(folder / name, dots(21, seed))
    return [dots(21, 0), dots(21, 1)]


AFLW_TABLES = """
CREATE TABLE FaceImages (image_id INTEGER PRIMARY KEY, db_id TEXT, file_id TEXT, filepath TEXT, bw INTEGER,
                         width INTEGER, height INTEGER);
CREATE TABLE Faces (face_id INTEGER PRIMARY KEY, file_id TEXT, db_id TEXT);
CREATE TABLE FaceRect (face_id INTEGER, x INTEGER, y INTEGER, w INTEGER, h INTEGER, annot_type_id INTEGER);
CREATE TABLE FacePose (face_id INTEGER, roll REAL, pitch REAL, yaw REAL, annot_type_id INTEGER);
CREATE TABLE FeatureCoords (face_id INTEGER, feature_id INTEGER, x REAL, y REAL, annot_type_id INTEGER);
INSERT INTO FaceImages VALUES (1, 'flickr', 'image00002.jpg', '0/image00002.jpg', 0, 450, 450),
                              (2, 'flickr', 'image10000.jpg', '2/image10000.jpg', 0, 450, 450);
INSERT INTO Faces VALUES (39341, 'image00002.jpg', 'flickr'), (39342, 'image10000.jpg', 'flickr'),
                         (39343, 'image10000.jpg', 'flickr');
INSERT INTO FaceRect VALUES (39341, 10, 20, 100, 110, 1), (39342, 10, 20, 100, 110, 1), (39342, 0, 0, 5, 5, 2);
INSERT INTO FacePose VALUES (39341, 0.1, 0.2, -0.3, 1), (39342, 1000, 1000, 1000, 1);
"""


def aflw(folder: Path) -> None:
    """The second face has two rectangles and no pose, the third nothing at all."""
    points = aflw_photos(folder / "data" / "flickr")
    with closing(sqlite3.connect(folder / "data" / "aflw.sqlite")) as database:
        database.executescript(AFLW_TABLES)
        rows = [
            (face_id, index + 1, x + 0.5, y + 0.5, 1)
            for face_id, pixels, shown in ((39341, points[0], range(21)), (39342, points[1], range(0, 21, 2)))
            for index, (x, y) in enumerate(pixels.tolist())
            if index in shown
        ]
        database.executemany("INSERT INTO FeatureCoords VALUES (?, ?, ?, ?, ?)", [*rows, (39341, 22, 1.0, 1.0, 1)])
        database.commit()


NAMES_21 = (
    "LeftBrowLeftCorner LeftBrowCenter LeftBrowRightCorner RightBrowLeftCorner RightBrowCenter RightBrowRightCorner "
    "LeftEyeLeftCorner LeftEyeCenter LeftEyeRightCorner RightEyeLeftCorner RightEyeCenter RightEyeRightCorner LeftEar "
    "NoseLeft NoseCenter NoseRight RightEar MouthLeftCorner MouthCenter MouthRightCorner ChinCenter"
)


def aflw_csv(folder: Path) -> None:
    """Two rows of 21 points, the second with every other one; one row of 19 points."""
    first, second = aflw_photos(folder / "data" / "flickr")
    header = ["#FILENAME", "FACE_X", "FACE_Y", "FACE_WIDTH", "FACE_HEIGHT"]
    header += [f"{name}_{axis}" for name in NAMES_21.split() for axis in "XY"]
    partly = [["", ""] if number % 2 else [x + 0.5, y + 0.5] for number, (x, y) in enumerate(second.tolist())]
    rows = [
        ["data/flickr/0/image00002.jpg", 10, 20, 100, 110, *(first + 0.5).ravel().tolist()],
        ["data/flickr/2/image10000.jpg", "", "", "", "", *(word for point in partly for word in point)],
    ]
    with (folder / "aflw.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    header = ["image_name", "scale", "box_size", "center_w", "center_h"]
    header += [f"original_{number}_{axis}" for number in range(19) for axis in "xy"]
    values = [0.5, 100, 60, 75, *(first[:19] + 0.5).ravel().tolist()]
    with (folder / "face_landmarks_aflw_train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, ["0/image00002.jpg", *values]])


def aflw_pifa(folder: Path) -> None:
    rows = []
    for seed, name in enumerate(("TrainImages/1.jpg", "TrainImages/2.jpg", "TestImages/1.jpg")):
        pixels = dots(34, seed)
        draw(folder / name, pixels)
        rows.append(np.concatenate([pixels.T.ravel() + 1.0, np.arange(34) % 4 != seed]))
    phis, boxes = np.stack(rows), np.tile([11.0, 21, 100, 110], (3, 1))
    write_mat(folder / "Landmark.mat", phisTr=phis[:2], phisT=phis[2:])
    write_mat(folder / "BoundingBox.mat", bboxesTr=boxes[:2], bboxesT=boxes[2:])


def facewarehouse(folder: Path) -> None:
    width, height = 640, 480
    for seed, name in enumerate(("Tester_10/TrainingPose/pose_0", "Tester_2/TrainingPose/pose_10")):
        _facewarehouse_pose(folder / name, seed, width, height)
    _facewarehouse_pose(folder / "Tester_2/TrainingPose/pose_9", 2, width, height)
    (folder / "Tester_2" / "Blendshape").mkdir()
    (folder / "Tester_2/TrainingPose/pose_9.obj").write_text("v 0 0 0")


def _facewarehouse_pose(stem: Path, seed: int, width: int, height: int) -> None:
    pixels = dots(74, seed)
    draw(stem.with_suffix(".png"), pixels, size=(width, height))
    lines = [f"{(x + 0.5) / width:.9f} {1 - (y + 0.5) / height:.9f}" for x, y in pixels.tolist()]
    stem.with_suffix(".land").write_text("\n".join(["74", *lines]))


def face_synthetics(folder: Path) -> None:
    for number in range(3):
        pixels = dots(70, number)
        draw(folder / f"{number:06}.png", pixels)
        draw(folder / f"{number:06}_seg.png", pixels)
        lines = [f"{x + 0.5} {y + 0.5}" for x, y in pixels.tolist()]
        (folder / f"{number:06}_ldmks.txt").write_text("\n".join(lines) + "\n")


WRITERS: dict[str, Callable[[Path], None]] = {
    "300w": w300,
    "300w-lp": w300lp,
    "aflw": aflw,
    "aflw-csv": aflw_csv,
    "aflw2000": aflw2000,
    "aflw-pifa": aflw_pifa,
    "face-synthetics": face_synthetics,
    "facewarehouse": facewarehouse,
}


@pytest.fixture
def imitation(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes the imitation of a layout and returns its folder."""

    def write(layout: str) -> Path:
        folder = tmp_path / layout
        folder.mkdir()
        WRITERS[layout](folder)
        return folder

    return write


@pytest.fixture
def dot_numbers() -> Callable[[np.ndarray, np.ndarray], list[int]]:
    """Return a function that says the number of the dot at each point (n, 2), image px; -1 where there is none."""

    def numbers(image: np.ndarray, points: np.ndarray) -> list[int]:
        mean = cv2.blur(image[..., 0].astype(np.float32), (3, 3))  # JPEG changes a pixel by one or two
        columns, rows = np.floor(points).astype(int).T
        found = (mean[rows, columns] - DARKEST) / STEP
        return np.where(found > -0.5, np.rint(found), -1).astype(int).tolist()

    return numbers
