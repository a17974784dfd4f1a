"""`rdr train`: the two presets' recipes and the command."""

from __future__ import annotations

import inspect
import logging
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import tyro

from rdr_core.cli.options import progress_bar
from rdr_core.config import data_folder
from rdr_core.data.manifest import read_faces
from rdr_core.data.sample import read_image
from rdr_core.data.shard_manifest import union_of_licences
from rdr_core.data.shard_set import ShardSet
from rdr_core.data.w300 import read_w300
from rdr_core.errors import ConfigError
from rdr_core.modeling.build import PRESETS, Preset
from rdr_core.training.fit_faces import fit_samples
from rdr_core.training.loop import TrainConfig, train
from rdr_core.training.sources import FittedFaces, ShardFaces, Source
from rdr_core.training.targets import TargetTable
from rdr_core.types import UInt8

RECIPES: Final[dict[Preset, TrainConfig]] = {
    "live": TrainConfig(steps=9500, optimizer="adamw", peak_lr=2e-3, weight_decay=0.02),
    "paper": TrainConfig(steps=60000, batch_size=8, optimizer="sgd", peak_lr=1e-3, warmup=1000),
}
_WEIGHTED: Final = re.compile(r"(.+)=(\d+\.?\d*|\.\d+)")


@dataclass(frozen=True)
class TrainCommand:
    """Train a network on fitted faces. Stops at Ctrl-C and goes on from the last checkpoint when started again.

    Examples:
        rdr train live
        rdr train live --manifest my_faces.json --licence "my own pictures" --out runs/mine
        rdr train live --shards out/synth=3 out/profile=1 --mix 0.6
        rdr train live --shards https://example.org/faces/synth.json --mix 1
        rdr train paper --train.device cuda --train.batch-size 32
    """

    preset: tyro.conf.Suppress[Preset]
    """Size of the network."""
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
    start_from: Path | None = None
    """Weights to begin with instead of fresh ones."""
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if not 0 < self.mix <= 1:
            raise ConfigError(f"mix is a share over 0 and up to 1, got {self.mix}")


def run(command: TrainCommand) -> None:
    """Fit where needed, train, say what to do next."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="rdr-spool-") as spool:
        shards = weighted_shards(command.shards)
        alone = bool(shards) and command.mix == 1
        data: list[str] = []
        sources: list[tuple[Source, float]] = []
        if not alone:
            faces = fitted_faces(command)
            sources.append((faces, 1 - command.mix if shards else 1.0))
            data.append(f"{command.manifest or '300-W training set at hand'}: {len(faces)} fitted faces")
        weights = sum(weight for _, weight in shards)
        for found, weight in shards:
            share = command.mix * weight / weights
            sources.append((ShardFaces(found, Path(spool), "skip" if command.skip_broken else "fail"), share))
            names = ", ".join(manifest.name for manifest in found.manifests)
            data.append(f"shards {names}: {found.samples} pictures, {share:.0%} of the rows")
        backgrounds = [] if alone and command.data is None else read_backgrounds(command.data or data_folder())
        info = {"preset": command.preset, "data": data, "licence": licence_of(command, shards)}
        _train(command, sources, backgrounds, info)


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


def licence_of(command: TrainCommand, shards: Sequence[tuple[ShardSet, float]]) -> str:
    """Return the licence of the weights: that of all pictures together."""
    faces = [] if shards and command.mix == 1 else [command.licence]
    return union_of_licences(faces + [found.licence for found, _ in shards])


def fitted_faces(command: TrainCommand) -> FittedFaces:
    """Read the data set, fitting it where there is no table of fits yet."""
    samples = read_faces(command.manifest) if command.manifest else read_w300(command.data or data_folder(), "train")
    table_path = command.fits or command.out / "fits.npz"
    if command.fits is None and not table_path.exists():
        with progress_bar("fitting", 2 * len(samples)) as advance:
            table = fit_samples(samples, mirror=True, progress=advance)
        table.where(table.error <= 0.20).save(table_path)
    return FittedFaces(samples, TargetTable.load(table_path))


def read_backgrounds(folder: Path) -> list[UInt8]:
    """Pictures without faces of a data folder."""
    return [read_image(path) for path in sorted((folder / "face_model" / "polyhaven_bg").glob("*.jpg"))]


def _train(
    command: TrainCommand,
    sources: Sequence[tuple[Source, float]],
    backgrounds: Sequence[UInt8],
    info: dict[str, Any],
) -> None:
    def show(done: int, values: dict[str, float]) -> None:
        rates = ""
        if "waiting" in values:
            rates = f", {values['pictures_per_s']:.0f} pictures/s, {values['waiting']:.0%} waiting"
        advance(done, f"loss {values['total']:.3f}{rates}")

    try:
        with progress_bar("training", command.train.steps) as advance:
            weights = train(
                PRESETS[command.preset],
                command.train,
                sources,
                backgrounds,
                command.out,
                info,
                command.start_from,
                show,
            )
    except KeyboardInterrupt:
        print(f"what was trained is kept in {command.out}: the same command goes on from there", file=sys.stderr)
        raise
    print(f"wrote {weights}; next: rdr eval --weights {weights}, rdr export {weights} --out {command.out / 'network'}")


def train_command(args: list[str]) -> None:
    """Command line of `rdr train`: the preset first, then what differs from its recipe."""
    about = {"live": "Small, for CPUs.", "paper": "As in the paper: ResNet-18 at 256 px, K = 5."}
    defaults: dict[str, tuple[str, TrainCommand]] = {
        preset: (about[preset], TrainCommand(preset, Path("runs") / preset, train=recipe))
        for preset, recipe in RECIPES.items()
    }
    run(
        tyro.extras.overridable_config_cli(
            defaults, description=inspect.getdoc(TrainCommand), args=args, prog="rdr train"
        )
    )
