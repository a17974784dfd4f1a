"""The networks that come with the program, by preset and licence, and a user's own."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from rdr_core.config import chosen_face_model
from rdr_core.errors import AssetError
from rdr_core.face_model.fingerprint import check_face_model
from rdr_core.inference.onnx_runtime import OnnxPredictor
from rdr_core.inference.precision import Precision, choose_graph, weights_of

LICENCES: Final = ("research", "open")
"""What shipped weights may be used for: research alone, or anything (trained on rendered people, no photograph)."""
DEFAULT_LICENCE: Final = "research"


def find_network(preset: str, weights: Path | None = None) -> Path:
    """Path of a network: the user's file; the one beside the face model in use, where that is the user's own; or the
    one of the preset (`live`) that is shipped under a licence (`research`, `open`)."""
    model = chosen_face_model()
    if model is None or weights is not None:
        return shipped_network(preset, weights)
    beside = model.with_suffix(".onnx")
    if not beside.is_file():
        raise AssetError(
            f"{beside}: no network beside the face model {model.name}: make both with rdr face-model import, or give "
            "one that was trained with this face model with --weights FILE"
        )
    return beside


def shipped_network(preset: str, weights: Path | None = None) -> Path:
    """Path of the user's file, or of the network that is shipped for the shipped face model."""
    licence = DEFAULT_LICENCE if weights is None else str(weights)
    if weights is not None and licence not in LICENCES:
        return weights
    path = Path(str(files("rdr_core") / "assets" / f"{preset}_{licence}.onnx"))
    if not path.is_file():
        raise AssetError(
            f"no {preset} network is shipped with the program ({licence}): train one with rdr train {preset} and give "
            "it with --weights FILE"
        )
    return path


def network_sha256(network: Path) -> str:
    """Return the SHA-256, as hexadecimal text, of a network's file, continued with its weights where they lie beside it
    (NAME.onnx, NAME.safetensors). AssetError where it is not there."""
    if not network.is_file():
        raise AssetError(f"{network}: no such network; make it with rdr export")
    digest = hashlib.sha256()
    for path in dict.fromkeys((network, weights_of(network))):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def load_predictor(
    preset: str = "live",
    weights: Path | None = None,
    threads: int = 1,
    precision: Precision = "auto",
    device: str = "cpu",
) -> Any:
    """Return a predictor for .onnx (onnxruntime) or .safetensors (torch) files: both have `predict` and `crop_size`.

    Args:
        preset: of the shipped networks.
        weights: research or open, or a file.
        threads: of the processor.
        precision: of .onnx files, see `choose_graph`.
        device: cpu, or cuda (cuda:N), where torch takes the .safetensors file of the network.
    """
    path = find_network(preset, weights)
    if device != "cpu":
        path = weights_of(path)
    if path.suffix == ".safetensors":
        try:
            import torch

            from rdr_core.inference.predictor import RDRPredictor
        except ImportError as error:
            raise AssetError(f"{path}: needs torch; install the extra `train`, or export it with rdr export") from error
        torch.set_num_threads(threads)
        return RDRPredictor(path, device)
    check_face_model(weights_info(weights_of(path)), path)
    return OnnxPredictor(choose_graph(path, precision), threads)


def weights_info(weights: Path) -> dict[str, Any]:
    """Return what the writer of a safetensors file said of it; nothing where there is no such file."""
    if not weights.is_file():
        return {}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, "np") as file:
            info = json.loads((file.metadata() or {}).get("info", "{}"))
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise AssetError(f"{weights}: not a whole weights file ({error}); export it again") from error
    return info if isinstance(info, dict) else {}
