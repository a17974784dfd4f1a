"""Training pictures per second: `python -m benchmarks.streaming`. Read, decode, crop, augment; from real shards."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.machine import machine

PICTURES_PER_SHARD = 500
SHARDS = 4


def write_faces(folder: Path, size_px: int) -> Path:
    """Write shards of scikit-image's astronaut, turned and shifted, with labels of the usual size; their manifest."""
    import skimage.data

    from rdr_core.data.label import FaceLabel
    from rdr_core.data.shard import Member
    from rdr_core.data.shards import write_shards
    from rdr_core.face_model.dynamic_expression_model import default_face_model

    model = default_face_model()
    astronaut = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    center, scale = np.array([222.0, 120.0]), size_px / 190

    def samples(number: int) -> list[Member]:
        members = []
        for index in range(PICTURES_PER_SHARD):
            rng = np.random.default_rng((number, index))
            matrix = np.array([[scale, 0, 0], [0, scale, 0]])
            matrix[:, 2] = size_px / 2 - scale * (center + rng.normal(0, 5, 2))
            picture = cv2.warpAffine(astronaut, matrix, (size_px, size_px))
            shape = (size_px * (0.5 + 0.22 * rng.uniform(-1, 1, (68, 2)))).astype(np.float32)
            depth = rng.normal(0, 10, (68, 1)).astype(np.float32)
            alpha_id = rng.normal(0, 1, model.n_identity).astype(np.float32)
            label = FaceLabel(
                shape=shape,
                projected_shape=shape,
                landmarks_3d=np.concatenate([shape, depth], axis=1),
                visible=np.ones(68, bool),
                euler_rad=rng.normal(0, 0.3, 3).astype(np.float32),
                translation_px=np.array([size_px / 2, size_px / 2, 0], np.float32),
                scale_px_per_cm=size_px / 30,
                alpha_id=alpha_id,
                alpha_exp=rng.uniform(0, 1, 46).astype(np.float32),
                residual=0.0,
                source="benchmark",
            )
            jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
            members.append((f"{index:06d}", jpeg, label))
        return members

    facts: dict[str, Any] = {"generator": "benchmark", "config": {}, "seed": 0, "licence": "open"}
    write_shards(folder, "bench", samples, SHARDS, **facts)
    return folder / "bench.json"


@dataclass
class Clock:
    """Time that the processor spent in functions, by stage: that of other programs is not in it."""

    seconds: dict[str, float]

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Replace a function of a module or class by one that is timed."""
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.process_time()
            try:
                return inner(*args, **kwargs)
            finally:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.process_time() - started

        setattr(owner, name, timed)


def stages(sampler: Any, batches: int) -> dict[str, float]:
    """Microseconds a picture of each stage, in this process."""
    from rdr_core.data import shard
    from rdr_core.data.crop import Crop
    from rdr_core.training import batches as module

    clock = Clock({})
    clock.watch(shard, "decode_jpeg", "decode")
    clock.watch(shard, "label_from_json", "label")
    clock.watch(shard.Shard, "_read", "read")
    clock.watch(Crop, "warp", "warp")
    clock.watch(module, "photometric", "photometric")
    clock.watch(module, "jitter_crop", "crop and targets")
    clock.watch(module, "target_in_crop", "crop and targets")
    sampler.batch(0)
    clock.seconds.clear()
    started = time.process_time()
    for number in range(1, batches + 1):
        sampler.batch(number)
    total = time.process_time() - started
    clock.seconds["rest"] = total - sum(clock.seconds.values())
    per = 1e6 / (batches * sampler.batch_size)
    return {stage: round(per * seconds, 1) for stage, seconds in {**clock.seconds, "all": total}.items()}


def rate(sampler: Any, workers: int, seconds: float) -> float:
    """Pictures per second of the stream, once it runs."""
    from rdr_core.training.stream import AHEAD, stream

    batches = stream(sampler, 0, workers)
    for _ in range(2 * AHEAD * max(workers, 1)):  # what was made ahead is not counted
        next(batches)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        next(batches)
        count += 1
    elapsed = time.perf_counter() - started
    batches.close()
    return round(count * sampler.batch_size / elapsed, 1)


def measure(crop_px: int, picture_px: int, workers: list[int], seconds: float) -> dict[str, Any]:
    from rdr_core.data.augment import AugmentConfig
    from rdr_core.data.shard_set import ShardSet
    from rdr_core.training.batches import Sampler
    from rdr_core.training.sources import ShardFaces

    with tempfile.TemporaryDirectory() as folder:
        shards = ShardSet.open(str(write_faces(Path(folder), picture_px)))
        settings: dict[str, Any] = {"crop_size": crop_px, "batch_size": 32, "no_face": 0.12, "seed": 0}
        sampler = Sampler([(ShardFaces(shards), 1.0)], (), AugmentConfig(), **settings)
        rates = {f"pictures_per_s_{n}_workers": rate(sampler, n, seconds) for n in workers}
        parts = stages(sampler, 60)
        sampler.close()
    of_a_core = {"pictures_per_s_of_a_core": round(1e6 / parts["all"], 1)}
    return {"crop_px": crop_px, "picture_px": picture_px} | rates | of_a_core | {"us_per_picture": parts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--crop", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--picture", type=int, help="side of the pictures, px; default 1.5 times the crop")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--out", type=Path, help="write the JSON there as well")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [
        measure(crop, arguments.picture or crop * 3 // 2, arguments.workers, arguments.seconds)
        for crop in arguments.crop
    ]
    text = json.dumps({"machine": machine(), "streaming": rows}, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
