"""What a step of refinement costs beside the trunk: `python -m benchmarks.refinement [--preset paper] [--json FILE]`.

Networks of one preset with 1 to K steps, in bytes, one thread, in turn on the same picture. Weights are fresh: times do
not depend on them. A line through the times tells the trunk from a step; a cascade of K networks (3DDFA) would run K
trunks.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.report import report
from rdr_core.data.crop import Crop
from rdr_core.inference.export import export
from rdr_core.inference.onnx_runtime import OnnxPredictor
from rdr_core.inference.quantize import quantize
from rdr_core.inference.stages import time_stages
from rdr_core.modeling.build import PRESETS, RdrConfig, build_rdr
from rdr_core.training.checkpoint import prefixed, save_checkpoint


def networks(config: RdrConfig, steps: list[int], folder: Path) -> list[OnnxPredictor]:
    """Return a network in bytes for each number of steps."""
    torch.manual_seed(0)
    network = build_rdr(config)
    face_in_the_middle = torch.tensor([0.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.05])
    network.refinement.pose_mean.copy_(face_in_the_middle)
    save_checkpoint(folder / "fresh.safetensors", config, prefixed("network.", network), {})
    pictures = np.random.default_rng(0).integers(0, 256, (8, config.crop_size, config.crop_size, 3)).astype(np.uint8)
    graphs = [export(folder / "fresh.safetensors", folder / f"k{k}", k)[1] for k in steps]
    return [OnnxPredictor(quantize(graph, pictures)) for graph in graphs]


def measure(config: RdrConfig, rounds: int) -> dict[str, Any]:
    """Return milliseconds by number of steps, of the trunk, of a step."""
    steps = list(range(1, config.steps + 1))
    side = float(config.crop_size)
    picture = np.random.default_rng(1).integers(0, 256, (config.crop_size, config.crop_size, 3)).astype(np.uint8)
    crop = Crop(np.full(2, side / 2, np.float32), side, config.crop_size)
    with tempfile.TemporaryDirectory() as folder:
        predictors = networks(config, steps, Path(folder))
        timings = time_stages(predictors, picture, crop, rounds)
    ms = [timing.ms["network"]["p50"] for timing in timings]
    step_ms, trunk_ms = np.polyfit(steps, ms, 1)
    return {
        "network_ms": dict(zip(map(str, steps), ms, strict=True)),
        "trunk_ms": round(float(trunk_ms), 2),
        "step_ms": round(float(step_ms), 3),
        "steps_add_percent": round(100 * config.steps * float(step_ms / trunk_ms), 1),
        "cascade_of_trunks_ms": round(config.steps * float(trunk_ms), 1),
    }


def main() -> None:
    """Parse the command line and print, or write, what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", nargs="+", choices=tuple(PRESETS), default=["live", "paper"])
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "threads": 1, "precision": "int8"}
    result |= {preset: measure(PRESETS[preset], options.rounds) for preset in options.preset}
    report(result, options.json)


if __name__ == "__main__":
    main()
