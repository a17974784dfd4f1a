"""Published data sets by the name of their layout: `read_dataset("300w", folder)`.

A reader takes a folder as the set's authors gave it out. What is missing or broken is named, and fails or is skipped
and listed; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from rdr_core.data.published import aflw, aflw_csv, aflw_pifa
from rdr_core.data.published.aflw2000 import read_aflw2000
from rdr_core.data.published.face_synthetics import read_face_synthetics
from rdr_core.data.published.face_warehouse import read_face_warehouse
from rdr_core.data.published.w300 import read_w300
from rdr_core.data.published.w300lp import FOLDERS, read_w300lp
from rdr_core.data.reading import Broken, Reading
from rdr_core.errors import DataError

Layout = Literal["300w", "300w-lp", "aflw", "aflw-csv", "aflw2000", "aflw-pifa", "face-synthetics", "facewarehouse"]
"""What each is: docs/datasets_and_licences.md."""


@dataclass(frozen=True)
class _Layout:
    read: Callable[[Path, Broken], Reading]
    marks: tuple[str, ...]
    """Glob patterns below the folder; a file that matches one of them is a mark of the layout."""


_LAYOUTS: Final[dict[Layout, _Layout]] = {
    "300w": _Layout(read_w300, ("**/*.pts",)),
    "300w-lp": _Layout(read_w300lp, tuple(f"{name}/*.mat" for name in FOLDERS)),
    "aflw": _Layout(aflw.read_aflw, aflw.DATABASES),
    "aflw-csv": _Layout(aflw_csv.read_aflw_csv, aflw_csv.FILES),
    "aflw2000": _Layout(read_aflw2000, ("image[0-9]*.mat",)),
    "aflw-pifa": _Layout(aflw_pifa.read_aflw_pifa, aflw_pifa.LISTS),
    "face-synthetics": _Layout(read_face_synthetics, ("*_ldmks.txt",)),
    "facewarehouse": _Layout(read_face_warehouse, ("Tester_*/TrainingPose/pose_*.land",)),
}


def read_dataset(layout: Layout, folder: Path, broken: Broken = "fail") -> Reading:
    """Read the faces of `folder`.

    Args:
        layout: how the folder is laid out.
        broken: "fail" raises at the first face that cannot be read; "skip" leaves it out and lists it in
            `Reading.skipped`.

    Raises:
        DataError: the folder is missing or laid out otherwise, holds no face that can be read, or, with "fail", a
            face is broken.
    """
    if layout not in _LAYOUTS:
        raise DataError(f"no layout is named {layout!r}; there are {', '.join(_LAYOUTS)}")
    if broken not in get_args(Broken):
        raise DataError(f"broken faces fail or are skipped: expected fail or skip, got {broken!r}")
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    return _LAYOUTS[layout].read(folder, broken)


def detect_layout(folder: Path) -> Layout:
    """Return the one layout whose marks are in `folder`; DataError where there is none, or more than one."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = [name for name, layout in _LAYOUTS.items() if any(_present(folder, mark) for mark in layout.marks)]
    if len(found) != 1:
        seen = f"it looks like {' and '.join(found)}" if found else "it has the marks of none"
        raise DataError(f"{folder}: which data set this is cannot be told, {seen}; name one of {', '.join(_LAYOUTS)}")
    return found[0]


def _present(folder: Path, mark: str) -> bool:
    return next(folder.glob(mark), None) is not None
