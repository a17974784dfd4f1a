"""`rdr eval`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from rdr_core.cli.options import Boxes, Preset, print_table, progress_bar
from rdr_core.errors import ConfigError
from rdr_core.inference.precision import Precision

if TYPE_CHECKING:
    from rdr_core.evaluation.scores import Evaluation, Predict

Benchmark = Literal["300w", "aflw2000", "aflw21", "pifa", "synth"]
AT_HAND: Final[tuple[Benchmark, ...]] = ("300w", "aflw2000", "aflw21")
"""Benchmarks of which the data folder has a part."""


def evaluate(
    out: Path = Path("out/eval"),
    preset: Preset = "live",
    weights: Path | None = None,
    sets: tuple[Benchmark, ...] = (),
    folder: tuple[str, ...] = (),
    shards: tuple[str, ...] = (),
    boxes: Boxes = "manifest",
    passes: int = 1,
    threads: int = 1,
    precision: Precision = "auto",
    data: Path | None = None,
) -> None:
    """Measure a network on the benchmarks, beside the numbers of others; see docs/evaluation.md.

    Examples:
        rdr eval
        rdr eval --weights runs/live/weights.safetensors --sets 300w
        rdr eval --folder 300w=/data/300W aflw2000=/data/AFLW2000-3D
        rdr eval --shards out/synth_test --weights runs/live/weights.safetensors

    Args:
        out: Folder for scores.json, tables.md, errors per picture (CSV) and curves (PNG).
        preset: Which of the shipped networks.
        weights: research or open (their licence), or a network of your own: .onnx, or .safetensors (needs torch).
        sets: Which benchmarks; by default those of --folder and --shards, without them 300w, aflw2000 and aflw21.
        folder: SET=PATH, your own copy of 300w, aflw2000, aflw21 or pifa, laid out as its authors do.
        shards: People rendered by rdr synth that the network has never seen: folders, manifests or patterns of tars.
        boxes: Crop around the annotated box, or around what the detector finds.
        passes: 2 looks again at a crop around the first answer.
        threads: CPU threads of the network.
        precision: float, int8 (bytes) or what suits this machine.
        data: Data folder; default RDR_DATA.
    """
    from rdr_core.evaluation.report import write_report
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.images import predict_images
    from rdr_core.inference.weights import load_predictor

    plan = Plan.of(sets, folder, shards, data)
    predictor = load_predictor(preset, weights, threads, precision)
    detector = FaceDetector(threads=threads) if boxes == "detect" else None
    evaluations = []
    for name in plan.sets:
        with progress_bar(f"evaluating {name}", None) as advance:
            predict = partial(predict_images, predictor, detector=detector, passes=passes, progress=advance)
            evaluations.append(plan.evaluate(name, predict))
    for evaluation in evaluations:
        _print(evaluation)
    crops = "annotated boxes" if detector is None else "boxes of the detector"
    made_with = f"{weights or preset} ({predictor.precision}), {crops}, passes {passes}"
    print(f"wrote {write_report(out, evaluations, made_with)}")


@dataclass(frozen=True)
class Plan:
    """Which benchmarks are run, and where their pictures are."""

    sets: tuple[Benchmark, ...]
    folders: dict[str, Path]
    shards: tuple[str, ...]
    data: Path | None

    @classmethod
    def of(
        cls, sets: tuple[Benchmark, ...], folder: tuple[str, ...], shards: tuple[str, ...], data: Path | None
    ) -> Plan:
        """Read the options; ConfigError where they contradict each other or the data folder is needed and not there."""
        folders = dict(_named_folder(text) for text in folder)
        given = (*folders, *(["synth"] if shards else []))
        chosen = sets or tuple(name for name in get_args(Benchmark) if name in given) or AT_HAND
        unused = [name for name in given if name not in chosen]
        if unused:
            raise ConfigError(f"{', '.join(unused)} is given but not among --sets {' '.join(chosen)}")
        if "synth" in chosen and not shards:
            raise ConfigError("synth needs pictures: --shards FOLDER, as rdr synth --out FOLDER --seed 99 makes them")
        if "pifa" in chosen and "pifa" not in folders:
            raise ConfigError("AFLW-PIFA is not in the data folder: name your copy with --folder pifa=PATH")
        plan = cls(chosen, folders, shards, data)
        if any(name in AT_HAND and name not in folders for name in chosen):
            plan.data_folder()
        return plan

    def evaluate(self, name: Benchmark, predict: Predict) -> Evaluation:
        """Run one benchmark."""
        from rdr_core.evaluation.protocols.aflw21 import evaluate_aflw21
        from rdr_core.evaluation.protocols.aflw2000 import evaluate_aflw2000
        from rdr_core.evaluation.protocols.pifa import evaluate_pifa
        from rdr_core.evaluation.protocols.synth import evaluate_synth
        from rdr_core.evaluation.protocols.w300 import evaluate_w300

        if name == "synth":
            return evaluate_synth(self.shards, predict)
        if name == "pifa":
            return evaluate_pifa(self.folders[name], predict)
        evaluate = {"300w": evaluate_w300, "aflw2000": evaluate_aflw2000, "aflw21": evaluate_aflw21}[name]
        published = name in self.folders
        return evaluate(self.folders[name] if published else self.data_folder(), predict, published)

    def data_folder(self) -> Path:
        """Return the data folder; ConfigError where it is needed and not there."""
        from rdr_core.config import data_folder

        return self.data or data_folder()


def _named_folder(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    names = [known for known in get_args(Benchmark) if known != "synth"]
    if name not in names or not path:
        raise ConfigError(f"--folder takes SET=PATH with SET one of {', '.join(names)}, got {text!r}")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"--folder {text}: no such folder")
    return name, folder


def _print(evaluation: Evaluation) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for table in evaluation.tables:
        print_table(console, table)
    print(evaluation.title)
    for score, value in evaluation.scores.items():
        print(f"  {score:44} {value:8.3f}")
