"""`rdr quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from rdr_core.cli.options import Boxes, progress_bar


def quantize(
    network: Annotated[Path, tyro.conf.Positional],
    images: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = (),
    shards: tuple[str, ...] = (),
    boxes: Boxes = "detect",
    count: int = 320,
) -> None:
    """Give an exported network a second graph that computes in bytes: twice as fast where the processor can.

    It measures how large numbers get in the network on pictures of faces such as it was trained on: some hundred, of
    heads turned every way. The new graph, NAME.int8.onnx, reads the weights of the old one. Tracking takes what suits
    the machine; see with rdr eval --precision int8 what it costs.

    Examples:
        rdr quantize out/my_network.onnx --images photos/
        rdr quantize out/my_network.onnx --shards out/synth
        rdr eval --weights out/my_network.onnx --precision int8

    Args:
        network: NAME.onnx, from rdr export.
        images: Folder of pictures, or a JSON manifest; may be given several times.
        shards: Rendered people, from rdr synth: folders, manifests or patterns of tars.
        boxes: Detect faces, or take `bbox_xyxy` of the manifest.
        count: How many faces are looked at.
    """
    from rdr_core.data.manifest import read_faces
    from rdr_core.data.sample import FaceSample
    from rdr_core.errors import ConfigError
    from rdr_core.evaluation.protocols.synth import read_rendered
    from rdr_core.inference.detector import FaceDetector
    from rdr_core.inference.images import face_inputs
    from rdr_core.inference.onnx_runtime import OnnxPredictor
    from rdr_core.inference.quantize import quantize as write_int8

    if not images and not shards:
        raise ConfigError("give faces to measure on: --images FOLDER, or --shards FOLDER from rdr synth")
    if count < 1:
        raise ConfigError(f"--count must be at least 1, got {count}")
    size = OnnxPredictor(network).crop_size
    samples: list[FaceSample] = [sample for source in images for sample in read_faces(source)]
    samples += read_rendered(shards) if shards else []
    chosen = samples[:: max(1, len(samples) // count)][:count]
    detector = FaceDetector() if boxes == "detect" else None
    with progress_bar("reading faces", len(chosen)) as advance:
        inputs = face_inputs(chosen, size, detector, advance)
    print(f"measuring on {len(inputs)} faces")
    graph = write_int8(network, inputs)
    print(f"wrote {graph}; it is used with --weights {network} where it is faster, or with --precision int8")
