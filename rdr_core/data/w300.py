"""300-W (iBUG): 68 landmarks, jaw on the visible contour. Research-only."""

from __future__ import annotations

from pathlib import Path

from rdr_core.data.manifest import read_faces
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
