"""`rdr ablate`."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final

import tyro

from rdr_core.cli.options import Advance, Preset, progress_bar
from rdr_core.cli.training_data import DataOptions, TrainingData, training_data, weighted_shards
from rdr_core.config import data_folder
from rdr_core.data.shard_set import ShardSet
from rdr_core.errors import ConfigError
from rdr_core.evaluation.ablation import Benchmarks, Result
from rdr_core.evaluation.ablation_report import write_ablation
from rdr_core.evaluation.ablation_runs import Recipe, Run, Trunk
from rdr_core.evaluation.ablation_verdicts import verdicts
from rdr_core.modeling.build import PRESETS
from rdr_core.modeling.variants import FIGURE_4, Variant, make_variant
from rdr_core.training.config import RECIPES, TrainConfig

_SHORT: Final = replace(RECIPES["ours"]["live"], steps=3000, ema=0.998)


@dataclass(frozen=True, kw_only=True)
class AblateOptions(DataOptions):
    """Which variants, trained how."""

    out: Path = Path("out/ablation")
    """Folder of the report; each variant has its own in it."""
    variants: tuple[str, ...] = ()
    """dual (the whole network), mean, mean-but-identity, pose-exp, no-feedback, shared, deconv-A-B-C (channels), k-N
    (steps); + joins several changes."""
    figure4: bool = False
    """Those of Figure 4: dual, mean and pose-exp, besides --variants; alone they are the default."""
    preset: Preset = "live"
    """The network that is varied."""
    k: int = 5
    """Its refinement steps K; Figure 4 has 5."""
    start_from: Path | None = None
    """Weights whose trunk and deconvolutions all variants begin with; fresh ones by default."""
    test_shards: tuple[str, ...] = ()
    """People of rdr synth that are not trained on: folders, manifests or patterns of tars; adds the 3D
    reconstruction."""
    minutes: float | None = None
    """Stop after so long; the same command goes on."""
    train: TrainConfig = field(default_factory=lambda: _SHORT)

    def chosen(self) -> list[Variant]:
        """Return the variants, each once; ConfigError where a name is none."""
        whole = replace(PRESETS[self.preset], steps=self.k)
        names = (*(FIGURE_4 if self.figure4 or not self.variants else ()), *self.variants)
        return [make_variant(name, whole) for name in dict.fromkeys(names)]


def ablate(options: Annotated[AblateOptions, tyro.conf.arg(name="")]) -> None:
    """Train variants of the network under one recipe and measure each after every step: Figure 4 of the paper.

    Each variant is a run in a folder of its own. Stopped with Ctrl-C, the same command goes on; what is trained is not
    trained again. See docs/ablations.md.

    Examples:
        rdr ablate --fits runs/fits_300w_train.npz
        rdr ablate --figure4 --variants shared k-2 deconv-128-64 --fits runs/fits_300w_train.npz
        rdr ablate --shards out/synth=4 out/profile=3 --mix 0.7 --start-from rdr_core/assets/live_research.safetensors
        rdr ablate --train.steps 6000 --train.seed 1 --test-shards out/synth_test --out out/ablation_1
    """
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise ConfigError("rdr ablate trains one variant after the other in one process: start it without torchrun")
    variants = options.chosen()
    benchmarks = Benchmarks(options.data or data_folder(), options.test_shards)
    pictures = benchmarks.count()
    _refuse_what_was_shown(options)
    try:
        with training_data(options) as data:
            recipe = _recipe(options, data)
            runs = [Run(options.out / variant.name, variant, recipe) for variant in variants]
            results = _run_all(options, runs, benchmarks, pictures)
    except KeyboardInterrupt:
        print(f"what was done is kept in {options.out}: the same command goes on from there", file=sys.stderr)
        raise
    if len(results) < len(runs):
        print(f"time is over: {len(results)} of {len(runs)} variants are done; the same command goes on")
    for verdict in verdicts(results):
        print(verdict)


def _refuse_what_was_shown(options: AblateOptions) -> None:
    if not options.test_shards:
        return
    trained_on = {file.entry.sha256 for shards, _ in weighted_shards(options.shards) for file in shards.files}
    shown = [file.where for file in ShardSet.open(options.test_shards).files if file.entry.sha256 in trained_on]
    if shown:
        raise ConfigError(f"--test-shards are for testing, but {shown[0]} is among --shards, too")


def _recipe(options: AblateOptions, data: TrainingData) -> Recipe:
    trunk = None if options.start_from is None else Trunk.read(options.start_from)
    info = {"preset": options.preset, "data": data.description, "licence": data.licence}
    return Recipe(options.train, data.sources, data.backgrounds, info, trunk)


def _run_all(options: AblateOptions, runs: list[Run], benchmarks: Benchmarks, pictures: int) -> list[Result]:
    """Train and measure; the report is written again after each variant."""
    end = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    results: list[Result] = []
    with progress_bar("ablation", len(runs) * (options.train.steps + pictures)) as advance:
        for number, run in enumerate(runs):
            text = f"{run.variant.label} ({number + 1} of {len(runs)})"
            result = _run_one(run, text, benchmarks, pictures, advance, end)
            if result is None:
                break
            results.append(result)
            report = write_ablation(options.out, results, verdicts(results), _facts(options, run.recipe))
            print(f"{result.label}: {_summary(result)}; see {report}", flush=True)
    return results


def _run_one(
    run: Run, text: str, benchmarks: Benchmarks, pictures: int, advance: Advance, end: float | None
) -> Result | None:
    """Train and measure one variant; None where the time was over before."""

    def show(done: int, values: dict[str, float]) -> None:
        advance(done, f"{text}: loss {values['total']:.3f}")

    if run.trained:
        advance(run.done)
    else:
        left = None if end is None else (end - time.monotonic()) / 60
        if left is not None and left <= 0:
            return None
        run.train(show, left)
        if not run.trained:
            return None
    measured = 0

    def count() -> None:
        nonlocal measured
        measured += 1
        advance(1, f"{text}: measuring")

    result = run.measured(benchmarks, count)
    advance(pictures - measured)
    return result


def _summary(result: Result) -> str:
    return ", ".join(f"{name} {values[-1]:.2f}" for name, values in result.curves.items())


def _facts(options: AblateOptions, recipe: Recipe) -> dict[str, Any]:
    start = None if options.start_from is None else str(options.start_from)
    return recipe.info | {"steps": options.train.steps, "start_from": start, "train": asdict(options.train)}
