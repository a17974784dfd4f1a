"""300W-LP (Zhu et al. 2016): 300-W turned out of plane to profile, 61,225 pictures of 450 px and their mirror images.

Research-only. It holds test pictures of 300-W, too (`LFPW_image_test_*`, test pictures of Helen, all of IBUG): what
trains on them cannot be evaluated on 300-W.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from rdr_core.data.aflw2000 import euler_of_pose_para
from rdr_core.data.published.matlab import MATLAB_TO_IMAGE_PX, mat_array, read_mat
from rdr_core.data.published.picture_size import picture_size
from rdr_core.data.reading import Broken, Reading, landmark_box, name_in, picture_of, read_each, stems
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError
from rdr_core.landmarks import MIRROR
from rdr_core.types import Float32

FLIP: Final = "_Flip"
FOLDERS: Final = tuple(name + flip for flip in ("", FLIP) for name in ("AFW", "HELEN", "IBUG", "LFPW"))


def read_w300lp(folder: Path, broken: Broken = "fail") -> Reading:
    """Read the published layout, or what of it is there.

    AFW/NAME_k.jpg, AFW/NAME_k.mat and landmarks/AFW/NAME_k_pts.mat: the k-th turn of the photo NAME; likewise HELEN,
    IBUG and LFPW, and AFW_Flip etc. with the mirror images under the same names. Where landmarks/ has nothing for a
    mirror image, as public code takes the published set to be, it has the landmarks of its picture, mirrored.

    Of landmarks/, `pts_2d` (68, 2) is `shape`, with the jaw on the visible contour, and `pts_3d` (68, 2) is
    `landmarks_3d`. The `pt2d` beside the picture is left alone: it is where the landmarks were before the face was
    turned. `Pose_Para` is the pose. Pictures of one photo, both ways round, have the same `person`.
    """
    parts = [folder / name for name in FOLDERS if (folder / name).is_dir()]
    if not parts:
        raise DataError(f"{folder}: not 300W-LP, it has none of the folders {', '.join(FOLDERS)}")
    files = (path for part in parts for path in part.iterdir() if path.suffix.lower() in (".jpg", ".mat"))
    return read_each(((stem, folder) for stem in stems(files)), _face, folder, broken)


def _face(stem: Path, folder: Path) -> FaceSample:
    picture = picture_of(stem)
    path = stem.with_name(stem.name + ".mat")
    euler = euler_of_pose_para(mat_array(read_mat(path, "Pose_Para"), "Pose_Para", (1, 7), path))
    shape, head = _landmarks(stem, folder, picture)
    return FaceSample(
        name_in(folder, picture),
        picture,
        landmark_box(shape, str(stem)),
        shape,
        landmarks_3d=head,
        euler_rad=euler,
        person=re.sub(r"_\d+$", "", stem.name),
    )


def _landmarks(stem: Path, folder: Path, picture: Path) -> tuple[Float32, Float32]:
    """`shape` and `landmarks_3d`, (68, 2) each, image px."""
    part = stem.parent.name
    path = folder / "landmarks" / part / f"{stem.name}_pts.mat"
    mirrored = part.endswith(FLIP) and not path.exists()
    if mirrored:
        path = folder / "landmarks" / part.removesuffix(FLIP) / path.name
    mat = read_mat(path, "pts_2d", "pts_3d")
    shape, head = (mat_array(mat, key, (68, 2), path) + MATLAB_TO_IMAGE_PX for key in ("pts_2d", "pts_3d"))
    if not mirrored:
        return shape, head
    width = np.array([picture_size(picture)[0], 0], np.float32)
    flip = np.array([-1, 1], np.float32)
    return width + flip * shape[MIRROR], width + flip * head[MIRROR]
