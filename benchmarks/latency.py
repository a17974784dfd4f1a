"""Milliseconds per tracked face: `python -m benchmarks.latency`. Crop, network with all refinement steps, decode."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np


def machine() -> dict[str, str]:
    """Facts that a time means nothing without."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return {"cpu": cpu, "python": platform.python_version(), "system": platform.system(), "load": load}


def measure(predictor: Any, rounds: int) -> dict[str, float]:
    """Median and best times of the parts, ms, on scikit-image's astronaut."""
    import skimage.data

    from rdr_core.inference.decode import decode, network_input
    from rdr_core.inference.detector import FaceDetector, landmark_crop

    image = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    detector = FaceDetector()
    crop = landmark_crop(detector.detect(image)[0], predictor.crop_size)
    times = np.empty((rounds, 4))
    for row in times:
        started = time.perf_counter()
        pixels = network_input(image, [crop])
        cropped = time.perf_counter()
        outputs = predictor.run(pixels)
        ran = time.perf_counter()
        decode(outputs, [crop])
        row[:] = np.array([cropped - started, ran - cropped, time.perf_counter() - ran, 0])
    times[:, 3] = times[:, :3].sum(axis=1)
    kept = 1e3 * times[rounds // 5 :]
    names = ("crop", "network", "decode", "face")
    result = {f"{name}_ms_median": round(float(v), 3) for name, v in zip(names, np.median(kept, axis=0), strict=True)}
    result["face_ms_best"] = round(float(kept[:, 3].min()), 3)
    started = time.perf_counter()
    for _ in range(10):
        detector.detect(image)
    result["detector_ms_mean"] = round(100 * (time.perf_counter() - started), 3)
    return result


def main() -> None:
    from rdr_core.inference.weights import load_predictor

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--precision", default="auto", choices=("auto", "float", "int8"))
    parser.add_argument("--out", type=Path, help="write the JSON there as well")
    arguments = parser.parse_args()
    result = {
        "machine": machine(),
        "threads": arguments.threads,
        **measure(load_predictor("live", arguments.weights, arguments.threads, arguments.precision), arguments.rounds),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
