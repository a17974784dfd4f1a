"""The networks that come with the program, and a user's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from rdr_core.errors import AssetError
from rdr_core.inference.onnx_runtime import OnnxPredictor


def find_network(preset: str, weights: Path | None = None) -> Path:
    """Path of a network: the user's file where given, else the shipped one of the preset (`live`)."""
    if weights is not None:
        return weights
    path = Path(str(files("rdr_core") / "assets" / f"{preset}.onnx"))
    if not path.is_file():
        raise AssetError(f"no {preset} network is shipped with the program: train one with rdr train --preset {preset} "
                         "and give it with --weights FILE")  # fmt: skip
    return path


def load_predictor(preset: str = "live", weights: Path | None = None, threads: int = 1) -> Any:
    """Return a predictor for .onnx (onnxruntime) or .safetensors (torch) files: both have `predict` and `crop_size`."""
    path = find_network(preset, weights)
    if path.suffix == ".safetensors":
        try:
            import torch

            from rdr_core.inference.predictor import RDRPredictor
        except ImportError as error:
            raise AssetError(f"{path}: needs torch; install the extra `train`, or export it with rdr export") from error
        torch.set_num_threads(threads)
        return RDRPredictor(path)
    return OnnxPredictor(path, threads)
