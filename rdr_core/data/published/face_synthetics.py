"""FaceSynthetics (Wood et al. 2021): 100,000 rendered faces of 512 px. Non-commercial research.

Every landmark is the projection of a vertex, also the jaw's, which leaves the visible contour where the head is turned:
the 68 are `landmarks_3d`, not `shape`. Where the first pixel's centre lies is not documented; the numbers are taken as
they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rdr_core.data.reading import (
    Broken,
    Reading,
    check_picture,
    finite,
    landmark_box,
    name_in,
    read_each,
    read_text,
    stems,
)
from rdr_core.data.sample import FaceSample, PointSet
from rdr_core.landmarks import N_LANDMARKS

LANDMARKS: Final = "_ldmks"
SEGMENTS: Final = "_seg"
N_POINTS: Final = 70


def read_face_synthetics(folder: Path, broken: Broken = "fail") -> Reading:
    """Read 000000.png with 000000_ldmks.txt; 000000_seg.png, where it is there, is left alone.

    The 70 rows are iBUG's 68 and the two pupils: the former are `landmarks_3d` (68, 2), all of them `other` (ibug70).
    """
    pictures = (path for path in folder.glob("*.png") if not path.stem.endswith(SEGMENTS))
    found = {*stems(pictures), *stems(folder.glob(f"*{LANDMARKS}.txt"), cut=LANDMARKS)}
    return read_each(((stem, folder) for stem in sorted(found)), _face, folder, broken)


def _face(stem: Path, folder: Path) -> FaceSample:
    path = stem.with_name(f"{stem.name}{LANDMARKS}.txt")
    rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
    points = finite(rows, (N_POINTS, 2), str(path))
    head = points[:N_LANDMARKS]
    picture = check_picture(stem.with_name(f"{stem.name}.png"))
    return FaceSample(
        name_in(folder, picture),
        picture,
        landmark_box(head, str(path)),
        landmarks_3d=head,
        other=PointSet("ibug70", points),
    )
