"""Synthetic pictures per second, and where the time goes: `python -m benchmarks.synthesis`.

First the stages of one process on one core, then `rdr synth` itself with one process a core.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine


class Laps:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap to a stage."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now


def stages(data: Path, size_px: int, pictures: int) -> dict[str, float]:
    """Milliseconds a picture of each stage, in this process on one core; skins are read before."""
    from rdr_core.synthesis.generate import encode_jpeg
    from rdr_core.synthesis.scene import SceneConfig, Studio
    from rdr_core.synthesis.sensor import develop

    with Studio(data / "face_model", SceneConfig(size_px), seed=1) as studio:
        for name in studio.wardrobe.names:
            studio.wardrobe.skin(name)
        for number in range(8):
            studio.shoot(number)
        laps = Laps()
        for number in range(pictures):
            rng = np.random.default_rng((2, number))
            person = studio.person(1000 + number // studio.config.per_person)
            laps.lap("person (identity, skin, hair; one in eight pictures)")
            scene = studio.scene(rng, person)
            laps.lap("expression, pose, normals, camera, light")
            picture = studio.renderer.draw(scene.surfaces, scene.camera, scene.lighting)
            laps.lap("draw")
            studio.label(scene, picture)
            laps.lap("label")
            rgb = develop(rng, picture.rgb)
            laps.lap("sensor")
            encode_jpeg(rgb, 92)
            laps.lap("JPEG")
        drawing = studio.renderer.stage_milliseconds(scene.surfaces, scene.camera, scene.lighting)
    times = {stage: 1e3 * seconds / pictures for stage, seconds in laps.seconds.items()}
    return times | {f"  of one draw: {stage}": ms for stage, ms in drawing.items()}


def throughput(data: Path, size_px: int, seconds: float, jobs: int) -> float:
    """Pictures a second that end up in shards, all processes together, their start not counted."""
    from rdr_core.data.shards import write_shards
    from rdr_core.synthesis.generate import ShardJob
    from rdr_core.synthesis.scene import SceneConfig

    stamps: list[tuple[float, int]] = []
    made = 0

    def progress(done: int) -> None:
        nonlocal made
        made += done
        stamps.append((time.perf_counter(), made))

    job = ShardJob(data / "face_model", SceneConfig(size_px), 1, 128)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        write_shards(
            Path(folder), "s", job, 10**6, generator="benchmark", config={}, seed=1, licence="open", jobs=jobs,
            progress=progress, stop=lambda: time.perf_counter() - start > seconds,
        )  # fmt: skip
    warm = [stamp for stamp in stamps if stamp[0] - start > seconds / 4 and stamp[0] - start < seconds]
    return (warm[-1][1] - warm[0][1]) / (warm[-1][0] - warm[0][0])


def main() -> None:
    from rdr_core.config import data_folder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--pictures", type=int, default=240, help="for the stages")
    parser.add_argument("--seconds", type=float, default=60, help="for the throughput")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="file for the numbers")
    arguments = parser.parse_args()
    os.environ.setdefault("LP_NUM_THREADS", "1")
    facts = machine()
    data = data_folder()
    times = stages(data, arguments.size, arguments.pictures)
    total = sum(ms for stage, ms in times.items() if not stage.startswith(" "))
    for stage, ms in times.items():
        print(f"{stage:60} {ms:6.2f} ms {ms / total:5.0%}")
    print(f"{'one process, one core':60} {total:6.2f} ms = {1e3 / total:.1f} pictures/s")
    rate = throughput(data, arguments.size, arguments.seconds, arguments.jobs)
    print(f"rdr synth with {arguments.jobs} processes: {rate:.1f} pictures/s at {arguments.size} px")
    if arguments.json is not None:
        result: dict[str, Any] = {"machine": facts, "size_px": arguments.size, "ms": times, "per_second": rate}
        arguments.json.write_text(json.dumps(result | {"jobs": arguments.jobs}, indent=1))


if __name__ == "__main__":
    main()
