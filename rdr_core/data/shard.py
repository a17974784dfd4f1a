"""One shard: a tar of pictures and their labels, in the WebDataset layout.

Members come in pairs, `KEY.jpg` and `KEY.json`: a square picture of one face with a margin and its FaceLabel, or a
picture without a face and `{"face":false}`. Nothing in a shard tells when or by whom it was written, so that equal
samples make equal bytes.
"""

from __future__ import annotations

import io
import json
import logging
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal, Self

import cv2
import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.data.fetch import fetch, is_url
from rdr_core.data.label import FaceLabel
from rdr_core.errors import DataError
from rdr_core.types import UInt8

logger = logging.getLogger(__name__)

Member = tuple[str, bytes, FaceLabel | None]
"""Key, JPEG, and the label of its face or None where the picture has none."""
OnBroken = Literal["fail", "skip"]
"""What to do about a broken tar, picture or label: DataError, or a warning and go on."""

NO_FACE: Final = b'{"face":false}'
MAX_JPEG_BYTES: Final = 16 << 20
MAX_LABEL_BYTES: Final = 64 << 10
MAX_SHARD_BYTES: Final = 4 << 30
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,90}")  # no dot, where WebDataset splits a name; ustar keeps 100 characters
_BLOCK: Final = tarfile.BLOCKSIZE


@dataclass(frozen=True, eq=False)
class ShardSample:
    """One picture of a shard."""

    where: str
    """Shard and key, for messages."""
    key: str
    jpeg: bytes
    label: FaceLabel | None
    """None: there is no face in the picture."""

    def image(self) -> UInt8:
        """Decode the picture: (H, W, 3) BGR; DataError where it is none."""
        return decode_jpeg(self.jpeg, self.where)


def decode_jpeg(jpeg: bytes, where: str) -> UInt8:
    """JPEG -> (H, W, 3) BGR; DataError where it cannot be read."""
    try:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # nothing at all, or more pixels than OpenCV takes
        image = None
    if image is None:
        raise DataError(f"{where}.jpg: not a picture that can be read")
    return image


def pack_shard(path: Path, members: Iterable[Member]) -> tuple[int, int]:
    """Write a shard; it appears only when it is whole. Returns how many samples and how many faces it holds.

    Raises:
        DataError: a key is used twice or has other characters than letters, digits, `_` and `-`; a picture is no JPEG.
    """
    keys: set[str] = set()
    faces = 0
    with whole_file(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, jpeg, label in members:
            if not _KEY.fullmatch(key) or key in keys:
                raise DataError(f"{path.name}: keys are up to 90 of A-Z a-z 0-9 _ - and used once, got {key!r}")
            if not jpeg.startswith(b"\xff\xd8") or len(jpeg) > MAX_JPEG_BYTES:
                raise DataError(f"{path.name}/{key}: needs a JPEG of up to {MAX_JPEG_BYTES} bytes")
            keys.add(key)
            faces += label is not None
            _add(tar, f"{key}.jpg", jpeg)
            _add(tar, f"{key}.json", NO_FACE if label is None else label.to_json())
    return len(keys), faces


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # time, owner and group are 0 and nameless
    member.size, member.mode = len(content), 0o644
    tar.addfile(member, io.BytesIO(content))


@dataclass(frozen=True, slots=True)
class _Place:
    key: str
    jpeg: tuple[int, int]
    """Offset and size in the tar, bytes."""
    label: tuple[int, int]


class Shard:
    """A shard on disk, open for reading its samples in any order. Close it, or use it in a `with` block."""

    def __init__(self, path: Path, on_broken: OnBroken = "fail") -> None:
        """Open a shard and list its samples; of a damaged one, "skip" keeps those that are whole.

        Raises:
            DataError: there is no such file, or the tar is damaged and `on_broken` is "fail".
        """
        self.path = path
        try:
            self._file: IO[bytes] = path.open("rb", buffering=0)
        except OSError as error:
            raise DataError(f"{path}: no shard that can be read ({error.strerror})") from error
        try:
            self._places, problem = _list_samples(self._file)
            if problem and on_broken == "fail":
                raise DataError(f"{path}: {problem}")
        except BaseException:
            self._file.close()
            raise
        if problem:
            logger.warning("%s: %s; its %d whole samples are used", path, problem, len(self._places))

    def __len__(self) -> int:
        return len(self._places)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def label(self, index: int) -> FaceLabel | None:
        """Read the label of a sample without its picture; DataError where it is broken."""
        place = self._places[index]
        return label_from_json(self._read(*place.label), f"{self.path}/{place.key}")

    def sample(self, index: int) -> ShardSample:
        """Read a sample; its picture is not decoded yet. DataError where its label is broken."""
        place = self._places[index]
        return ShardSample(f"{self.path}/{place.key}", place.key, self._read(*place.jpeg), self.label(index))

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        content = self._file.read(size)
        if len(content) != size:
            raise DataError(f"{self.path}: was cut short while it was read")
        return content


def label_from_json(content: bytes, where: str) -> FaceLabel | None:
    """Return the label of a sample, None for a picture without a face; DataError where it is neither."""
    if len(content) < 64:  # far too short for a label
        try:
            if json.loads(content) == {"face": False}:
                return None
        except ValueError:
            pass  # said below
    return FaceLabel.from_json(content, f"{where}.json")


def _list_samples(file: IO[bytes]) -> tuple[list[_Place], str | None]:
    """Places of all whole samples, in order, and what is wrong with the tar."""
    parts: dict[str, dict[str, tuple[int, int]]] = {}
    limits = {"jpg": MAX_JPEG_BYTES, "json": MAX_LABEL_BYTES}
    problem, end, name = None, 0, "its beginning"
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                after = member.offset_data + -(-member.size // _BLOCK) * _BLOCK
                key, _, kind = member.name.partition(".")
                known = member.isreg() and _KEY.fullmatch(key) and 0 < member.size <= limits.get(kind, 0)
                if not known or kind in parts.setdefault(key, {}) or after > size:
                    problem = f"member {member.name[:100]!r} is cut short, too large, there twice or of another kind"
                    break
                parts[key][kind] = (member.offset_data, member.size)
                name, end = member.name, after
    except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
        problem = f"not a whole tar ({error})"
    file.seek(end)  # tarfile takes a damaged header for the end
    if problem is None and file.read(2 * _BLOCK) != bytes(2 * _BLOCK):
        problem = f"the tar is damaged or cut short after {name}"
    whole = {key: part for key, part in parts.items() if len(part) == 2}
    if problem is None and len(whole) < len(parts):
        problem = f"{next(key for key in parts if key not in whole)} has no picture or no label"
    return [_Place(key, part["jpg"], part["json"]) for key, part in whole.items()], problem


def read_shard(where: Path | str, on_broken: OnBroken = "fail") -> Iterator[ShardSample]:
    """Yield the samples of a shard in the order in which they were written.

    Args:
        where: a file, or an http(s) address, which is read to a temporary file first.
        on_broken: "skip" names what is broken in a warning and goes on.

    Raises:
        DataError: the shard cannot be had; with "fail", also where a part of it is broken.
    """
    if is_url(where):
        with tempfile.TemporaryDirectory(prefix="rdr-shard-") as folder:
            path = Path(folder) / "shard.tar"
            fetch(str(where), path, MAX_SHARD_BYTES)
            yield from read_shard(path, on_broken)
        return
    with Shard(Path(where), on_broken) as shard:
        for index in range(len(shard)):
            try:
                yield shard.sample(index)
            except DataError as error:
                if on_broken == "fail":
                    raise
                logger.warning("%s; skipped", error)
