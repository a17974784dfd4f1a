"""Variants under one recipe: each is trained in a folder of its own and measured once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from rdr_core.atomic import whole_file
from rdr_core.data.shard_manifest import sha256_of
from rdr_core.errors import ConfigError
from rdr_core.evaluation.ablation import Benchmarks, Result, measure
from rdr_core.inference.images import predict_images
from rdr_core.inference.predictor import RDRPredictor
from rdr_core.modeling.variants import Variant
from rdr_core.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from rdr_core.training.config import TrainConfig
from rdr_core.training.loop import Progress, train
from rdr_core.training.sources import Source
from rdr_core.training.world import pick_device
from rdr_core.types import UInt8

_TRUNK: Final = ("network.backbone.", "network.deconv.")
_MACHINE: Final = {"threads", "workers", "device"}
"""Settings that do not change what is learned."""


@dataclass(frozen=True, eq=False)
class Trunk:
    """Trunk and deconvolutions of a trained network. Heads and LSTMs, in which variants differ, start afresh: the
    variant most like that network would be ahead of the others."""

    checkpoint: Checkpoint
    sha256: str
    """Of the file that it comes from."""

    @classmethod
    def read(cls, weights: Path) -> Trunk:
        """Read it from a network's weights; AssetError where they cannot be read."""
        whole = load_checkpoint(weights)
        kept = {name: tensor for name, tensor in whole.tensors.items() if name.startswith(_TRUNK)}
        return cls(replace(whole, tensors=kept), sha256_of(weights))

    def write(self, path: Path) -> Path:
        save_checkpoint(path, self.checkpoint.config, self.checkpoint.tensors, self.checkpoint.info)
        return path


@dataclass(frozen=True)
class Recipe:
    """What all variants have in common: pictures, seed, steps, and the trunk that they start from."""

    config: TrainConfig
    sources: Sequence[tuple[Source, float]]
    """Pictures, each source with its share of the rows."""
    backgrounds: Sequence[UInt8]
    info: dict[str, Any]
    """Written into the weights: preset, data, licence."""
    trunk: Trunk | None = None
    """What all begin with; fresh weights by default."""

    def facts(self, variant: Variant) -> dict[str, Any]:
        """What the weights of a variant say of how they came about, as JSON gives it back."""
        trunk = None if self.trunk is None else self.trunk.sha256
        return json.loads(json.dumps(self.info | {"variant": variant.name, "trunk": trunk}))


class Run:
    """The folder of a variant."""

    def __init__(self, folder: Path, variant: Variant, recipe: Recipe) -> None:
        """ConfigError where the folder holds a variant of another recipe."""
        self.folder, self.variant, self.recipe = folder, variant, recipe
        self.weights = folder / "weights.safetensors"
        self.done = self._steps_done()

    @property
    def trained(self) -> bool:
        return self.done >= self.recipe.config.steps

    def train(self, progress: Progress, minutes: float | None = None) -> None:
        """Train to the end, or as far as the time allows, from where the folder stands."""
        if self.trained:
            return
        recipe = self.recipe
        info = recipe.facts(self.variant)
        with tempfile.TemporaryDirectory(prefix="rdr-trunk-") as folder:
            trunk = recipe.trunk.write(Path(folder) / "trunk.safetensors") if recipe.trunk is not None else None
            train(
                self.variant.config,
                recipe.config,
                recipe.sources,
                recipe.backgrounds,
                self.folder,
                info,
                trunk,
                progress,
                minutes,
            )
        self.done = self._steps_done()

    def measured(self, benchmarks: Benchmarks, progress: Callable[[], object] = lambda: None) -> Result:
        """Return the numbers of the trained variant, measured where its folder does not have them yet."""
        path = self.folder / "measured.json"
        key = {"weights": sha256_of(self.weights), "data": str(benchmarks.data), "rendered": list(benchmarks.rendered)}
        result = _read(path, key)
        if result is None:
            result = self._measure(benchmarks, progress)
            with whole_file(path) as temporary:
                temporary.write_text(json.dumps(key | {"result": asdict(result)}, indent=1) + "\n", encoding="utf-8")
        return result

    def _measure(self, benchmarks: Benchmarks, progress: Callable[[], object]) -> Result:
        predictor = RDRPredictor(self.weights, str(pick_device(self.recipe.config.device)))
        predict = partial(predict_images, predictor, detector=None, progress=progress)
        curves, milliseconds = measure(benchmarks, predict, self.variant.config.refinement == "dual")
        parameters = sum(parameter.numel() for parameter in predictor.graph.parameters())
        facts = {"parameters": parameters, "ms per face": milliseconds}
        return Result(self.variant.name, self.variant.label, curves, facts)

    def _steps_done(self) -> int:
        if not self.weights.exists():
            return 0
        checkpoint = load_checkpoint(self.weights)
        given = self.recipe.facts(self.variant) | {"train": _learned(asdict(self.recipe.config))}
        found = checkpoint.info | {"train": _learned(checkpoint.info.get("train", {}))}
        other = [name for name, value in given.items() if found.get(name) != value]
        if other or checkpoint.config != self.variant.config:
            what = ", ".join(other or ["network"])
            raise ConfigError(f"{self.folder} holds a variant trained otherwise ({what}): give another --out")
        return int(checkpoint.info["step"])


def _learned(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that change what is learned, as JSON gives them back."""
    return json.loads(json.dumps({name: value for name, value in config.items() if name not in _MACHINE}))


def _read(path: Path, key: dict[str, Any]) -> Result | None:
    """Return what was measured of these weights on these pictures; None where it was not, or not wholly."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Result(**stored["result"]) if all(stored[name] == value for name, value in key.items()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
