"""300-W (iBUG): 68 landmarks, jaw on the visible contour. Research-only."""

from __future__ import annotations

from pathlib import Path

from rdr_core.data.manifest import read_faces
from rdr_core.data.pts import read_pts
from rdr_core.data.reading import Broken, Reading, name_in, picture_of, read_each
from rdr_core.data.sample import FaceSample, box_of
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
    """Read the published layout: every `.pts` below `folder`, its picture (.jpg or .png) beside it.

    That is afw/, helen/{trainset,testset}/, lfpw/{trainset,testset}/, ibug/ and 300W/{01_Indoor,02_Outdoor}/, or any
    one of them. A photo of several faces comes once for each, as NAME_1, NAME_2, ...; nothing says who is on it.
    """
    return read_each(
        ((path, None) for path in sorted(folder.rglob("*.pts"))), lambda p, _: _face(folder, p), folder, broken
    )


def _face(folder: Path, annotation: Path) -> FaceSample:
    shape = read_pts(annotation)
    picture = picture_of(annotation)
    return FaceSample(name_in(folder, picture), picture, box_of(shape), shape)
