"""Commands of rdr_core: predict, fit, train, eval, export. `rdr` (avatar_bridge.cli) gathers them with the bridge's.

Each command is a function whose signature is its command line; its module is imported only when it is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import tyro

from rdr_core.errors import ConfigError, NoFaceError

COMMANDS: Final = {
    "predict": "rdr_core.cli:predict",
    "fit": "rdr_core.cli:fit",
    "train": "rdr_core.training.command:main",
    "eval": "rdr_core.cli:evaluate",
    "export": "rdr_core.cli:export",
}
"""Command -> module:function."""

Boxes = Literal["detect", "manifest"]
Preset = Literal["live", "paper"]


@contextmanager
def progress_bar(text: str, total: int | None) -> Iterator["rich.progress.Progress"]:  # type: ignore[name-defined] # noqa: F821, UP037
    """A progress bar on standard error with one task, which `advance(task, n)` moves."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(text, total=total)
        yield progress


def predict(
    images: Path,
    out: Path,
    preset: Preset = "live",
    weights: Path | None = None,
    boxes: Boxes = "detect",
    passes: int = 1,
    threads: int = 1,
    overlays: Path | None = None,
) -> None:
    """Find landmarks, pose and expression in pictures and write them to an npz file.

    Examples:
        rdr predict --images photos/ --out out/photos.npz
        rdr predict --images manifest.json --boxes manifest --out out/faces.npz --overlays out/overlays

    Args:
        images: Folder of pictures, one picture, or a JSON manifest.
        out: The npz file to write.
        preset: Which of the shipped networks.
        weights: A network of your own instead: .onnx, or .safetensors (needs torch).
        boxes: Detect faces, or take `bbox_xyxy` of the manifest.
        passes: 2 looks again at a crop around the first answer.
        threads: CPU threads of the network.
        overlays: Folder for pictures with the landmarks drawn in.
    """
    from rdr_core.data.manifest import read_faces
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.images import predict_images, save_predictions
    from rdr_core.inference.weights import load_predictor

    samples = read_faces(images)
    predictor = load_predictor(preset, weights, threads)
    detector = FaceDetector(threads=threads) if boxes == "detect" else None
    with progress_bar("predicting", len(samples)) as bar:
        results = predict_images(predictor, samples, detector, passes, lambda: bar.advance(bar.task_ids[0]))
    found = sum(r.prediction is not None for r in results)
    if not found:
        raise NoFaceError(f"no face was found in {images} ({len(samples)} pictures); is a face visible and over 20 px wide?")
    save_predictions(out, results)
    if overlays is not None:
        from rdr_core.evaluation.draw import write_overlays

        write_overlays(overlays, results)
    print(f"found {found} of {len(results)} faces; wrote {out}" + (f" and {overlays}" if overlays else ""))


def fit(
    out: Path,
    manifest: Annotated[Path | None, tyro.conf.Positional] = None,
    data: Path | None = None,
    mirror: bool = True,
    jobs: int = 0,
    max_error: float = 0.20,
) -> None:
    """Fit the face model to annotated landmarks: the Q* that training learns from.

    Examples:
        rdr fit --out runs/fits_300w_train.npz
        rdr fit my_faces.json --out runs/my_fits.npz

    Args:
        out: The npz file to write.
        manifest: JSON manifest with `pts68`; faces with the same `person` share one identity. Default: 300-W's training set.
        data: Data folder; default RDR_DATA.
        mirror: Fit the flipped faces, too, for training.
        jobs: Processes; 0 takes all cores.
        max_error: Fits with a larger error (share of the face box) are dropped.
    """
    from rdr_core.config import data_folder
    from rdr_core.data.manifest import read_faces
    from rdr_core.data.w300 import read_w300
    from rdr_core.evaluation.nme import inter_ocular, nme
    from rdr_core.fitting.fit_group import FitConfig
    from rdr_core.training.targets import fit_samples

    samples = read_faces(manifest) if manifest else read_w300(data or data_folder(), "train")
    config = FitConfig(max_error=max_error)
    with progress_bar("fitting", len(samples) * (1 + mirror)) as bar:
        table = fit_samples(samples, config, mirror, jobs or None, lambda n: bar.advance(bar.task_ids[0], n))
    kept = table.where(table.error <= config.max_error)
    if not len(kept):
        raise ConfigError(f"all {len(table)} fits have an error over {max_error:.0%}: are the landmarks in iBUG-68 order?")
    kept.save(out)
    ocular = nme(kept.projected_shape, kept.shape, inter_ocular(kept.shape)).mean()
    print(
        f"mean fitting error {table.error.mean():.2%} of the face box ({ocular:.2%} inter-ocular), worst {table.error.max():.2%}; "
        f"dropped {len(table) - len(kept)} of {len(table)} over {max_error:.0%}; wrote {out}"
    )


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
        with progress_bar(f"evaluating {name}", None) as bar:
            evaluations.append(protocols[name](folder, predictor, detector, passes, lambda: bar.advance(bar.task_ids[0])))
    for evaluation in evaluations:
        print(evaluation.title)
        for score, value in evaluation.scores.items():
            print(f"  {score:42} {value:8.3f}")
    print(f"wrote {write_report(out, evaluations)}")


def export(weights: Annotated[Path, tyro.conf.Positional], out: Path) -> None:
    """Turn a checkpoint into the pair of files that live tracking reads: OUT.onnx and OUT.safetensors.

    Examples:
        rdr export runs/live/weights.safetensors --out out/my_network

    Args:
        weights: A checkpoint of rdr train.
        out: Where to write, without ending.
    """
    from rdr_core.inference.export import export as export_network

    out.parent.mkdir(parents=True, exist_ok=True)
    stored, graph = export_network(weights, out)
    print(f"wrote {graph} and {stored}; keep them together, and use them with --weights {graph}")
