"""Where training pictures come from: fitted faces of a data set, kept in memory, and shards.

A source numbers its pictures by position, 0 to len - 1, and says in which order an epoch shows them.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from rdr_core.data.label import FaceLabel
from rdr_core.data.sample import FaceSample, read_image
from rdr_core.data.shard import OnBroken, Shard
from rdr_core.data.shard_set import ShardSet, Spool
from rdr_core.errors import ConfigError, DataError
from rdr_core.training.targets import TargetTable
from rdr_core.types import UInt8

logger = logging.getLogger(__name__)

Picture = tuple[UInt8, FaceLabel | None]
"""(H, W, 3) BGR, and its face in the pixels of the picture, or None where it shows none."""
HeldOut = list[tuple[UInt8, FaceLabel]]
"""Faces for validation."""

T = TypeVar("T")
OPEN_SHARDS: Final = 8
"""Shards whose samples are shuffled together."""


class Source(Protocol):
    """Pictures that a network learns from. Pickled into the processes that prepare batches."""

    def __len__(self) -> int: ...

    def order(self, rng: np.random.Generator) -> np.ndarray:
        """Return the positions (len,) in the order of one epoch, each once."""
        ...

    def picture(self, position: int, flip: bool) -> Picture:
        """Return a picture, flipped left to right if asked for and if the source has labels for that."""
        ...

    def label(self, position: int) -> FaceLabel | None:
        """Return the label of the picture as it is, without decoding it."""
        ...

    def hold_out(self, count: int, seed: int) -> tuple[Source, HeldOut]:
        """Return the source without some pictures, and the faces in those; ConfigError where nothing would be left."""
        ...

    def close(self) -> None:
        """Let go of open files; they are opened again when needed."""
        ...


class FittedFaces:
    """Pictures and their fits, both ways round. Every process decodes a picture once and keeps it."""

    def __init__(self, samples: Sequence[FaceSample], table: TargetTable) -> None:
        self.names = sorted(set(table.names.tolist()))
        self._paths = {sample.name: sample.image_path for sample in samples}
        missing = [name for name in self.names if name not in self._paths]
        if missing or not self.names:
            raise DataError(f"{len(missing)} fitted faces are not in the data set (first: {missing[:1]}); fit it again")
        self.images: dict[str, UInt8] = {name: read_image(self._paths[name]) for name in self.names}
        self.table = table
        self._rows = {
            (name, bool(flip)): row for row, (name, flip) in enumerate(zip(table.names, table.mirrored, strict=True))
        }

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"images": {}}  # files are smaller than decoded pictures

    def __len__(self) -> int:
        return len(self.names)

    def order(self, rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(len(self))

    def picture(self, position: int, flip: bool) -> Picture:
        name = self.names[position]
        image = self.images.get(name)
        if image is None:
            image = self.images[name] = read_image(self._paths[name])
        if not flip or (name, True) not in self._rows:
            return image, self._label(self._rows[name, False])
        row = self._rows[name, True]  # fitted about x = 0; the picture is flipped about its own width
        return flip_image(image), self._label(row, float(image.shape[1]))

    def label(self, position: int) -> FaceLabel:
        return self._label(self._rows[self.names[position], False])

    def _label(self, row: int, offset_x: float = 0.0) -> FaceLabel:
        table, offset = self.table, np.array([offset_x, 0, 0], np.float32)
        return FaceLabel(
            shape=table.shape[row] + offset[:2],
            projected_shape=table.projected_shape[row] + offset[:2],
            landmarks_3d=table.landmarks_3d[row] + offset,
            visible=np.ones(len(table.shape[row]), bool),  # not annotated
            euler_rad=table.euler_rad[row],
            translation_px=table.translation_px[row] + offset,
            scale_px_per_cm=float(table.scale_px_per_cm[row]),
            alpha_id=table.alpha_id[row],
            alpha_exp=table.alpha_exp[row],
            residual=float(table.error[row]),
            fitted=True,
            source=str(table.names[row]),
        )

    def hold_out(self, count: int, seed: int) -> tuple[FittedFaces, HeldOut]:
        if count >= len(self):
            raise ConfigError(f"{count} faces are to be held out, but there are only {len(self)}")
        order = np.random.default_rng((seed, 7)).permutation(len(self))
        training = copy.copy(self)
        training.names = [self.names[i] for i in np.sort(order[count:])]
        return training, [(self.picture(i, False)[0], self.label(i)) for i in np.sort(order[:count]).tolist()]

    def close(self) -> None:
        """Nothing is open."""


def flip_image(image: UInt8) -> UInt8:
    """Flip a picture left to right."""
    return np.ascontiguousarray(image[:, ::-1])


def _picture(shard: Shard, index: int) -> Picture:
    sample = shard.sample(index)
    return sample.image(), sample.label


class ShardFaces:
    """Pictures of shards. A few shards are open at a time, and their samples are shuffled together.

    The order of an epoch is known from the manifests: going on in the middle reads nothing that comes before. Pictures
    are never flipped: their labels have no exact mirror.
    """

    def __init__(self, shards: ShardSet, spool: Path | None = None, on_broken: OnBroken = "fail") -> None:
        """Args:
        spool: a folder for shards of the web; needed where there are any.
        on_broken: what to do about a broken shard or sample; "skip" shows another one in its place.
        """
        self.shards, self.on_broken = shards, on_broken
        self._ends = np.cumsum([file.entry.samples for file in shards.files])
        self._count = int(self._ends[-1])
        self._spool = Spool(spool, 3 * OPEN_SHARDS) if spool is not None else None
        self._open: dict[int, Shard | None] = {}
        self._warned: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}

    def __len__(self) -> int:
        return self._count

    def order(self, rng: np.random.Generator) -> np.ndarray:
        shards = rng.permutation(len(self._ends))
        starts = np.concatenate([[0], self._ends[:-1]])
        ends = np.minimum(self._ends, self._count)
        order = []
        for group in np.split(shards, np.arange(OPEN_SHARDS, len(shards), OPEN_SHARDS)):
            together = np.concatenate([np.arange(starts[shard], ends[shard]) for shard in group])
            order.append(rng.permutation(together))
        return np.concatenate(order)

    def picture(self, position: int, flip: bool) -> Picture:
        return self._read(position, _picture)

    def label(self, position: int) -> FaceLabel | None:
        return self._read(position, Shard.label)

    def _read(self, position: int, read: Callable[[Shard, int], T]) -> T:
        """Read a sample; instead of a broken one the next that is whole, if broken ones are to be skipped."""
        at, end = position, position + len(self)
        while at < end:
            number = int(np.searchsorted(self._ends, at % len(self), side="right"))
            rest = int(self._ends[number]) - at % len(self)
            index = self.shards.files[number].entry.samples - rest
            shard = self._shard(number)
            if shard is None or index >= len(shard):  # lost, or only its beginning is whole
                at += rest
                continue
            try:
                return read(shard, index)
            except DataError as error:
                self._skip(error)
                at += 1
        raise DataError("no sample of the shards can be read")

    def _shard(self, number: int) -> Shard | None:
        """Return an open shard, None for a broken one that is skipped."""
        if number in self._open:
            shard = self._open.pop(number)
        else:
            try:
                shard = self.shards.files[number].open(self._spool, self.on_broken)
            except DataError as error:
                self._skip(error)
                shard = None
        self._open[number] = shard  # the last used stand last
        if len(self._open) > 2 * OPEN_SHARDS and (oldest := self._open.pop(next(iter(self._open)))):
            oldest.close()
        return shard

    def _skip(self, error: DataError) -> None:
        if self.on_broken == "fail":
            raise error
        if str(error) not in self._warned:
            self._warned.add(str(error))
            logger.warning("%s; other pictures take its place", error)

    def hold_out(self, count: int, seed: int) -> tuple[ShardFaces, HeldOut]:
        """Hold out the last samples: neighbours may show the same person."""
        if count >= len(self):
            raise ConfigError(f"{count} faces are to be held out, but the shards hold only {len(self)} samples")
        training = copy.copy(self)
        training._open, training._count = {}, len(self) - count
        tail = [self.picture(position, False) for position in range(len(training), len(self))]
        self.close()
        faces = [(image, label) for image, label in tail if label is not None]
        if not faces:
            raise ConfigError(f"the last {count} samples of the shards show no face: raise --train.validation")
        return training, faces

    def close(self) -> None:
        for shard in self._open.values():
            if shard is not None:
                shard.close()
        self._open = {}
