"""`rdr predict`."""

from __future__ import annotations

from pathlib import Path

from rdr_core.cli.options import Boxes, Preset, progress_bar
from rdr_core.errors import NoFaceError
from rdr_core.inference.precision import Precision


def predict(
    images: Path,
    out: Path,
    preset: Preset = "live",
    weights: Path | None = None,
    boxes: Boxes = "detect",
    passes: int = 1,
    threads: int = 1,
    precision: Precision = "auto",
    device: str = "cpu",
    batch: int = 1,
    overlays: Path | None = None,
) -> None:
    """Find landmarks, pose and expression in pictures and write them to an npz file.

    Examples:
        rdr predict --images photos/ --out out/photos.npz
        rdr predict --images photos/ --out out/photos.npz --device cuda --batch 256
        rdr predict --images manifest.json --boxes manifest --out out/faces.npz --overlays out/overlays

    Args:
        images: Folder of pictures, one picture, or a JSON manifest.
        out: The npz file to write.
        preset: Which of the shipped networks.
        weights: research or open (their licence), or a network of your own: .onnx, or .safetensors (needs torch).
        boxes: Detect faces, or take `bbox_xyxy` of the manifest.
        passes: 2 looks again at a crop around the first answer.
        threads: CPU threads of the network.
        precision: float, int8 (bytes) or what suits this machine.
        device: cpu, or cuda for a GPU (needs torch).
        batch: How many faces the network looks at together; a GPU wants hundreds.
        overlays: Folder for pictures with the landmarks drawn in.
    """
    from rdr_core.data.manifest import read_faces
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.images import predict_images, save_predictions
    from rdr_core.inference.weights import load_predictor

    samples = read_faces(images)
    predictor = load_predictor(preset, weights, threads, precision, device)
    detector = FaceDetector(threads=threads) if boxes == "detect" else None
    with progress_bar("predicting", len(samples)) as advance:
        results = predict_images(predictor, samples, detector, passes, advance, batch)
    found = sum(r.prediction is not None for r in results)
    if not found:
        raise NoFaceError(
            f"no face was found in {images} ({len(samples)} pictures); is a face visible and over 20 px wide?"
        )
    save_predictions(out, results)
    if overlays is not None:
        from rdr_core.evaluation.draw import write_overlays

        write_overlays(overlays, results)
    print(f"found {found} of {len(results)} faces; wrote {out}" + (f" and {overlays}" if overlays else ""))
