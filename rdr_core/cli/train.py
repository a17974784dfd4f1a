"""`rdr train`: the two presets' recipes and the command."""

from __future__ import annotations

import inspect
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import tyro

from rdr_core.cli.options import progress_bar
from rdr_core.config import data_folder
from rdr_core.data.manifest import read_faces
from rdr_core.data.sample import read_image
from rdr_core.data.w300 import read_w300
from rdr_core.modeling.build import PRESETS, Preset
from rdr_core.training.batches import TrainingSet
from rdr_core.training.loop import TrainConfig, train
from rdr_core.training.targets import TargetTable, fit_samples

RECIPES: Final[dict[Preset, TrainConfig]] = {
    "live": TrainConfig(steps=9500, optimizer="adamw", peak_lr=2e-3, weight_decay=0.02),
    "paper": TrainConfig(steps=60000, batch_size=8, optimizer="sgd", peak_lr=1e-3, warmup=1000),
}


@dataclass(frozen=True)
class TrainCommand:
    """Train a network on fitted faces. Stops at Ctrl-C and goes on from the last checkpoint when started again.

    Examples:
        rdr train live
        rdr train live --manifest my_faces.json --licence "my own pictures" --out runs/mine
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
    licence: str = "research-only"
    """What the pictures' licence makes of the weights; written into them."""
    data: Path | None = None
    """Data folder; default RDR_DATA."""
    start_from: Path | None = None
    """Weights to begin with instead of fresh ones."""
    train: TrainConfig = field(default_factory=TrainConfig)


def run(command: TrainCommand) -> None:
    """Fit where needed, train, say what to do next."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    folder = command.data or data_folder()
    samples = read_faces(command.manifest) if command.manifest else read_w300(folder, "train")
    table_path = command.fits or command.out / "fits.npz"
    if command.fits is None and not table_path.exists():
        with progress_bar("fitting", 2 * len(samples)) as advance:
            table = fit_samples(samples, mirror=True, progress=advance)
        table.where(table.error <= 0.20).save(table_path)
    config = PRESETS[command.preset]
    data = TrainingSet(samples, TargetTable.load(table_path), config.crop_size)
    backgrounds = [read_image(path) for path in sorted((folder / "face_model" / "polyhaven_bg").glob("*.jpg"))]
    info = {
        "preset": command.preset,
        "data": str(command.manifest) if command.manifest else "300-W training set at hand (2,012 faces)",
        "licence": command.licence,
    }
    try:
        with progress_bar("training", command.train.steps) as advance:
            weights = train(
                config,
                command.train,
                data,
                backgrounds,
                command.out,
                info,
                command.start_from,
                lambda done, losses: advance(done, f"loss {losses['total']:.3f}"),
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
