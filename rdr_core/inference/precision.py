"""Which graph of a network a machine runs: in single floats or in bytes, the faster one unless it says something else.

Bytes are twice as fast where the processor multiplies them (VNNI, ARM's dot product). Older ones may overflow while
they add up, and say something else: both are looked at, once for each network and machine, and remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from rdr_core.atomic import whole_file
from rdr_core.errors import AssetError

Precision = Literal["auto", "float", "int8"]
"""auto: what suits this machine; float: single floats; int8: bytes, where the network has a graph for them."""
INT8: Final = ".int8"
_ROUNDS: Final = 15
_AGREES: Final = 0.02
"""Landmarks on a made-up picture may differ by so much of the crop."""


def int8_graph(graph: Path) -> Path:
    """Path of a network's graph in bytes: NAME.onnx -> NAME.int8.onnx."""
    return graph.with_name(graph.stem + INT8 + graph.suffix)


def is_int8(graph: Path) -> bool:
    """Whether a graph is one in bytes, by its name."""
    return graph.stem.endswith(INT8)


def weights_of(graph: Path) -> Path:
    """Path of the weights that a graph reads: NAME.onnx and NAME.int8.onnx -> NAME.safetensors."""
    return graph.with_name(graph.stem.removesuffix(INT8) + ".safetensors")


def choose_graph(graph: Path, precision: Precision = "auto") -> Path:
    """Return the graph to run for NAME.onnx.

    Raises:
        AssetError: bytes were asked for, and there is no such graph.
    """
    small = int8_graph(graph)
    if precision == "float":
        return graph
    if not small.is_file():
        if precision == "int8":
            raise AssetError(f"{graph}: has no graph in bytes, {small.name}; make it with rdr quantize {graph}")
        return graph
    return small if precision == "int8" or _suits(graph, small) else graph


def _suits(graph: Path, small: Path) -> bool:
    """Whether bytes are faster here and say the same; what was found before is read from the user's cache."""
    memory, key = _memory(), _key(small)
    known = _read(memory)
    if key not in known:
        known[key] = compare(graph, small)
        with suppress(OSError):  # without a cache it is tried again next time
            memory.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(memory) as temporary:
                temporary.write_text(json.dumps(known, indent=1))
    return known[key]


def compare(graph: Path, small: Path) -> bool:
    """Run both on a made-up picture: whether `small` is faster and its landmarks are those of `graph`."""
    from rdr_core.inference.onnx_runtime import OnnxPredictor

    predictors = [OnnxPredictor(path) for path in (graph, small)]
    picture = made_up_picture(predictors[0].crop_size)
    times = np.empty((_ROUNDS, 2))
    for row in times:
        for column, predictor in enumerate(predictors):
            start = time.perf_counter()
            shapes = predictor.run(picture)["shapes"]
            row[column] = time.perf_counter() - start
            if column == 0:
                expected = shapes
    agrees = bool(np.abs(shapes - expected).max() < _AGREES)
    slow, fast = np.median(times, axis=0)
    return agrees and bool(fast < slow)


def made_up_picture(size: int) -> Any:
    """(1, s, s, 3) BGR, a bright oval with dark eyes and mouth: enough of a face to compare answers on."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5

    def oval(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        return np.clip(8 * (1 - ((x - cx) / rx) ** 2 - ((y - cy) / ry) ** 2), 0, 1)

    gray = 0.35 + 0.2 * x + 0.35 * oval(0, 0, 0.32, 0.42)
    for feature in ((-0.13, -0.1, 0.07, 0.03), (0.13, -0.1, 0.07, 0.03), (0, 0.2, 0.12, 0.035)):
        gray -= 0.45 * oval(*feature)
    tint = np.array([0.75, 0.85, 1.0], np.float32)
    return np.clip(255 * gray[..., None] * tint, 0, 255)[None].astype(np.uint8)


def _memory() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("rdr-live") / "precision.json"


def _key(small: Path) -> str:
    """Name a network, a machine and what runs it."""
    import onnxruntime

    digest = hashlib.sha256()
    for path in (small, weights_of(small)):
        digest.update(path.read_bytes() if path.is_file() else b"")
    digest.update(f"{onnxruntime.__version__} {platform.machine()} {_processor()} {os.cpu_count()}".encode())
    return digest.hexdigest()[:32]


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line
    return platform.processor()


def _read(memory: Path) -> dict[str, bool]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {k: v for k, v in known.items() if isinstance(v, bool)} if isinstance(known, dict) else {}
