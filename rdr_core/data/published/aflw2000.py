"""AFLW2000-3D as published: 68 points of the head itself (jaw hidden or not), pose. Research-only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rdr_core.data.aflw2000 import euler_of_pose_para
from rdr_core.data.published.aflw import aflw_points
from rdr_core.data.published.matlab import MATLAB_TO_IMAGE_PX, mat_array, read_mat
from rdr_core.data.reading import Broken, Reading, landmark_box, name_in, picture_of, read_each, stems
from rdr_core.data.sample import FaceSample


def read_aflw2000(folder: Path, broken: Broken = "fail") -> Reading:
    """Read the published layout: image00002.jpg and image00002.mat side by side, 2,000 of them.

    Of a .mat, `pt3d_68` (3, 68) becomes `landmarks_3d`, `Pose_Para` the pose, and `pt2d` (2, 21), the visible ones of
    AFLW's 21 points, `other`. They count from 1, as 3DDFA's code takes them to. The re-annotation is not part of it.
    """
    files = (path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".mat"))
    return read_each(((stem, folder) for stem in stems(files)), _face, folder, broken)


def _face(stem: Path, folder: Path) -> FaceSample:
    path = stem.with_name(stem.name + ".mat")
    mat = read_mat(path, "pt3d_68", "Pose_Para", "pt2d")
    points = mat_array(mat, "pt3d_68", (3, 68), path).T
    points = np.concatenate([points[:, :2] + MATLAB_TO_IMAGE_PX, points[:, 2:]], axis=1)
    euler = euler_of_pose_para(mat_array(mat, "Pose_Para", (1, 7), path))
    visible_points = mat_array(mat, "pt2d", (2, 21), path).T
    other = aflw_points(visible_points + MATLAB_TO_IMAGE_PX, np.all(visible_points >= 0, axis=1))
    picture = picture_of(stem)
    box = landmark_box(points[:, :2], str(path))
    return FaceSample(name_in(folder, picture), picture, box, landmarks_3d=points, euler_rad=euler, other=other)
