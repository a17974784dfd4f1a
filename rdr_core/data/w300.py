"""300-W (iBUG): 68 landmarks, jaw on the visible contour. Research-only."""

from __future__ import annotations

from pathlib import Path

from rdr_core.data.manifest import PICTURE_ENDINGS, read_faces
from rdr_core.data.pts import read_pts
from rdr_core.data.reading import Broken, Reading, landmark_box, name_in, picture_of, read_each, stems
from rdr_core.data.sample import FaceSample
from rdr_core.errors import DataError


def read_w300(data: Path, split: str) -> list[FaceSample]:
    """Read `train` (2,012 faces) or `common` (554 faces, evaluation only) of the data folder."""
    if split not in ("train", "common"):
        raise DataError(f"300-W has the splits train and common, got {split!r}")
    samples = read_faces(data / "faces" / f"300w_{split}.json")
    if any(sample.shape is None for sample in samples):
        raise DataError(f"{data}: the 300-W manifest lacks `pts68`")
    return samples


def read_w300_folder(folder: Path, broken: Broken = "fail") -> Reading:
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
