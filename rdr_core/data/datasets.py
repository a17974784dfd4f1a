"""Published data sets by the name of their layout: `read_dataset("300w", folder)`.

A reader takes a folder as the set's authors published it. What is missing or broken is named and fails, or is skipped
and listed; nothing is guessed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from rdr_core.data.reading import Broken, Reading
from rdr_core.data.w300 import read_w300_folder
from rdr_core.errors import DataError

Layout = Literal["300w", "300w-lp", "aflw", "aflw-csv", "aflw2000", "aflw-pifa", "facewarehouse", "face-synthetics"]


def read_dataset(layout: Layout, folder: Path, broken: Broken = "fail") -> Reading:
    """Read the faces of `folder`.

    Args:
        layout: how the folder is laid out.
        broken: "fail" raises at the first face that cannot be read, "skip" lists it in `Reading.skipped`.

    Raises:
        DataError: the folder is missing, is laid out otherwise, holds no face that can be read, or, with "fail", a
            face is broken.
    """
    if layout not in get_args(Layout):
        raise DataError(f"no layout is named {layout!r}; there are {', '.join(get_args(Layout))}")
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    if layout != "300w":
        raise DataError(f"the layout {layout} cannot be read yet")
    return read_w300_folder(folder, broken)
