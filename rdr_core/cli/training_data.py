"""What commands that train have in common: which pictures, in which shares, under which licence."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rdr_core.cli.options import progress_bar
from rdr_core.config import data_folder
from rdr_core.data.manifest import read_faces
from rdr_core.data.sample import read_image
from rdr_core.data.shard_manifest import union_of_licences
from rdr_core.data.shard_set import ShardSet
from rdr_core.data.w300 import read_w300
from rdr_core.errors import ConfigError
from rdr_core.training.fit_faces import fit_samples
from rdr_core.training.sources import FittedFaces, ShardFaces, Source
from rdr_core.training.targets import TargetTable
from rdr_core.types import UInt8

_WEIGHTED: Final = re.compile(r"(.+)=(\d+\.?\d*|\.\d+)")


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which pictures to train on."""

    out: Path
    """Folder for checkpoints, log.csv and TensorBoard events."""
    fits: Path | None = None
    """Table of rdr fit; made in --out where absent."""
    manifest: Path | None = None
    """JSON manifest with `pts68`; default: 300-W's training set of the data folder."""
    shards: tuple[str, ...] = ()
    """Shards to train on, too: manifests (paths or http addresses), folders, or patterns of tars; PATTERN=WEIGHT takes
    WEIGHT times as many rows of those as of others, instead of as many as there are."""
    mix: float = 0.5
    """Share of each batch that comes from shards, where there are any; 1: shards alone, which needs no data folder."""
    skip_broken: bool = False
    """Go on where a shard, picture or label in it is broken, with others in its place."""
    licence: str = "research-only"
    """What the pictures' licence makes of the weights; written into them, together with that of the shards."""
    data: Path | None = None
    """Data folder; default RDR_DATA."""

    def __post_init__(self) -> None:
        if not 0 < self.mix <= 1:
            raise ConfigError(f"mix is a share over 0 and up to 1, got {self.mix}")


@dataclass(frozen=True)
class TrainingData:
    """Opened pictures."""

    sources: list[tuple[Source, float]]
    """Each with its share of the rows."""
    backgrounds: list[UInt8]
    """(H, W, 3) BGR pictures without faces."""
    description: list[str]
    """A line for each source."""
    licence: str
    """Of all pictures together."""


@contextmanager
def training_data(options: DataOptions) -> Iterator[TrainingData]:
    """Open what the options name, fitting faces where there is no table of fits yet."""
    with tempfile.TemporaryDirectory(prefix="rdr-spool-") as spool:
        shards = weighted_shards(options.shards)
        alone = bool(shards) and options.mix == 1
        description: list[str] = []
        sources: list[tuple[Source, float]] = []
        if not alone:
            faces = _fitted_faces(options)
            sources.append((faces, 1 - options.mix if shards else 1.0))
            description.append(f"{options.manifest or '300-W training set at hand'}: {len(faces)} fitted faces")
        weights = sum(weight for _, weight in shards)
        for found, weight in shards:
            share = options.mix * weight / weights
            sources.append((ShardFaces(found, Path(spool), "skip" if options.skip_broken else "fail"), share))
            names = ", ".join(manifest.name for manifest in found.manifests)
            description.append(f"shards {names}: {found.samples} pictures, {share:.0%} of the rows")
        backgrounds = [] if alone and options.data is None else read_backgrounds(options.data or data_folder())
        licences = ([] if alone else [options.licence]) + [found.licence for found, _ in shards]
        yield TrainingData(sources, backgrounds, description, union_of_licences(licences))


def weighted_shards(patterns: Sequence[str]) -> list[tuple[ShardSet, float]]:
    """Open shards with their weights; those without one are a set of weight 1 together."""
    plain, sets = [], []
    for pattern in patterns:
        if match := _WEIGHTED.fullmatch(pattern):
            if float(match[2]) == 0:
                raise ConfigError(f"{pattern}: a weight of 0 shows none of them: leave them out")
            sets.append((ShardSet.open(match[1]), float(match[2])))
        else:
            plain.append(pattern)
    return ([(ShardSet.open(plain), 1.0)] if plain else []) + sets


def _fitted_faces(options: DataOptions) -> FittedFaces:
    samples = read_faces(options.manifest) if options.manifest else read_w300(options.data or data_folder(), "train")
    table_path = options.fits or options.out / "fits.npz"
    if options.fits is None and not table_path.exists():
        with progress_bar("fitting", 2 * len(samples)) as advance:
            table = fit_samples(samples, mirror=True, progress=advance)
        table.where(table.error <= 0.20).save(table_path)
    return FittedFaces(samples, TargetTable.load(table_path))


def read_backgrounds(folder: Path) -> list[UInt8]:
    """Pictures without faces of a data folder."""
    return [read_image(path) for path in sorted((folder / "face_model" / "polyhaven_bg").glob("*.jpg"))]
