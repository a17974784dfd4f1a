"""`rdr export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro


def export(weights: Annotated[Path, tyro.conf.Positional], out: Path, steps: int | None = None) -> None:
    """Turn a checkpoint into the pair of files that live tracking reads: OUT.onnx and OUT.safetensors.

    Examples:
        rdr export runs/live/weights.safetensors --out out/my_network
        rdr export runs/live/weights.safetensors --out out/my_fast_network --steps 2

    Args:
        weights: A checkpoint of rdr train.
        out: Where to write, without ending.
        steps: Keep only so many refinement steps: faster, and nearly as accurate.
    """
    from rdr_core.inference.export import export as export_network

    out.parent.mkdir(parents=True, exist_ok=True)
    stored, graph = export_network(weights, out, steps)
    print(f"wrote {graph} and {stored}; keep them together, and use them with --weights {graph}")
