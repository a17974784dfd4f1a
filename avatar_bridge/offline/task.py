"""Which videos are to be tracked, and where what comes of each goes."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avatar_bridge.errors import VideoError
from avatar_bridge.offline.receipt import RECEIPT_SUFFIX, Receipt, read_receipt
from avatar_bridge.recording.append_file import is_being_written
from avatar_bridge.recording.recorder import PARTIAL_SUFFIX, TAKE_SUFFIX

VIDEO_SUFFIXES: Final = frozenset(
    (".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv")
    + (".ts", ".vob", ".webm", ".wmv")
)
SOUND_SUFFIX: Final = ".wav"
OVERLAY_SUFFIX: Final = "_overlay.mp4"
SUFFIXES: Final = (TAKE_SUFFIX, SOUND_SUFFIX, OVERLAY_SUFFIX)
"""Of what comes of a video, besides the receipt."""


@dataclass(frozen=True, slots=True)
class VideoTask:
    """One video."""

    video: Path
    """Absolute."""
    name: str
    """Of the outcome, relative to the folder of outcomes, with / and without ending."""
    out: Path
    """Folder of outcomes, absolute."""

    def file(self, suffix: str) -> Path:
        """Return where an outcome goes: the take, the sound, the overlay, the receipt."""
        return self.out / f"{self.name}{suffix}"

    @property
    def receipt_path(self) -> Path:
        """What came of it, once something did."""
        return self.file(RECEIPT_SUFFIX)

    @property
    def workshop(self) -> Path:
        """Folder of what is being made."""
        path = self.out / self.name
        return path.with_name(f".{path.name}.part")

    @property
    def is_under_way(self) -> bool:
        """Whether a program is making it now."""
        return is_being_written(self.workshop / f"take{TAKE_SUFFIX}{PARTIAL_SUFFIX}")

    def clear(self) -> None:
        """Remove what an earlier try has left half done, unless a program is at it."""
        if not self.is_under_way:
            shutil.rmtree(self.workshop, ignore_errors=True)

    def done(self, fingerprint: str) -> Receipt | None:
        """Return the receipt where these settings have been through with this very video, and all of it is there."""
        receipt = read_receipt(self.receipt_path)
        if receipt is None or receipt.state != "tracked" or receipt.fingerprint != fingerprint:
            return None
        there = all((self.receipt_path.parent / name).is_file() for name in receipt.files)
        return receipt if there and self._is_video_of(receipt) and self._is_whole() else None

    def check_place(self) -> None:
        """Raise VideoError where the outcome would replace what is not of this video, or not of this program."""
        receipt = read_receipt(self.receipt_path)
        mine = set(receipt.files if receipt else ()) | {self.receipt_path.name if receipt else ""}
        for suffix in (*SUFFIXES, RECEIPT_SUFFIX):
            path = self.file(suffix)
            if path.exists() and path.name not in mine:
                raise VideoError(
                    f"{path} is there already, and was not made of {self.video.name}: choose another --out"
                )
        if receipt and receipt.video != str(self.video) and not self._is_video_of(receipt):
            raise VideoError(f"{self.file(TAKE_SUFFIX)} was made of {receipt.video}: choose another --out")

    def _is_video_of(self, receipt: Receipt) -> bool:
        try:
            stat = self.video.stat()
        except OSError:
            return False
        return (receipt.bytes, receipt.mtime_ns) == (stat.st_size, stat.st_mtime_ns)

    def _is_whole(self) -> bool:
        from avatar_bridge.errors import RecordingError
        from avatar_bridge.recording import read_take
        from avatar_bridge.recording.outline import outline

        try:
            return outline(read_take(self.file(TAKE_SUFFIX))).complete
        except RecordingError:
            return False


def find_tasks(sources: Sequence[str], out: Path) -> list[VideoTask]:
    """Return the tasks of videos and of folders, which are searched with all that is in them.

    A video's outcome is named after it, in a folder as the video is in the folder that was given; where two of a folder
    differ in their endings only, the ending is part of the name.

    Raises:
        VideoError: no such file, no videos in a folder, or two videos of one name.
    """
    out = out.expanduser().absolute()
    tasks = [task for source in sources for task in _tasks_of(source, out)]
    twice = [name for name, count in Counter(task.name.casefold() for task in tasks).items() if count > 1]
    if twice:
        videos = ", ".join(str(task.video) for task in tasks if task.name.casefold() == twice[0])
        raise VideoError(f"takes of {videos} would have one name: give each a command with an --out of its own")
    return tasks


def _tasks_of(source: str, out: Path) -> Iterator[VideoTask]:
    path = Path(source).expanduser().absolute()
    if path.is_file():
        yield VideoTask(path, path.stem, out)
        return
    if not path.is_dir():
        raise VideoError(f"no such video or folder: {source}; --offline takes files, no cameras")
    videos = sorted(_videos_in(path, out))
    if not videos:
        raise VideoError(f"no videos in {path}: it must hold files that end in {' '.join(sorted(VIDEO_SUFFIXES))}")
    places = {video: video.relative_to(path) for video in videos}
    stems = Counter(str(place.with_suffix("")).casefold() for place in places.values())
    for video, place in places.items():
        stem = place.with_suffix("")
        alone = stems[str(stem).casefold()] == 1
        yield VideoTask(video, (stem if alone else stem.with_name(place.name.replace(".", "_"))).as_posix(), out)


def _videos_in(folder: Path, out: Path) -> Iterator[Path]:
    """Yield the videos of a folder and of those in it; what is hidden, or was made here, is none."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [name for name in folders if not name.startswith(".") and here / name != out]
        for name in files:
            path = here / name
            if path.suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".") and not _is_overlay(path):
                yield path


def _is_overlay(path: Path) -> bool:
    if not path.name.endswith(OVERLAY_SUFFIX):
        return False
    receipt = read_receipt(path.with_name(path.name.removesuffix(OVERLAY_SUFFIX) + RECEIPT_SUFFIX))
    return receipt is not None and path.name in receipt.files
