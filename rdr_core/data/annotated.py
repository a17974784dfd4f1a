"""Annotated faces from wherever they are: a manifest, a published folder, or shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rdr_core.data.datasets import Layout, detect_layout, read_dataset
from rdr_core.data.manifest import read_faces
from rdr_core.data.reading import Broken, Reading
from rdr_core.data.sample import FaceSample, box_of
from rdr_core.data.shard import Shard
from rdr_core.errors import ConfigError, DataError
from rdr_core.types import UInt8


@dataclass(frozen=True, slots=True)
class ShardFace(FaceSample):
    """A face whose picture lies in a shard, which is its `image_path`."""

    index: int = 0
    """Number of the sample in the shard."""

    def read_image(self) -> UInt8:
        """Return the picture, (H, W, 3) BGR; DataError where it cannot be read."""
        with Shard(self.image_path, "skip") as shard:
            return shard.sample(self.index).image()


def read_annotated(sources: Sequence[Path], layout: Layout | Literal["auto"], broken: Broken) -> Reading:
    """Read one manifest, one folder, or any number of shards.

    Args:
        sources: a JSON manifest; a folder in a published layout; tar files, or a folder of them.
        layout: of a folder that is not a folder of shards; "auto" asks the folder.
        broken: whether a face that cannot be read fails or is skipped and listed. Manifests always fail.

    Raises:
        DataError: nothing can be read; with "fail", also where one face cannot.
        ConfigError: several sources that are not all shards.
    """
    shards = _shards_of(sources) if layout == "auto" else []
    if shards:
        return read_shard_faces(shards, broken)
    if len(sources) != 1:
        raise ConfigError("one manifest or one folder can be read at a time, or any number of shards (.tar)")
    (source,) = sources
    if not source.is_dir():
        if layout != "auto":
            raise ConfigError(f"{source}: no folder, as --layout {layout} needs")
        return Reading(read_faces(source))
    return read_dataset(detect_layout(source) if layout == "auto" else layout, source, broken)


def _shards_of(sources: Sequence[Path]) -> list[Path]:
    """Return the shards that the sources are; empty unless all are."""
    found = [sorted(source.glob("*.tar")) if source.is_dir() else [source] for source in sources]
    paths = [path for paths in found for path in paths]
    return paths if all(found) and all(path.suffix == ".tar" for path in paths) else []


def read_shard_faces(paths: Sequence[Path], broken: Broken) -> Reading:
    """Read the labels of shards; pictures without a face are none of them. Names are `SHARD/KEY`."""
    reading = Reading()
    for path in paths:
        try:
            shard = Shard(path, broken)
        except DataError as error:
            if broken == "fail":
                raise
            reading.skipped.append((path, str(error)))
            continue
        with shard:
            for index in range(len(shard)):
                _add_face(reading, shard, index, broken)
    if not reading.samples:
        raise DataError(f"{paths[0]}: no face in the shards could be read")
    return reading


def _add_face(reading: Reading, shard: Shard, index: int, broken: Broken) -> None:
    try:
        sample = shard.sample(index)
    except DataError as error:
        if broken == "fail":
            raise
        reading.skipped.append((shard.path, str(error)))
        return
    if sample.label is not None:
        shape = sample.label.shape
        name = f"{shard.path.stem}/{sample.key}"
        reading.samples.append(ShardFace(name, shard.path, box_of(shape), shape, index=index))
