"""What came of a video, kept beside its take: what lets a second run leave out what the first one did."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from rdr_core.atomic import whole_file

RECEIPT_SUFFIX: Final = ".tracked.json"
RECEIPT_VERSION: Final = 1
State = Literal["tracked", "damaged", "placing", "failed"]
"""tracked: all of it; damaged: as far as it could be read; placing: the files are being put in their places, and if it
stays so the program was killed; failed: nothing was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One video. Times are seconds since the start of its file."""

    name: str
    """Of the outcome, relative to the folder of outcomes, with / and without ending."""
    video: str
    """The file."""
    state: State = "failed"
    problem: str = ""
    """What is wrong, for people; empty: nothing."""
    fingerprint: str = ""
    """Of the settings (OfflineConfig)."""
    bytes: int = 0
    """Size of the video file."""
    mtime_ns: int = 0
    """When it was changed last."""
    files: tuple[str, ...] = ()
    """Names of what was made, in the folder of the receipt."""
    frames: int = 0
    """Pictures that were decoded, each of which was tracked."""
    frames_said: int = 0
    """What the file says it has; 0: it says nothing."""
    frames_with_face: int = 0
    faces: int = 0
    """How many were told apart."""
    start_s: float = 0.0
    """When the first picture is shown."""
    duration_s: float = 0.0
    """From the first picture to the last."""
    fps_lowest: float = 0.0
    """One over the longest time between two pictures; 0 of a single one."""
    fps_highest: float = 0.0
    """One over the shortest."""
    width: int = 0
    height: int = 0
    """Of the pictures, px."""
    sound_s: float = 0.0
    """Length of the sound; 0: there is none, or it was not wanted."""
    seconds: float = 0.0
    """What the work took."""

    @property
    def fps(self) -> float:
        """Pictures a second, on average; 0 of a single one."""
        return (self.frames - 1) / self.duration_s if self.duration_s > 0 else 0.0

    @property
    def found_percent(self) -> float:
        """Pictures with a face in them."""
        return 100 * self.frames_with_face / self.frames if self.frames else 0.0

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all. Raises OSError."""
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps({"version": RECEIPT_VERSION, **asdict(self)}, indent=1) + "\n", "utf-8")


def read_receipt(path: Path) -> Receipt | None:
    """Return a receipt; None where there is none, or what is there is no receipt of this version."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or values.pop("version", None) != RECEIPT_VERSION:
        return None
    files = values.get("files")
    if not isinstance(files, list) or not all(_is_file_name(name) for name in files):
        return None
    values["files"] = tuple(files)
    sample = Receipt(name="", video="")
    if values.keys() != {field.name for field in fields(Receipt)} or values["state"] not in get_args(State):
        return None
    if not all(_alike(value, getattr(sample, name)) for name, value in values.items()):
        return None
    return replace(sample, **values)


def _is_file_name(name: Any) -> bool:
    return isinstance(name, str) and bool(name) and Path(name).name == name


def _alike(value: Any, example: Any) -> bool:
    """Whether a value is of the example's type, a whole number where a real one is due included, and finite."""
    if isinstance(example, float):
        return type(value) in (int, float) and -1e12 < value < 1e12
    return type(value) is type(example)
