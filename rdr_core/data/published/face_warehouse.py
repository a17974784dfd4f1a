"""Photos of FaceWarehouse (Cao et al. 2014): 150 people with 20 expressions each. Under its research licence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rdr_core.data.published.picture_size import picture_size
from rdr_core.data.reading import Broken, Reading, name_in, picture_of, read_each, stems
from rdr_core.data.sample import FaceSample, PointSet
from rdr_core.errors import DataError
from rdr_core.face_model.sources import read_land

POSES: Final = "TrainingPose"


def read_face_warehouse(folder: Path, broken: Broken = "fail") -> Reading:
    """Read Tester_k/TrainingPose/pose_j.png with pose_j.land, Tester_1 first; the `person` is the tester.

    The 74 points are FaceWarehouse's own, in `other` (scheme facewarehouse74); they are not mapped to iBUG's 68.
    """
    testers = list(_testers(folder))
    if not testers:
        raise DataError(f"{folder}: not FaceWarehouse, it has no Tester_*/{POSES}")
    files = (sorted(tester.glob("pose_*.png")) + sorted(tester.glob("pose_*.land")) for tester in testers)
    return read_each(
        ((stem, folder) for both in files for stem in sorted(stems(both), key=_number)), _face, folder, broken
    )


def _testers(folder: Path) -> Iterator[Path]:
    """Tester_*/TrainingPose that are there, in order of their numbers."""
    found = {_number(path): path / POSES for path in folder.glob("Tester_*") if re.fullmatch(r"Tester_\d+", path.name)}
    yield from (found[number] for number in sorted(found) if found[number].is_dir())


def _number(path: Path) -> int:
    match = re.search(r"_(\d{1,9})$", path.name)
    return int(match[1]) if match else -1


def _face(stem: Path, folder: Path) -> FaceSample:
    picture = picture_of(stem)
    points = read_land(stem.with_name(stem.name + ".land"), *picture_size(picture))
    person = stem.parent.parent.name
    return FaceSample(name_in(folder, picture), picture, person=person, other=PointSet("facewarehouse74", points))
