"""300-W as published (iBUG): 68 landmarks, jaw on the visible contour. Research-only."""

from __future__ import annotations

from pathlib import Path

from rdr_core.data.manifest import PICTURE_ENDINGS
from rdr_core.data.published.pts import read_pts
from rdr_core.data.reading import Broken, Reading, landmark_box, name_in, picture_of, read_each, stems
from rdr_core.data.sample import FaceSample


def read_w300(folder: Path, broken: Broken = "fail") -> Reading:
    """Read the published layout: `.pts` files anywhere below `folder`, each with its picture (.jpg, .png) beside it.

    That is afw/, helen/{trainset,testset}/, lfpw/{trainset,testset}/, ibug/ and 300W/{01_Indoor,02_Outdoor}/, or any
    one of them. A photo of several faces comes once for each, as NAME_1, NAME_2, ...; nothing says who is on it.
    """
    files = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_ENDINGS | {".pts"})
    return read_each(((stem, folder) for stem in stems(files)), _face, folder, broken)


def _face(stem: Path, folder: Path) -> FaceSample:
    annotation = stem.with_name(stem.name + ".pts")
    shape = read_pts(annotation)
    picture = picture_of(stem)
    return FaceSample(name_in(folder, picture), picture, landmark_box(shape, str(annotation)), shape)
