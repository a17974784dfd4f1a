"""`rdr train`."""

from __future__ import annotations

import inspect
import logging
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, get_args

import tyro

from rdr_core.cli.options import progress_bar
from rdr_core.cli.training_data import DataOptions, TrainingData, training_data
from rdr_core.errors import ConfigError
from rdr_core.modeling.build import PRESETS, Preset, RdrConfig
from rdr_core.training.config import RECIPES, Recipe, TrainConfig
from rdr_core.training.loop import train

_ABOUT: Final = {"live": "Small, for CPUs.", "paper": "As in the paper: ResNet-18 at 256 px, K = 5."}


@dataclass(frozen=True, kw_only=True)
class TrainCommand(DataOptions):
    """Train a network on fitted faces. Stops at Ctrl-C and goes on from the last checkpoint when started again.

    Examples:
        rdr train live
        rdr train live --minutes 20
        rdr train live --manifest my_faces.json --licence "my own pictures" --out runs/mine
        rdr train live --shards out/synth=3 out/profile=1 --mix 0.6
        rdr train live --shards https://example.org/faces/synth.json --mix 1
        rdr train paper --recipe paper
        rdr train paper --crop-size 128 --out runs/paper_128
        rdr train paper --start-from runs/paper_128/weights.safetensors
        torchrun --no-python --nproc-per-node 2 rdr train live --fits runs/fits_300w_train.npz
    """

    preset: tyro.conf.Suppress[Preset]
    """Size of the network."""
    recipe: Recipe = "ours"
    """What --train begins with: `paper` (SGD, batch 8, learning rate 1e-3, squared losses) or what we found better."""
    start_from: Path | None = None
    """Weights to begin with instead of fresh ones."""
    crop_size: int | None = None
    """Side of the crops, px, a multiple of 32; the preset's by default. Small crops first, then --start-from for the
    preset's own, is the quick way to a large network."""
    minutes: float | None = None
    """Stop after so long, with a checkpoint that the same command goes on from."""
    train: TrainConfig = field(default_factory=TrainConfig)


def run(command: TrainCommand) -> None:
    """Fit where needed, train, say what to do next."""
    leads = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("rdr_core").setLevel(logging.INFO if leads else logging.WARNING)
    if command.fits is None and os.environ.get("WORLD_SIZE", "1") != "1" and not (command.shards and command.mix == 1):
        raise ConfigError(
            "several processes would fit the same faces: make the table with rdr fit, give it with --fits"
        )
    preset = PRESETS[command.preset]
    network = preset if command.crop_size is None else replace(preset, crop_size=command.crop_size)
    with training_data(command) as data:
        _train(command, network, data, leads)


def _train(command: TrainCommand, network: RdrConfig, data: TrainingData, leads: bool) -> None:
    def show(done: int, values: dict[str, float]) -> None:
        rates = ""
        if "waiting" in values:
            rates = f", {values['pictures_per_s']:.0f} pictures/s, {values['waiting']:.0%} waiting"
        advance(done, f"loss {values['total']:.3f}{rates}")

    info = {"preset": command.preset, "data": data.description, "licence": data.licence}
    try:
        with progress_bar("training", command.train.steps) as advance:
            weights = train(
                network,
                command.train,
                data.sources,
                data.backgrounds,
                command.out,
                info,
                command.start_from,
                show,
                command.minutes,
            )
    except KeyboardInterrupt:
        print(f"what was trained is kept in {command.out}: the same command goes on from there", file=sys.stderr)
        raise
    if leads:
        print(
            f"wrote {weights}; next: rdr eval --weights {weights}, rdr export {weights} --out {command.out / 'network'}"
        )


def train_command(args: list[str]) -> None:
    """Command line of `rdr train`: the preset first, then what differs from its recipe."""
    recipe = _recipe(args)
    defaults: dict[str, tuple[str, TrainCommand]] = {
        preset: (
            _ABOUT[preset],
            TrainCommand(preset=preset, out=Path("runs") / preset, recipe=recipe, train=RECIPES[recipe][preset]),
        )
        for preset in get_args(Preset)
    }
    run(
        tyro.extras.overridable_config_cli(
            defaults, description=inspect.getdoc(TrainCommand), args=args, prog="rdr train"
        )
    )


def _recipe(args: list[str]) -> Recipe:
    """Read --recipe ahead of the parser: the defaults of all other options depend on it."""
    for place, argument in enumerate(args):
        name, _, value = argument.partition("=")
        if name == "--recipe":
            value = value or (args[place + 1] if place + 1 < len(args) else "")
            return "paper" if value == "paper" else "ours"  # a wrong one is the parser's to refuse
    return "ours"
