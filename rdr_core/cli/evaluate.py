"""`rdr eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rdr_core.cli.options import Boxes, Preset, progress_bar


def evaluate(
    out: Path = Path("out/eval"),
    preset: Preset = "live",
    weights: Path | None = None,
    sets: tuple[Literal["300w", "aflw2000"], ...] = ("300w", "aflw2000"),
    boxes: Boxes = "manifest",
    passes: int = 1,
    threads: int = 1,
    data: Path | None = None,
) -> None:
    """Measure a network on the benchmarks: NME of S and S_p at each refinement step, by subset and by yaw.

    Examples:
        rdr eval
        rdr eval --weights runs/live/weights.safetensors --sets 300w

    Args:
        out: Folder for scores.json, errors per picture (CSV) and curves (PNG).
        preset: Which of the shipped networks.
        weights: A network of your own instead: .onnx, or .safetensors (needs torch).
        sets: Which benchmarks.
        boxes: Crop around the annotated box, or around what the detector finds.
        passes: 2 looks again at a crop around the first answer.
        threads: CPU threads of the network.
        data: Data folder; default RDR_DATA.
    """
    from rdr_core.config import data_folder
    from rdr_core.evaluation.protocols import evaluate_aflw2000, evaluate_w300
    from rdr_core.evaluation.report import write_report
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.weights import load_predictor

    folder = data or data_folder()
    predictor = load_predictor(preset, weights, threads)
    detector = FaceDetector(threads=threads) if boxes == "detect" else None
    protocols = {"300w": evaluate_w300, "aflw2000": evaluate_aflw2000}
    evaluations = []
    for name in sets:
        with progress_bar(f"evaluating {name}", None) as advance:
            evaluations.append(protocols[name](folder, predictor, detector, passes, advance))
    for evaluation in evaluations:
        print(evaluation.title)
        for score, value in evaluation.scores.items():
            print(f"  {score:42} {value:8.3f}")
    print(f"wrote {write_report(out, evaluations)}")
