"""`rdr bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rdr_core.cli.options import Preset, print_table
from rdr_core.errors import ConfigError, DataError, NoFaceError

if TYPE_CHECKING:
    from rdr_core.data.crop import Crop
    from rdr_core.inference.precision import Precision
    from rdr_core.inference.stages import Timing
    from rdr_core.types import UInt8

_LEAST_ROUNDS: Final = 20


def bench(
    preset: Preset = "live",
    weights: Path | None = None,
    threads: tuple[int, ...] = (1, 2),
    precision: tuple[Literal["float", "int8"], ...] = ("float", "int8"),
    device: tuple[str, ...] = ("cpu",),
    batch: tuple[int, ...] = (1,),
    rounds: int = 300,
    image: Path | None = None,
    out: Path | None = None,
) -> None:
    """Measure how long a tracked face takes on this machine, by stage, device, threads, precision and batch.

    All are measured on the same face, in turn, so that their ratios mean something on a busy machine, too.

    Examples:
        rdr bench
        rdr bench --threads 1 --rounds 1000 --out out/bench.json
        rdr bench --device cpu cuda --batch 1 256
        rdr bench --weights out/my_network.onnx --precision float

    Args:
        preset: Which of the shipped networks.
        weights: research or open (their licence), or a network of your own.
        threads: CPU threads of the network.
        precision: float, int8 (bytes) or both; a GPU has its own.
        device: cpu, cuda (a GPU; needs torch) or both.
        batch: How many faces are looked at together, as in rdr predict --batch; live tracking has those of one picture.
        rounds: How often each is run.
        image: A picture with a face; default: one that comes with scikit-image.
        out: Also write the numbers here, as JSON.
    """
    from rich.console import Console

    from rdr_core.evaluation.tables import Row, Table
    from rdr_core.inference.stages import PERCENTILES, time_stages
    from rdr_core.inference.weights import find_network, load_predictor

    if rounds < _LEAST_ROUNDS or not threads or min(*threads, *batch, 1) < 1 or not (precision and device and batch):
        raise ConfigError(
            f"--rounds must be at least {_LEAST_ROUNDS}, --threads and --batch 1, got {rounds}, {threads} and {batch}"
        )
    kinds: list[tuple[str, Precision, int]] = [
        ("cpu", kind, count) for count in threads for kind in precision if "cpu" in device
    ]
    kinds += [(place, "auto", 1) for place in device if place != "cpu"]
    loaded = [load_predictor(preset, weights, count, kind, place) for place, kind, count in kinds]
    variants = [
        {"device": place, "precision": predictor.precision, "threads": count, "batch": size}
        for (place, _, count), predictor in zip(kinds, loaded, strict=True)
        for size in batch
    ]
    picture = _picture(image)
    crop = _crop(picture, loaded[0].crop_size)
    predictors = [predictor for predictor in loaded for _ in batch]
    timings = time_stages(predictors, picture, crop, rounds, [row["batch"] for row in variants])
    rows = []
    for variant, timing in zip(variants, timings, strict=True):
        stages = [timing.ms[stage]["p50"] for stage in ("crop", "network", "decode")]
        faces = [timing.ms["face"][f"p{p}"] for p in PERCENTILES]
        rows.append(Row(_name(variant), (*stages, *faces)))
    columns = ("crop", "network", "decode", *(f"face p{p}" for p in PERCENTILES))
    chosen = load_predictor(preset, weights).precision
    note = f"Stages are medians. Tracking takes {chosen} on this machine; --precision of rdr track chooses."
    print_table(Console(), Table("Milliseconds a tracked face", columns, tuple(rows), note, head=""))
    if out is not None:
        network = find_network(preset, weights).name
        _write(out, {"network": network, "rounds": rounds, "tracking_takes": chosen}, variants, timings)
        print(f"wrote {out}")


def _name(variant: dict[str, Any]) -> str:
    place = f"x{variant['threads']}" if variant["device"] == "cpu" else variant["device"]
    return f"{variant['precision']} {place}" + (f" batch {variant['batch']}" if variant["batch"] > 1 else "")


def _picture(image: Path | None) -> UInt8:
    import cv2
    import numpy as np

    if image is None:
        import skimage.data

        return np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    picture = cv2.imread(str(image))
    if picture is None:
        raise DataError(f"{image}: no picture that can be read")
    return np.asarray(picture, np.uint8)


def _crop(picture: UInt8, size: int) -> Crop:
    from rdr_core.inference.detector import FaceDetector, landmark_crop

    found = FaceDetector().detect(picture)
    if not found:
        raise NoFaceError("no face was found in the picture; is one visible and over 20 px wide?")
    return landmark_crop(found[0], size)


def _write(out: Path, facts: dict[str, Any], variants: list[dict[str, Any]], timings: list[Timing]) -> None:
    from rdr_core.atomic import whole_file

    rows = [variant | {"ms": timing.ms} for variant, timing in zip(variants, timings, strict=True)]
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as temporary:
        temporary.write_text(json.dumps(facts | {"variants": rows}, indent=1) + "\n", encoding="utf-8")
